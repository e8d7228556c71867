"""Small media files, made here."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkinghead.media.ffmpeg import find_ffmpeg


@pytest.fixture
def convert(tmp_path: Path) -> Callable[..., Path]:
    """Make a media file with ffmpeg's own sources: convert("x.mp3", *arguments)."""

    def make(name: str, *arguments: str) -> Path:
        path = tmp_path / name
        command = [find_ffmpeg(), "-nostdin", "-loglevel", "error", "-y", *arguments, f"file:{path}"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        return path

    return make


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """[48, 64, 3] uint8 with strong colours, smooth, and different in every corner."""
    y, x = np.mgrid[:48, :64]
    return np.stack([x * 4, y * 5, 255 - (x + y) * 2], -1).astype(np.uint8)


@pytest.fixture
def save_picture(tmp_path: Path, picture: np.ndarray) -> Callable[..., Path]:
    """Save the picture with Pillow in a mode and format."""

    def save(name: str, mode: str = "RGB", **options: object) -> Path:
        path = tmp_path / name
        Image.fromarray(picture).convert(mode).save(path, **options)
        return path

    return save
