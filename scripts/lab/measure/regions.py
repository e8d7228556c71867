"""Parts of a frame by the 478 landmarks of the face in it: the face's box, and where in the box an error lies."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.model.landmark_sets import (
    FACE_OVAL,
    INNER_LIPS,
    LEFT_EYE,
    LEFT_EYE_OUTER,
    LOWER_INNER_LIP,
    OUTER_LIPS,
    RIGHT_EYE,
    RIGHT_EYE_OUTER,
    UPPER_INNER_LIP,
)

Points = NDArray[np.floating]  # [478, 2] px, centres of pixels at half-integers
Mask = NDArray[np.bool_]  # [H, W]

BOX_MARGIN_PX = 10
UNIT_PX = 256  # landmark distances are given for a face box of this size
_EYE_MARGIN = 0.4  # of an eye's width, around its rims
_SHIFT_BITS = 4  # cv2 draws polygons with corners at sixteenths of a pixel


@dataclass(frozen=True)
class Box:
    """Whole pixels: columns left..right - 1, rows top..bottom - 1."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, margin: int, size: tuple[int, int]) -> Box:
        """With `margin` pixels more on all sides, as far as a picture of `size` (width, height) has them."""
        right, bottom = min(size[0], self.right + margin), min(size[1], self.bottom + margin)
        return Box(max(0, self.left - margin), max(0, self.top - margin), right, bottom)


def face_box(points: Points, size: tuple[int, int], margin: int = BOX_MARGIN_PX) -> Box:
    """The box of the 478 points and `margin` pixels, inside a picture of `size` (width, height)."""
    low, high = np.floor(points.min(0)).astype(int), np.ceil(points.max(0)).astype(int)
    return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1])).grown(margin, size)


def unit(points: Points, margin: int = BOX_MARGIN_PX) -> float:
    """What turns pixels of the picture into those of a face box whose larger side has `UNIT_PX` pixels.

    The box is that of the points with `margin` pixels on each side, whether or not the picture ends before.
    """
    return UNIT_PX / (float((points.max(0) - points.min(0)).max()) + 2 * margin)


def polygon(points: Points, size: tuple[int, int]) -> Mask:  # [N, 2], (width, height)
    """The pixels inside a closed polygon and on its rim."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    corners = np.round((np.asarray(points, np.float64) - 0.5) * 2**_SHIFT_BITS).astype(np.int32)
    cv2.fillPoly(mask, [corners], 1, shift=_SHIFT_BITS)
    return mask.astype(bool)


def mouth_interior(points: Points, size: tuple[int, int]) -> Mask:
    """What the inner lips frame."""
    return polygon(points[list(INNER_LIPS)], size)


def lip_opening(points: Points) -> float:
    """Mean distance of the inner lips' rims over that of the outer eye corners."""
    gaps = np.linalg.norm(points[list(UPPER_INNER_LIP)] - points[list(LOWER_INNER_LIP)], axis=1)
    return float(gaps.mean() / np.linalg.norm(points[LEFT_EYE_OUTER] - points[RIGHT_EYE_OUTER]))


def regions(points: Points, size: tuple[int, int]) -> dict[str, Mask]:
    """The face's box cut into parts that do not overlap.

    Returns:
        Masks of the whole picture: `inner_mouth`, `lips` (between their outer and inner rims), `eyes` (with their
        lids), `face` (the rest within the oval of the face) and `above` and `below` (outside the oval, above and below
        the line of the outer eye corners: mostly hair and forehead, ears, neck and background).
    """
    box = np.zeros((size[1], size[0]), bool)
    box[face_box(points, size).window] = True
    inner = mouth_interior(points, size)
    lips = polygon(points[list(OUTER_LIPS)], size)
    eyes = np.zeros_like(box)
    for ring in (LEFT_EYE, RIGHT_EYE):
        rim = points[list(ring)]
        reach = 1 + 2 * round(_EYE_MARGIN * float(np.ptp(rim[:, 0])))
        grown = cv2.dilate(polygon(rim, size).astype(np.uint8), np.ones((reach // 2 | 1, reach), np.uint8))
        eyes |= grown.astype(bool)
    oval = polygon(points[list(FACE_OVAL)], size)
    upper = _above_eyes(points, size)
    parts = {
        "inner_mouth": inner,
        "lips": lips & ~inner,
        "eyes": eyes & ~lips & ~inner,
        "face": oval & ~eyes & ~lips & ~inner,
        "above": ~oval & ~eyes & ~lips & ~inner & upper,
        "below": ~oval & ~eyes & ~lips & ~inner & ~upper,
    }
    return {name: part & box for name, part in parts.items()}


def _above_eyes(points: Points, size: tuple[int, int]) -> Mask:
    """The side of the line through the outer eye corners on which the forehead lies."""
    right, left = points[RIGHT_EYE_OUTER], points[LEFT_EYE_OUTER]
    along = left - right
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    return np.asarray((x - right[0]) * along[1] - (y - right[1]) * along[0] > 0)
