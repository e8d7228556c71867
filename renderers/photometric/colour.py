"""Between sRGB, in which pictures are stored, and linear light, in which shading adds and multiplies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Rec. 709 luminance of linear RGB.
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def to_linear(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 sRGB to linear 0..1 (IEC 61966-2-1)."""
    return _TABLE[picture]


def to_srgb(linear: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Linear 0..1 to uint8 sRGB; what lies outside is clipped."""
    x = np.clip(linear, 0, 1)
    encoded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.asarray(encoded * 255 + 0.5, np.uint8)


def _table() -> NDArray[np.float32]:
    s = np.arange(256) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)


_TABLE = _table()
