"""Photos, videos and frames to face parameters, with figures, overlays and curves."""
