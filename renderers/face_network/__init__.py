"""Networks on top of the rendered face."""
