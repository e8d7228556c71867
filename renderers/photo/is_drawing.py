"""Tells drawings from pictures with light and shade, which paintings and statues are too.

MediaPipe finds faces in children's drawings. Animated, they would tear: an outline is not skin.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.model.landmark_sets import FACE_OVAL
from renderers.photo.layers import polygon_mask
from renderers.photo.person_matte import segment

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# Half the side of the head-and-shoulders view, in sizes of the face's box.
_REACH = 1.8
_VIEW_PX = 256
# How surely the person segmentation sees a person in the face: drawings below 0.03, 100 photos, a painting's and a
# statue's face above 0.98.
_PERSON = 0.5
# The steepest edges over the usual slope: drawings from 7.4 on, photos about 3.5. Skin is never flat; where it is quite
# flat, nothing else has to be asked.
_STEEPEST, _FLAT = 5.0, 30.0


def looks_drawn(image: Image, landmarks: FloatArray) -> bool:
    """Whether the face is lines and flat colours that the segmentation does not take for a person.

    Args:
        image: [H, W, 3] uint8 RGB.
        landmarks: [478, 2] px.
    """
    view, points = _head_view(image, landmarks)
    inner = polygon_mask((_VIEW_PX, _VIEW_PX), points[list(FACE_OVAL)], -4)
    if not inner.any():
        return False
    grey = cv2.GaussianBlur(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))[inner] / 8
    steepest = float(np.percentile(slope, 95)) / max(float(np.median(slope)), 0.05)
    return steepest > _FLAT or (steepest > _STEEPEST and float(segment(view)[inner].mean()) < _PERSON)


def _head_view(image: Image, landmarks: FloatArray) -> tuple[Image, FloatArray]:
    """Head and shoulders at a fixed size, and the landmarks in it; beyond the picture its border goes on."""
    low, high = landmarks.min(0), landmarks.max(0)
    reach = _REACH * float((high - low).max())
    scale = _VIEW_PX / (2 * reach)
    corner = (low + high) / 2 - reach
    # Shrinking by a factor in one step would skip pixels.
    factor = min(1.0, 2 * scale)
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else image
    step = scale / factor
    matrix = np.array([[step, 0, -corner[0] * scale], [0, step, -corner[1] * scale]])
    view = cv2.warpAffine(small, matrix, (_VIEW_PX, _VIEW_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(view, np.uint8), ((landmarks - corner) * scale).astype(np.float32)
