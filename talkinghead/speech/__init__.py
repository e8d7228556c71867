"""Speech -> face parameters (X -> Y'): lips from a trained network, blinks, gaze and head from a seeded random process."""
