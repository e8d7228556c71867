"""Which part of a photo is the person: MediaPipe's Selfie Segmentation, refined on the photo's own edges.

The net sees 256 x 256 pixels. A guided filter (He, Sun, Tang, "Guided Image Filtering", 2010, equations 5, 6 and 8 in
their form for colour pictures) brings its soft outline to the hair and collar of the photo.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.litert import Net
from face3d.model.landmark_sets import FACE_OVAL
from face3d.resources import asset_path
from renderers.photo.layers import face_height, polygon_mask
from renderers.pixels.region import scaled_size

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

NET_PX = 256
# A face that the net takes for background to this share shows that it does not understand the picture.
_UNDERSTOOD = 0.8
# The guided filter: radius in face heights, and the variance of colour (in 0..1) that counts as an edge.
_RADIUS, _EDGE = 0.035, 2e-4
# It runs at this face height at most, in pixels: finer is slower, not better.
_FINEST_FACE_PX = 200.0
# What it leaves between these is soft hair; beyond, it is taken for certain.
_CERTAIN = (0.08, 0.92)


@cache
def _net() -> Net:
    return Net(asset_path("selfie_segmentation.tflite").read_bytes())


def segment(image: Image) -> FloatArray:  # [h, w, 3] -> [h, w]
    """How surely each pixel shows a person, 0..1, as the net says; the mean over the picture and its mirror image."""
    small = np.asarray(cv2.resize(image, (NET_PX, NET_PX), interpolation=cv2.INTER_AREA))
    total = np.zeros((NET_PX, NET_PX), np.float32)
    for flip in (1, -1):
        (person,) = _net().run(np.multiply(small[:, ::flip], np.float32(1 / 255), dtype=np.float32)[None])
        total += person[0, :, ::flip, 0] / 2
    height, width = image.shape[:2]
    return np.asarray(cv2.resize(total, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def guided_filter(guide: FloatArray, values: FloatArray, radius: int, epsilon: float) -> FloatArray:
    """Smooth `values` [h, w] so that they follow the edges of `guide` [h, w, 3] 0..1.

    In every window of `radius`, the result is a linear function of the guide's colour; windows are averaged.
    """

    def mean(x: FloatArray) -> FloatArray:
        return np.asarray(cv2.blur(x, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT), np.float32)

    average = mean(values)
    channels = [np.ascontiguousarray(guide[..., i]) for i in range(3)]
    centres = [mean(c) for c in channels]
    covariance: dict[tuple[int, int], NDArray[np.floating]] = {
        (i, j): mean(channels[i] * channels[j]) - centres[i] * centres[j] + (epsilon if i == j else 0)
        for i in range(3)
        for j in range(i, 3)
    }
    slopes = _solve_symmetric(
        covariance, [mean(c * values) - m * average for c, m in zip(channels, centres, strict=True)]
    )
    offset = average - sum(s * m for s, m in zip(slopes, centres, strict=True))
    return sum((mean(s) * c for s, c in zip(slopes, channels, strict=True)), mean(offset))


def _solve_symmetric(
    a: dict[tuple[int, int], NDArray[np.floating]], right: list[NDArray[np.floating]]
) -> list[NDArray[np.floating]]:
    """The 3 x 3 systems a x = right of all pixels, by Cramer's rule; `a` holds the upper triangles."""
    c00 = a[1, 1] * a[2, 2] - a[1, 2] ** 2
    c01 = a[0, 2] * a[1, 2] - a[0, 1] * a[2, 2]
    c02 = a[0, 1] * a[1, 2] - a[0, 2] * a[1, 1]
    c11 = a[0, 0] * a[2, 2] - a[0, 2] ** 2
    c12 = a[0, 1] * a[0, 2] - a[0, 0] * a[1, 2]
    c22 = a[0, 0] * a[1, 1] - a[0, 1] ** 2
    determinant = a[0, 0] * c00 + a[0, 1] * c01 + a[0, 2] * c02
    x, y, z = (r / determinant for r in right)
    return [c00 * x + c01 * y + c02 * z, c01 * x + c11 * y + c12 * z, c02 * x + c12 * y + c22 * z]


def person_matte(image: Image, landmarks: FloatArray) -> FloatArray | None:
    """How much each pixel belongs to the person whose face the landmarks show, 0..1, soft at hair.

    Args:
        image: [h, w, 3] uint8 RGB, head and shoulders.
        landmarks: [478, 2] px.

    Returns:
        [h, w] float32, or None when the net does not see a person where the face is: a drawing, for instance.
    """
    shape, face = image.shape[:2], face_height(landmarks)
    coarse = segment(image)
    oval = polygon_mask(shape, landmarks[list(FACE_OVAL)])
    if not oval.any() or coarse[oval].mean() < _UNDERSTOOD:
        return None
    scale = min(1.0, _FINEST_FACE_PX / face)
    small = scaled_size(shape, scale, 8)
    guide = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
    values = np.asarray(cv2.resize(this_person(coarse, oval), small, interpolation=cv2.INTER_AREA), np.float32)
    fine = guided_filter(guide, values, max(2, round(_RADIUS * face * scale)), _EDGE)
    fine = np.asarray(cv2.resize(fine, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
    low, high = _CERTAIN
    matte = np.clip((fine - low) / (high - low), 0, 1)
    matte[oval] = 1
    return matte.astype(np.float32)


def this_person(coarse: FloatArray, oval: NDArray[np.bool_]) -> FloatArray:
    """`coarse` [h, w] without people who do not touch the one whose face is `oval` [h, w]."""
    _, labels = cv2.connectedComponents(((coarse > 0.5) | oval).astype(np.uint8))
    own = (labels == np.bincount(labels[oval]).argmax()).astype(np.uint8)
    # The soft rim around the component belongs to it.
    size = 2 * max(2, round(0.02 * max(coarse.shape))) + 1
    return coarse * cv2.dilate(own, np.ones((size, size), np.uint8))
