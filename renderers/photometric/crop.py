"""The face cut out of a photo at some size, in linear light, with what is no skin masked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.camera import Camera
from face3d.model.landmark_sets import INNER_LIPS, LEFT_EYE, RIGHT_EYE
from renderers.photometric.colour import LUMINANCE, to_linear

# Around the landmarks' box, as a share of it.
_MARGIN = 1.16
_RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
_LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
# What is left out, and how far around it, as a share of its width.
_NOT_SKIN = ((LEFT_EYE, 0.18), (RIGHT_EYE, 0.18), (_LEFT_BROW, 0.08), (_RIGHT_BROW, 0.08), (INNER_LIPS, 0.0))


@dataclass(frozen=True)
class FaceCrop:
    """A square crop.

    Attributes:
        linear: [S, S, 3] float32, linear RGB, 0..1.
        luminance: [S, S] float64 of it.
        skin: [S, S] bool, False on eyes, brows and the mouth's opening as the landmarks show them.
        camera: of the crop; its focal length is in the crop's pixels.
    """

    linear: NDArray[np.float32]
    luminance: NDArray[np.float64]
    skin: NDArray[np.bool_]
    camera: Camera

    @classmethod
    def cut(cls, image: NDArray[np.uint8], landmarks_px: NDArray[np.floating], camera: Camera, size: int) -> FaceCrop:
        """Cut the face out; at most `size` pixels, and never larger than in the photo."""
        low, high = landmarks_px.min(0), landmarks_px.max(0)
        side = int(np.ceil((high - low).max() * _MARGIN))
        left, top = (int(v) for v in np.floor((low + high - side) / 2))
        size = min(size, side)
        factor = size / side
        linear = cv2.resize(to_linear(_cut(image, left, top, side)), (size, size), interpolation=cv2.INTER_AREA)
        x, y = camera.principal_point_px
        own = Camera(camera.focal_px * factor, ((x - left) * factor, (y - top) * factor), (size, size))
        skin = _skin((landmarks_px - [left, top]) * factor, size)
        return cls(np.asarray(linear, np.float32), (linear @ LUMINANCE).astype(np.float64), skin, own)


def zoomed(crop: FaceCrop, zoom: float) -> FaceCrop:
    """The crop with a focal length exp(zoom) times as long."""
    camera = crop.camera
    return replace(crop, camera=replace(camera, focal_px=camera.focal_px * math.exp(zoom)))


def _cut(image: NDArray[np.uint8], left: int, top: int, side: int) -> NDArray[np.uint8]:
    """A square that may reach beyond the picture, whose border is continued there."""
    height, width = image.shape[:2]
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    return image[rows[:, None], columns]


def _skin(points: NDArray[np.floating], size: int) -> NDArray[np.bool_]:
    mask = np.ones((size, size), np.uint8)
    for ring, margin in _NOT_SKIN:
        polygon = points[list(ring)]
        reach = max(1, round(margin * float(np.ptp(polygon[:, 0]))))
        hole = np.zeros_like(mask)
        cv2.fillPoly(hole, [cv2.convexHull(np.round(polygon - 0.5).astype(np.int32))], (1,))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        mask[cv2.dilate(hole, kernel) > 0] = 0
    return mask > 0
