"""Reading photos, videos and sound, and writing MP4 files."""
