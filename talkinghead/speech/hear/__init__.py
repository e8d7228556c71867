"""The encoder: sound to phones, the open mouth and closures, in constant memory."""
