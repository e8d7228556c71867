"""Small tools for pictures: regions, sampling between pixels, soft lines."""
