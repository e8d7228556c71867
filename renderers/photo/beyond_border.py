"""The person of a photo beyond its borders: what comes into the picture when the head moves away from one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# A head's outline is followed this far down to see how it bends, as a share of the width that the border cuts.
_BEND = 0.25


def continue_beyond(person: Image, pad: int) -> Image:
    """The person continued where the photo ends: mirrored, but only what reaches the border without a gap.

    At the upper border, a head is closed by a cap as round as a circle through its outline.

    Args:
        person: [h, w, 4] uint8, colours premultiplied by the opacity, and the opacity.
        pad: by how many pixels, less than both sides.

    Returns:
        [h + 2 pad, w + 2 pad, 4] uint8.
    """
    taller = _mirrored(person, pad)
    above = taller[:pad]
    above[:] = np.round(above * _caps(person[..., 3], pad)[..., None])
    return np.ascontiguousarray(np.moveaxis(_mirrored(np.moveaxis(taller, 1, 0), pad), 0, 1))


def _mirrored(lines: Image, pad: int) -> Image:  # [n, m, 4] -> [n + 2 pad, m, 4]
    parts = []
    for inner in (lines[: pad + 1], lines[::-1][: pad + 1]):
        opacity = inner[1:, :, 3].astype(np.float32)
        covered = np.minimum.accumulate(inner[..., 3], 0)[1:] / np.maximum(opacity, 1)
        parts.append(np.round(inner[1:] * covered[..., None]).astype(np.uint8))
    return np.concatenate([parts[0][::-1], lines, parts[1]])


def _caps(opacity: NDArray[np.uint8], pad: int) -> FloatArray:
    """[pad, w] 0..1, what of the rows above the border lies inside the round end of something that the border cuts."""
    height, width = opacity.shape
    solid = opacity > 127
    up = np.arange(pad, 0, -1, dtype=np.float32)[:, None] - 0.5
    columns = np.arange(width, dtype=np.float32) + 0.5
    shares = np.zeros((pad, width), np.float32)
    for left, right in _runs(solid[0]):
        if left == 0 or right == width:
            shares[:, left:right] = 1
            continue
        middle, half = (left + right) / 2, (right - left) / 2
        below = min(height - 1, max(1, round(2 * _BEND * half)))
        around = [(a, b) for a, b in _runs(solid[below]) if a <= middle < b]
        lower = (around[0][1] - around[0][0]) / 2 if around else half
        # Of a circle that far above its middle, width^2 = radius^2 - height^2; it may not end in a chimney.
        height_of_border = max(0.0, (lower**2 - half**2 + below**2) / (2 * below))
        width_there = np.sqrt(np.maximum(half**2 - 2 * up * height_of_border - up**2, 0))
        share = np.clip(width_there - np.abs(columns - middle) + 0.5, 0, 1)
        shares = np.maximum(shares, share)
    return shares


def _runs(line: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[first, end) of the stretches that are true."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in steps.reshape(-1, 2)]
