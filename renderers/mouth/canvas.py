"""What the mouth's inside is painted with and on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# What a pixel shows: the shaded mesh's four materials, or the photo's own mouth.
UPPER_TEETH, LOWER_TEETH, CAVITY, TONGUE, OWN = range(5)
MATERIALS = 5


@dataclass(frozen=True)
class Palette:
    """Colours in the photo's light, [3] float32 0..255; arc lengths of the gaps between teeth, [N] float32 mm."""

    teeth: FloatArray
    gums: FloatArray
    tongue: FloatArray
    cavity: FloatArray
    lips: FloatArray
    upper_gaps: FloatArray
    lower_gaps: FloatArray


@dataclass(frozen=True)
class OwnMouth:
    """The photo's own mouth in its own window; empty arrays where it shows none.

    Attributes:
        picture: [3, h, w] float32 0..255, the photo resampled to the window.
        shown: [4, h, w] float32 0..1, how far the picture shows each material there.
        light: [2, h, w] float32 0..1, the light that fell on the upper teeth and on everything else.
    """

    picture: FloatArray
    shown: FloatArray
    light: FloatArray

    @property
    def any(self) -> bool:
        """Whether the photo shows one."""
        return self.picture.shape[1] > 1


@dataclass(frozen=True)
class Canvas:
    """The painted window, [H, W] each; rows outside the opening are not written.

    Attributes:
        material: int8, -1 outside the opening.
        base: [H, W, 3] float32 0..255, shaded colour.
        own: [H, W, 3] float32 0..255, the photo's own colour in this frame's light.
        shown: float32 0..1, the own colour's share.
        cover: float32 0..1, the opening's share of the pixel.
        light: float32 0..1.
        depth: float32 mm behind the lips.
    """

    material: NDArray[np.int8]
    base: FloatArray
    own: FloatArray
    shown: FloatArray
    cover: FloatArray
    light: FloatArray
    depth: FloatArray

    @classmethod
    def empty(cls, height: int, width: int) -> Canvas:
        """A canvas that shows nothing."""
        plane = (height, width)
        colours, planes = (
            [np.zeros((*plane, 3), np.float32) for _ in range(2)],
            [np.zeros(plane, np.float32) for _ in range(4)],
        )
        return cls(np.full(plane, -1, np.int8), colours[0], colours[1], *planes)
