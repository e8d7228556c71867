"""From phones to the mouth by rules, calibrated on filmed lips: what the encoder learns from."""
