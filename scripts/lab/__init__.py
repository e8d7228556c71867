"""What only maintainers run: building the head, training, measuring. Not part of the installed package."""
