"""Rows of RGBA pictures read between their pixels, in loops that the compiler turns into vector code.

One loop finds the places, one fetches the four pixels around each, one mixes them: only the second has to do its pixels
one by one. Places count in 1/256 of a pixel and weights are exact, so that results lie within 0.55 levels of the
bilinear mixture; at whole pixels they are exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d.compiled import kernel

# Places in one pixel's width, and how many pixels are read at a time: as many as stay in the nearest cache.
PLACES, CHUNK = 256, 256

_BITS = np.int32(8)
_EIGHT, _SEVEN, _ONE, _HALF = np.uint16(8), np.uint16(7), np.uint16(1), np.int32(16)
_FOUR_TIMES, _HIGH = np.uint64(0x0001_0001_0001_0001), np.uint64(32)
_ZERO = np.int32(0)


def pixel_pairs(picture: NDArray[np.uint8]) -> NDArray[np.uint64]:  # [h, w, 4] -> [h w - 1]
    """Each pixel with the one after it as one number, for `read_row`; a view of `picture`, which must be contiguous."""
    if not picture.flags.c_contiguous or picture.ndim != 3 or picture.shape[2] != 4 or min(picture.shape[:2]) < 2:
        raise ValueError(f"A contiguous [h, w, 4] of at least 2 x 2 pixels is needed, got {list(picture.shape)}")
    count = picture.shape[0] * picture.shape[1] - 1
    return np.ndarray((count,), np.uint64, picture, strides=(4,))


@kernel
def row_buffers():  # type: ignore[no-untyped-def]
    """What `read_row` works in: indices, weights across and down, the four pixels, the result."""
    return (
        np.empty(CHUNK, np.int32),
        np.empty(CHUNK, np.uint64),
        np.empty(CHUNK, np.uint64),
        np.empty((4, CHUNK), np.uint32),
        np.empty(CHUNK, np.uint32),
    )


@kernel
def read_row(pairs, size, x, y, buffers):  # type: ignore[no-untyped-def]
    """Bilinear samples of a picture, continued at its border.

    Args:
        pairs: of `pixel_pairs`.
        size: (height, width) of the picture, >= 2.
        x, y: [n] float32, n <= CHUNK: places in 1/256 pixels, 0 at the first pixel's centre.
        buffers: of `row_buffers`.

    Returns:
        [n] uint32, a part of `buffers`: R, G, B, A from the lowest byte on.
    """
    index, across, down, corners, line = buffers
    n, width = x.shape[0], np.int32(size[1])
    _find(x, y, np.int32((size[0] - 1) * PLACES - 1), np.int32((size[1] - 1) * PLACES - 1), width, index, across, down)
    _fetch(pairs, np.uint32(width), index[:n], corners[0], corners[1], corners[2], corners[3])
    _mix(
        corners[0].view(np.uint8),
        corners[1].view(np.uint8),
        corners[2].view(np.uint8),
        corners[3].view(np.uint8),
        across.view(np.uint16),
        down.view(np.uint16),
        line[:n].view(np.uint8),
    )
    return line[:n]


@kernel
def _find(x, y, bottom, right, width, index, across, down):  # type: ignore[no-untyped-def]
    """The upper left of the four pixels around each place, and the weights of the others, once for each channel."""
    for i in range(x.shape[0]):
        column = min(max(np.int32(np.floor(x[i] + np.float32(0.5))), _ZERO), right)
        row = min(max(np.int32(np.floor(y[i] + np.float32(0.5))), _ZERO), bottom)
        c, r = np.int32(column >> _BITS), np.int32(row >> _BITS)
        index[i] = np.int32(np.int32(r * width) + c)
        across[i] = np.uint64(np.uint32(column - np.int32(c << _BITS))) * _FOUR_TIMES
        down[i] = np.uint64(np.uint32(row - np.int32(r << _BITS))) * _FOUR_TIMES


@kernel
def _fetch(pairs, width, index, p00, p01, p10, p11):  # type: ignore[no-untyped-def]
    for i in range(index.shape[0]):
        at = np.uint32(index[i])
        upper, lower = pairs[at], pairs[np.uint32(at + width)]
        p00[i], p01[i] = np.uint32(upper), np.uint32(upper >> _HIGH)
        p10[i], p11[i] = np.uint32(lower), np.uint32(lower >> _HIGH)


@kernel
def _mix(p00, p01, p10, p11, across, down, out):  # type: ignore[no-untyped-def]
    """All in 16 bits, of which vector units take the most at a time; what wraps around on the way wraps back."""
    for i in range(out.shape[0]):
        a, b, c, d = np.uint16(p00[i]), np.uint16(p01[i]), np.uint16(p10[i]), np.uint16(p11[i])
        # a + (b - a) across, times 128
        upper = np.int16(np.uint16(np.uint16(a << _EIGHT) + np.uint16(np.uint16(b - a) * across[i])) >> _ONE)
        lower = np.int16(np.uint16(np.uint16(c << _EIGHT) + np.uint16(np.uint16(d - c) * across[i])) >> _ONE)
        # ... and 64 times the mixture of these: the upper half of a product.
        share = np.int32(np.int16(np.uint16(down[i] << _SEVEN)))
        step = np.int16(np.int32(np.int32(np.int16(lower - upper)) * share) >> _HALF)
        out[i] = np.uint8(np.int16(np.int16(np.int16(upper >> np.int16(1)) + step) + np.int16(32)) >> np.int16(6))
