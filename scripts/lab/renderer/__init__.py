"""Training and measuring the renderer's networks on photos and fitted videos."""
