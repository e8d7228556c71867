"""Black-and-white and sepia photos: what is painted into them must not have colours that they do not know."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# A photo whose pixels differ from the usual colour of their brightness by less than this, levels, has one tone.
_ONE_TONE = 2.5
# One tone changes smoothly with brightness, over about this many levels. No brightness counts for more than this share
# of the pixels: a plain backdrop neither decides what its brightness looks like elsewhere nor hides a face's colours.
_SMOOTH, _MOST_SHARE = 4.0, 1 / 256


@dataclass(frozen=True, eq=False)
class Toning:
    """The colour that a photo of one tone gives to each brightness.

    Attributes:
        table: [256, 3] uint8 RGB.
    """

    table: Image

    @classmethod
    def of(cls, photo: Image) -> Toning | None:  # [H, W, 3]
        """The photo's toning; None for a photo in colours."""
        step = max(1, min(photo.shape[:2]) // 256)
        pixels = photo[::step, ::step].reshape(-1, 3).astype(np.float64)
        grey = _grey(photo[::step, ::step]).reshape(-1)
        count = np.bincount(grey, minlength=256)
        most = max(1.0, _MOST_SHARE * len(grey))
        weight = np.minimum(count, most)
        sums = np.stack([np.bincount(grey, pixels[:, k], minlength=256) for k in range(3)], 1)
        known = np.flatnonzero(count)
        means = sums[known] / count[known, None]
        # Brightnesses that the photo does not have differ from grey as the nearest ones that it has.
        levels = np.arange(256)
        tint = np.stack([np.interp(levels, known, means[:, k] - known) for k in range(3)], 1)
        table = levels[:, None] + _smoothed(tint, weight**2 / most + 1e-6)  # rare brightnesses know little
        off = np.bincount(grey, np.abs(pixels - table[grey]).mean(1), minlength=256)
        if (off[known] / count[known] * weight[known]).sum() > _ONE_TONE * weight.sum():
            return None
        return cls(np.round(table).clip(0, 255).astype(np.uint8))

    def apply(self, crop: Image, box: tuple[slice, slice]) -> None:
        """Give the pixels of `box` (rows, columns) of [h, w, 3] the photo's tone, in place."""
        part = crop[box]
        if part.size:
            part[:] = self.table[_grey(part)]


def _smoothed(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, C] rows as straight lines through their neighbours say, near ones more, by [N] weights."""
    away = np.arange(len(values)) - np.arange(len(values))[:, None]
    near = weight / (1 + (away / _SMOOTH) ** 2) ** 2
    sums = [(near * away**power).sum(1)[:, None] for power in range(3)]
    level, slope = near @ values, (near * away) @ values
    smooth: NDArray[np.float64] = (sums[2] * level - sums[1] * slope) / (sums[0] * sums[2] - sums[1] ** 2)
    return smooth


def _grey(picture: Image) -> Image:
    """[h, w] brightness; exactly the value of a grey pixel."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY), np.uint8)
