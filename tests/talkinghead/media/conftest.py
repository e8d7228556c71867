"""Small media files, made here."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

# (X, Y, Z) of sRGB's red, green and blue under the white of a profile's connection space.
SRGB_COLUMNS = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))


def make_profile(
    gamma: float,
    columns: tuple[tuple[float, float, float], ...] | None = SRGB_COLUMNS,
    name: bytes = b"sRGB-elle-V2-g10.icc",
) -> bytes:
    """An ICC profile of version 2: RGB by its columns, or grey (None)."""

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    curve = b"curv\0\0\0\0" + (struct.pack(">I", 0) if gamma == 1 else struct.pack(">IH", 1, round(gamma * 256)))
    white = xyz((0.9642, 1.0, 0.8249))
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(79),
        b"cprt": b"text\0\0\0\0-\0",
        b"wtpt": white,
    }
    if columns is None:
        tags[b"kTRC"] = curve
    else:
        tags |= dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, columns), strict=True))
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    space = b"GRAY" if columns is None else b"RGB "
    head = struct.pack(">I4sI", start + len(body), b"lcms", 0x02200000) + b"mntr" + space + b"XYZ " + bytes(12)
    head += b"acsp" + bytes(28) + white[8:]
    return head.ljust(128, b"\0") + table + body


@pytest.fixture
def convert(tmp_path: Path) -> Callable[..., Path]:
    """Make a media file with ffmpeg's own sources: convert("x.mp3", *arguments)."""

    def make(name: str, *arguments: str) -> Path:
        path = tmp_path / name
        command = [get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y", *arguments, f"file:{path}"]
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
