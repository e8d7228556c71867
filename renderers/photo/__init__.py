"""The photo taken apart: person and background, outline, hair, tones, sharpness."""
