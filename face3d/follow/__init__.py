"""One person through the frames of a video, and what is kept of them."""
