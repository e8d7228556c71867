"""What a maintainer runs once to make `face3d/assets/cc0_head.npz`; nothing here is needed at run time."""
