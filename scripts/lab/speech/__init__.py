"""Making and measuring the speech model."""
