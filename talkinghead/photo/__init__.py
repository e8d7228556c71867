"""A person's photo: found, fitted, kept; and how motion is laid on it."""
