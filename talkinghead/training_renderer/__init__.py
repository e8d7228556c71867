"""Training of the renderer's networks on photos and fitted videos."""
