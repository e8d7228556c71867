"""What lies around the face: hair, ears, neck and shoulders, moved over a background that stands still."""
