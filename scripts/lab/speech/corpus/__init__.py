"""Synthetic and recorded speech with the time of every phone."""
