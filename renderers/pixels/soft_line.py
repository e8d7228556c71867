"""Thin dark lines where two surfaces meet: lash lines and the seam of closed lips."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLES = 4


def draw_soft_line(
    picture: NDArray[np.uint8],  # [h, w, 3], changed in place
    line: NDArray[np.float32],  # [N, 2] px, pixel centres at half-integers
    rgb: NDArray[np.float32],  # [3] 0..255
    width: float,  # px
    strength: float,  # 0..1
) -> None:
    """Blend an anti-aliased polyline with soft edges into the picture; what lies outside the picture is left out."""
    margin = 2 * width + 3
    low = np.maximum(np.floor(line.min(0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(line.max(0) + margin), (picture.shape[1], picture.shape[0])).astype(int)
    if (high <= low).any():
        return
    mask = np.zeros(((high[1] - low[1]) * SAMPLES, (high[0] - low[0]) * SAMPLES), np.uint8)
    fine = np.round(((line - low) * SAMPLES - 0.5) * 16).astype(np.int32)
    cv2.polylines(mask, [fine], False, 255, max(1, round(width * SAMPLES)), cv2.LINE_AA, shift=4)
    alpha = cv2.resize(mask, (high[0] - low[0], high[1] - low[1]), interpolation=cv2.INTER_AREA)
    alpha = cv2.GaussianBlur(alpha.astype(np.float32) / 255, (0, 0), max(0.5, 0.5 * width))[..., None] * strength
    window = picture[low[1] : high[1], low[0] : high[0]]
    window[:] = np.round(window * (1 - alpha) + rgb * alpha).astype(np.uint8)
