"""What a frame changes: a rectangle of the photo, in which alone it differs from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Change:
    """The part of a photo that one frame replaces; everything outside stays as it is.

    Attributes:
        picture: [h, w, 3] uint8 RGB.
        left: the photo's column of the picture's first one.
        top: the photo's row of the picture's first one.
    """

    picture: Image
    left: int
    top: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the photo that are replaced."""
        height, width = self.picture.shape[:2]
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def over(self, photo: Image) -> Image:  # [H, W, 3] -> [H, W, 3]
        """A copy of the photo with the change in it."""
        result = photo.copy()
        result[self.window] = self.picture
        return result
