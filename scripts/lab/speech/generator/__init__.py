"""Training the network that draws motion for what is heard."""
