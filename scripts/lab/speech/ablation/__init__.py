"""Other representations of motion, compared."""
