"""What a frame changes: a rectangle of the photo, in which alone it differs from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from renderers.pose import Pose

if TYPE_CHECKING:
    from torch import Tensor

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


class Avatar(ABC):
    """A photo that can be driven by face parameters."""

    @property
    @abstractmethod
    def photo(self) -> Image:  # [H, W, 3]
        """The photo; outside the window of `render_changed`, every frame is it."""

    @property
    @abstractmethod
    def expression(self) -> Tensor:  # [52]
        """The photo's own expression."""

    @abstractmethod
    def render_changed(self, pose: Pose) -> Change:
        """What one frame changes of the photo; `render`'s picture is this over the photo."""

    @property
    def frame_size(self) -> tuple[int, int]:
        """(width, height) of every frame, the photo's own."""
        return self.photo.shape[1], self.photo.shape[0]

    def render(self, pose: Pose) -> Image:  # [H, W, 3] uint8 RGB, a new array
        """One frame."""
        return self.render_changed(pose).over(self.photo)
