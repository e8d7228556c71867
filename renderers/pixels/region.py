"""Rectangles of whole pixels, and their sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Region:
    """A rectangle of a picture, in whole pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    @property
    def origin(self) -> NDArray[np.float32]:
        """[2] the corner, px."""
        return np.array([self.left, self.top], np.float32)

    @classmethod
    def around(cls, points: NDArray[np.float32], margin: float, width: int, height: int) -> Region | None:
        """The box of [N, 2] points grown by `margin`, inside a width x height picture; None when it lies outside."""
        low = np.floor(points.min(0) - margin).astype(int)
        high = np.ceil(points.max(0) + margin).astype(int)
        left, top = max(0, low[0]), max(0, low[1])
        right, bottom = min(width, high[0]), min(height, high[1])
        return cls(left, top, right - left, bottom - top) if right > left and bottom > top else None

    def even(self, width: int, height: int) -> Region:
        """The smallest region with even borders that holds this one, as far as a width x height picture goes.

        Each chroma sample of a video belongs to four pixels, which change together or not at all.
        """
        left, top = self.left - self.left % 2, self.top - self.top % 2
        right, bottom = self.left + self.width, self.top + self.height
        right, bottom = min(right + right % 2, width), min(bottom + bottom % 2, height)
        return Region(left, top, right - left, bottom - top)


def scaled_size(shape: tuple[int, ...], scale: float, least: int = 1) -> tuple[int, int]:
    """(width, height) of a picture [h, w, ...] made smaller or larger, each at least `least` px."""
    return max(least, round(shape[1] * scale)), max(least, round(shape[0] * scale))
