"""What `scripts/benchmark_speech.py` measures: motion against real motion, aligned phones and other methods."""
