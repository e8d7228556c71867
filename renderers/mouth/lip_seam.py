"""The shadow between closed lips, for photos whose own lips are open and so do not show it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.model.landmark_sets import INNER_LIPS, LOWER_INNER_LIP, OUTER_LIPS, UPPER_INNER_LIP
from renderers.photo.layers import PhotoLayers, face_height, polygon_mask
from renderers.pixels.soft_line import draw_soft_line

FloatArray = NDArray[np.float32]

# Lips farther apart than this show what is behind them instead, mm.
CONTACT_MM = 1.5
# A photo whose lips stand apart less than this shows a seam of its own, mm.
_OWN_SEAM_MM = (1.0, 2.5)
STRENGTH = 0.6


@dataclass(frozen=True, eq=False)
class SeamState:
    """What is kept of a photo.

    Attributes:
        missing: 0..1, how much of a seam the photo lacks.
        width: px.
        rgb: [3] 0..255.
    """

    missing: float
    width: float
    rgb: FloatArray


class LipSeam:
    """Draws the seam.

    Args:
        layers: the photo's layers.
        landmarks: [478, 2] px in the crop.
        own_opening_mm: how far the photo's lips stand apart.

    Attributes:
        state: what is drawn, by this or by `renderers.batched.lip_seam`.
    """

    def __init__(self, layers: PhotoLayers, landmarks: FloatArray, own_opening_mm: float) -> None:
        low, high = _OWN_SEAM_MM
        missing = float(np.clip((own_opening_mm - low) / (high - low), 0, 1))
        width = 1.6 * face_height(landmarks) / 256
        shape = layers.skin.shape[:2]
        lips = polygon_mask(shape, landmarks[list(OUTER_LIPS)]) & ~polygon_mask(shape, landmarks[list(INNER_LIPS)])
        colour = np.median(layers.skin[lips], axis=0) if lips.any() else np.array([120.0, 70.0, 70.0])
        self.state = SeamState(missing, width, (colour * np.array([0.45, 0.35, 0.35])).astype(np.float32))

    def draw(self, crop: NDArray[np.uint8], points: FloatArray, opening_mm: float) -> None:
        """Darken the line of contact in place; `points` [478, 2] are this frame's landmarks in the crop, px."""
        state = self.state
        strength = state.missing * max(0.0, 1 - opening_mm / CONTACT_MM) * STRENGTH
        if strength > 0:
            middle = (points[list(UPPER_INNER_LIP)] + points[list(LOWER_INNER_LIP)]) / 2
            line = np.concatenate([points[[78]], middle, points[[308]]])
            draw_soft_line(crop, line, state.rgb, state.width, strength)
