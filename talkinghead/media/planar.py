"""RGB to the yuv420p that the encoder takes: BT.709, limited range, each chroma sample the mean of four pixels.

The equations are those of ITU-R BT.709-6, items 3.2 to 3.4, with 8-bit quantisation after item 3.5. ffmpeg's swscale
gives the same numbers to one level, but works on whole frames; here a frame that differs from its photo in one window
costs that window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.compiled import kernel

Image = NDArray[np.uint8]

# Rows Y', Cb, Cr over R', G', B' of 0..255.
_RED, _BLUE = 0.2126, 0.0722
_GREEN = 1 - _RED - _BLUE
BT709 = (
    np.array(
        [
            [_RED, _GREEN, _BLUE],
            [-_RED / (2 * (1 - _BLUE)), -_GREEN / (2 * (1 - _BLUE)), 0.5],
            [0.5, -_GREEN / (2 * (1 - _RED)), -_BLUE / (2 * (1 - _RED))],
        ]
    )
    * np.array([[219.0], [224.0], [224.0]])
    / 255
)
BLACK, NO_COLOUR = 16, 128

# The kernel's fixed point: 16 bits behind the point for one pixel, two of them for the mean of four.
LUMA_WEIGHTS = np.round(BT709[0] * 65536).astype(np.int32)
CHROMA_WEIGHTS = np.round(BT709[1:] * 16384).astype(np.int32)


@dataclass(frozen=True)
class PlanarChange:
    """A window of a yuv420p picture, all numbers even.

    Attributes:
        luma: [h, w] uint8.
        blue, red: [h / 2, w / 2] uint8, Cb and Cr.
        left: the picture's column of the window's first one.
        top: the picture's row of the window's first one.
    """

    luma: Image
    blue: Image
    red: Image
    left: int
    top: int


class PlanarPicture:
    """A yuv420p picture that is kept from frame to frame, windows of which are replaced.

    Args:
        width: pixels, even.
        height: pixels, even.
    """

    def __init__(self, width: int, height: int) -> None:
        if width % 2 or height % 2 or min(width, height) < 2:
            raise ValueError(f"yuv420p needs even sizes, got {width} x {height}")
        self.data = np.empty(width * height * 3 // 2, np.uint8)  # Y, then Cb, then Cr, row by row
        half = width * height // 4
        self.luma = self.data[: 4 * half].reshape(height, width)
        self.blue = self.data[4 * half : 5 * half].reshape(height // 2, width // 2)
        self.red = self.data[5 * half :].reshape(height // 2, width // 2)

    def put(self, picture: Image, left: int = 0, top: int = 0) -> None:
        """Replace a window.

        Args:
            picture: [h, w, 3] uint8 RGB, even sizes.
            left: column of its first one, even.
            top: row of its first one, even.

        Raises:
            ValueError: odd numbers, or the window leaves the picture.
        """
        self._check(left, top, picture.shape[1], picture.shape[0])
        # Contiguous arrays as they are: of slices the compiler would not know that pixels lie side by side.
        pixels = np.ascontiguousarray(picture)
        _convert(pixels, LUMA_WEIGHTS, CHROMA_WEIGHTS, self.luma, self.blue, self.red, left, top)

    def put_planes(self, change: PlanarChange) -> None:
        """Replace a window by one that is converted already.

        Raises:
            ValueError: odd numbers, or the window leaves the picture.
        """
        height, width = change.luma.shape
        self._check(change.left, change.top, width, height)
        rows, columns = slice(change.top, change.top + height), slice(change.left, change.left + width)
        self.luma[rows, columns] = change.luma
        rows, columns = (slice(s.start // 2, s.stop // 2) for s in (rows, columns))
        self.blue[rows, columns], self.red[rows, columns] = change.blue, change.red

    def _check(self, left: int, top: int, width: int, height: int) -> None:
        rows, columns = self.luma.shape
        if (left | top | width | height) % 2 or min(left, top) < 0 or top + height > rows or left + width > columns:
            raise ValueError(f"{width} x {height} at ({left}, {top}) does not fit a picture of {columns} x {rows}")


@kernel
def _convert(picture, luma_weights, chroma_weights, luma, blue, red, left, top):  # type: ignore[no-untyped-def]
    yr, yg, yb = luma_weights[0], luma_weights[1], luma_weights[2]
    ur, ug, ub = chroma_weights[0, 0], chroma_weights[0, 1], chroma_weights[0, 2]
    vr, vg, vb = chroma_weights[1, 0], chroma_weights[1, 1], chroma_weights[1, 2]
    y_base, c_base = np.int32((16 << 16) + (1 << 15)), np.int32((128 << 16) + (1 << 15))
    shift = np.int32(16)
    width = picture.shape[1]
    # Two rows at a time, their colours apart: what then runs along a row becomes vector code.
    r, g, b = np.empty((2, width), np.uint8), np.empty((2, width), np.uint8), np.empty((2, width), np.uint8)
    for i in range(picture.shape[0] // 2):
        for k in range(2):
            row, out = picture[2 * i + k], luma[top + 2 * i + k, left : left + width]
            rk, gk, bk = r[k], g[k], b[k]
            for x in range(width):
                rk[x] = row[x, 0]
                gk[x] = row[x, 1]
                bk[x] = row[x, 2]
            for x in range(width):
                out[x] = np.uint8(
                    (yr * np.int32(rk[x]) + yg * np.int32(gk[x]) + yb * np.int32(bk[x]) + y_base) >> shift
                )
        r0, r1, g0, g1, b0, b1 = r[0], r[1], g[0], g[1], b[0], b[1]
        line, first = top // 2 + i, left // 2
        blue_row, red_row = blue[line, first : first + width // 2], red[line, first : first + width // 2]
        for j in range(blue_row.shape[0]):
            x = 2 * j
            rs = np.int32(r0[x]) + np.int32(r0[x + 1]) + np.int32(r1[x]) + np.int32(r1[x + 1])
            gs = np.int32(g0[x]) + np.int32(g0[x + 1]) + np.int32(g1[x]) + np.int32(g1[x + 1])
            bs = np.int32(b0[x]) + np.int32(b0[x + 1]) + np.int32(b1[x]) + np.int32(b1[x + 1])
            blue_row[j] = np.uint8((ur * rs + ug * gs + ub * bs + c_base) >> shift)
            red_row[j] = np.uint8((vr * rs + vg * gs + vb * bs + c_base) >> shift)
