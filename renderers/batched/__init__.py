"""The same frames in torch, many at a time, on any device: for GPUs."""
