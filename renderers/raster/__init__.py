"""Rasterizers behind one contract, and what shading needs of them."""
