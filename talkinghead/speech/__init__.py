"""Speech -> face parameters (X -> Y'): lips from a trained network, the rest from a seeded random process."""
