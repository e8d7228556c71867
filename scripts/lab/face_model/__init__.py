"""Building the head, its landmarks and the faces that fitters are trained on."""
