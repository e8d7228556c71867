"""Speech -> face parameters (X -> Y'): phones and lips from one network, head, gaze, brows and blinks from a second."""
