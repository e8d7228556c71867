"""Faces in one picture: found, measured, and measured again near a known place."""
