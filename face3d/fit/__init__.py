"""Landmarks to face parameters: the objective, its solver and priors; one photo, or a whole track."""
