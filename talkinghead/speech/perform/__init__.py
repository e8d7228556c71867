"""What is heard and drawn, as frames of a face: lids, brows, moods, styles, closures, any frame rate."""
