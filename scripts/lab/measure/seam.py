"""Whether one sees where a face was pasted: steps of brightness across rings around it, and where the change ends."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.model.landmark_sets import FACE_OVAL
from scripts.lab.measure.similarity import luma

Image = NDArray[np.uint8]
Points = NDArray[np.floating]  # [478, 2] px

# The face's oval scaled about its middle by these factors: on the skin, where one picture can be blended into another.
# Farther out even the rings of a real video differ several times from frame to frame: hair moves over the background.
RINGS = (0.8, 0.85, 0.9, 0.95, 1.0)
_SAMPLES = 720
_STEP = 0.008  # half the distance over which a step is measured, in heights of the oval


def ring_gradients(image: Image, points: Points) -> NDArray[np.float64]:  # [len(RINGS)]
    """Mean size of luma's derivative across each ring, per pixel.

    Samples outside the picture do not count; a ring without any inside is NaN.
    """
    oval = _evenly(np.asarray(points[list(FACE_OVAL)], np.float64))
    middle = oval.mean(0)
    tangent = np.roll(oval, -1, 0) - np.roll(oval, 1, 0)
    normal = np.column_stack([tangent[:, 1], -tangent[:, 0]]) / np.linalg.norm(tangent, axis=1, keepdims=True)
    reach = max(1.0, _STEP * float(np.ptp(oval[:, 1])))
    brightness = luma(image).astype(np.float32)
    result = np.full(len(RINGS), np.nan)
    for number, factor in enumerate(RINGS):
        ring = middle + factor * (oval - middle)
        low, high = ring - reach * normal, ring + reach * normal
        inside = _inside(low, image) & _inside(high, image)
        if inside.any():
            step = _read(brightness, high[inside]) - _read(brightness, low[inside])
            result[number] = np.abs(step).mean() / (2 * reach)
    return result


def edge_gradient_ratio(frame: Image, photo: Image) -> float:
    """Luma's gradient where the region in which a frame differs from its photo ends, over the photo's there.

    1 where the change fades away or nothing has changed; the photo's gradient counts as at least 1 per pixel.
    """
    changed = (frame != photo).any(-1).astype(np.uint8)
    changed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    edge = cv2.dilate(changed, np.ones((3, 3), np.uint8)) != cv2.erode(changed, np.ones((3, 3), np.uint8))
    if not edge.any():
        return 1.0
    ours, own = (_gradient(image)[edge].mean() for image in (frame, photo))
    return float(max(ours, 1.0) / max(own, 1.0))


def _gradient(image: Image) -> NDArray[np.float64]:
    y, x = np.gradient(luma(image))
    return np.asarray(np.hypot(x, y))


def _evenly(polygon: NDArray[np.float64]) -> NDArray[np.float64]:
    """`_SAMPLES` points at equal distances along a closed polygon."""
    closed = np.concatenate([polygon, polygon[:1]])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.linspace(0, length[-1], _SAMPLES, endpoint=False)
    return np.column_stack([np.interp(at, length, closed[:, i]) for i in range(2)])


def _inside(places: NDArray[np.float64], image: Image) -> NDArray[np.bool_]:
    return np.asarray(((places >= 0.5) & (places <= (image.shape[1] - 0.5, image.shape[0] - 0.5))).all(1))


def _read(values: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    at = (places - 0.5).astype(np.float32)
    return np.asarray(cv2.remap(values, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR), np.float32)[0]
