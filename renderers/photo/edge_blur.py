"""How sharp a photo is: what is painted into it must not be sharper."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# The steepest share of a face's pixels are edges of eyes, brows, lips and its outline.
_EDGES = 0.03
_AGAIN_PX = 1.0
_LEAST_RATIO = 1.02


def edge_blur(image: Image, landmarks: FloatArray) -> float:
    """Standard deviation of the blur on a face's edges, px: 0.5 in a picture without any, 1 in soft video.

    Blurred once more by a known amount, an edge loses the more steepness the sharper it was (Zhuo and Sim, Defocus map
    estimation from a single image, Pattern Recognition 44, 2011). The median over the face's steepest pixels is taken.

    Args:
        image: [h, w, 3] uint8 RGB.
        landmarks: [478, 2] px in it.
    """
    low = np.clip(np.floor(landmarks.min(0)).astype(int), 0, None)
    high = np.ceil(landmarks.max(0)).astype(int)
    grey = cv2.cvtColor(image[low[1] : high[1], low[0] : high[0]], cv2.COLOR_RGB2GRAY).astype(np.float32)
    before, after = _steepness(grey), _steepness(cv2.GaussianBlur(grey, (0, 0), _AGAIN_PX))
    # An edge's middle: beside it the steepness grows by blurring.
    ridge = before >= cv2.dilate(before, np.ones((3, 3), np.uint8))
    edges = ridge & (before >= max(1e-3, float(np.quantile(before, 1 - _EDGES))))
    if not edges.any():
        return 0.0
    ratio = max(_LEAST_RATIO, float(np.median(before[edges] / np.maximum(after[edges], 1e-3))))
    return _AGAIN_PX / float(np.sqrt(ratio**2 - 1))


def _steepness(grey: NDArray[Any]) -> FloatArray:
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)).astype(np.float32)
