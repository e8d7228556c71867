"""Driven eyes: the ball behind its lids, lids that close, lashes."""
