"""What every training shares: the loop, its checkpoints, its learning rate."""
