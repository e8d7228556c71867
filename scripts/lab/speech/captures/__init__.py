"""Filmed and captured motion with its sound, as training reads it."""
