"""Black-and-white and sepia photos: what is painted into them must not have colours that they do not know."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# A photo whose pixels differ from the usual colour of their brightness by less than this, levels, has one tone.
_ONE_TONE = 2.5


class Toning:
    """The colour that a photo of one tone gives to each brightness.

    Args:
        table: [256, 3] uint8 RGB.
    """

    def __init__(self, table: Image) -> None:
        self._table = np.ascontiguousarray(table[:, None, :])

    @classmethod
    def of(cls, photo: Image) -> Toning | None:  # [H, W, 3]
        """The photo's toning; None for a photo in colours."""
        step = max(1, min(photo.shape[:2]) // 256)
        pixels = photo[::step, ::step].reshape(-1, 3).astype(np.float64)
        grey = _grey(photo[::step, ::step]).reshape(-1)
        count = np.bincount(grey, minlength=256)
        sums = np.stack([np.bincount(grey, pixels[:, k], minlength=256) for k in range(3)], 1)
        known = np.flatnonzero(count)
        means = sums[known] / count[known, None]
        # Brightnesses that the photo does not have differ from grey as the nearest ones that it has.
        levels = np.arange(256)
        table = np.stack([levels + np.interp(levels, known, means[:, k] - known) for k in range(3)], 1)
        if np.abs(pixels - table[grey]).mean() > _ONE_TONE:
            return None
        return cls(np.round(table).clip(0, 255).astype(np.uint8))

    def apply(self, crop: Image, box: tuple[slice, slice]) -> None:
        """Give the pixels of `box` (rows, columns) of [h, w, 3] the photo's tone, in place."""
        part = crop[box]
        if part.size:
            part[:] = self._table[_grey(part), 0]


def _grey(picture: Image) -> Image:
    """[h, w] brightness; exactly the value of a grey pixel."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY), np.uint8)
