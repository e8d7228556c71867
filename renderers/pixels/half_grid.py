"""Pictures prepared for sharp and fast sampling between their pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d.compiled import kernel


def half_grid(image: NDArray[np.uint8]) -> NDArray[np.uint8]:  # [h, w, C] -> [2h - 1, 2w - 1, C]
    """The picture with an interpolated sample between each two pixels; even samples are the pixels themselves.

    Bilinear sampling of it is nearly as sharp as cubic sampling of the picture, four times faster, and exact for whole
    pixels.
    """
    height, width, channels = image.shape
    result = np.empty((2 * height - 1, 2 * width - 1, channels), np.uint8)
    _fill(np.ascontiguousarray(image).reshape(height, -1), channels, result.reshape(2 * height - 1, -1))
    return result


@kernel
def _fill(rows, channels, fine):  # type: ignore[no-untyped-def]
    """`rows` [h, w C] to `fine` [2h - 1, (2w - 1) C]: first between rows, then between the pixels of each row."""
    last = len(rows) - 1
    line = np.empty(rows.shape[1], np.uint8)
    for row in range(len(fine)):
        here = row // 2
        if row % 2 == 0:
            line[:] = rows[here]
        else:
            before, there, after = rows[max(here - 1, 0)], rows[here + 1], rows[min(here + 2, last)]
            for i in range(len(line)):
                line[i] = _between(before[i], rows[here, i], there[i], after[i])
        _fill_row(line, channels, fine[row])


@kernel
def _fill_row(line, channels, fine):  # type: ignore[no-untyped-def]
    """`line` [w C] to `fine` [(2w - 1) C]."""
    width = len(line) // channels
    for channel in range(channels):
        before, here = line[channel], line[channel]
        there = line[min(1, width - 1) * channels + channel]
        for x in range(width - 1):
            after = line[min(x + 2, width - 1) * channels + channel]
            fine[2 * x * channels + channel] = here
            fine[(2 * x + 1) * channels + channel] = _between(before, here, there, after)
            before, here, there = here, there, after
        fine[2 * (width - 1) * channels + channel] = here


@kernel
def _between(before, here, there, after):  # type: ignore[no-untyped-def]
    """Catmull-Rom at 1/2."""
    value = (9 * (np.int32(here) + np.int32(there)) - np.int32(before) - np.int32(after) + np.int32(8)) >> np.int32(4)
    return np.uint8(min(max(value, np.int32(0)), np.int32(255)))
