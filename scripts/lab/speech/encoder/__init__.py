"""Training the network that hears phones, the open mouth and closures."""
