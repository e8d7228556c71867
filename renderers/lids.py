"""Closing eyelids: the skin picture without lashes fades in, and a lash line is drawn along the lid's edge."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.landmark_sets import LEFT_EYE, LEFT_UPPER_LID, RIGHT_EYE, RIGHT_UPPER_LID
from renderers.half_grid import half_grid
from renderers.photo_layers import PhotoLayers, face_height
from renderers.soft_line import draw_soft_line

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

_EYES = ((LEFT_EYE, (263, *LEFT_UPPER_LID, 362)), (RIGHT_EYE, (33, *RIGHT_UPPER_LID, 133)))
# Between these closures (0 open as in the photo, 1 shut) the lashes' strip gives way to plain lid and a lash line.
_FADE = (0.25, 0.75)
_LASH_STRENGTH = 0.7


def _fade(closure: float) -> float:
    t = min(1.0, max(0.0, (closure - _FADE[0]) / (_FADE[1] - _FADE[0])))
    return t * t * (3 - 2 * t)


class ClosingLids:
    """The skin picture of each frame, and its lash lines.

    Args:
        layers: the photo's layers.
        landmarks: [478, 2] px in the crop.
    """

    def __init__(self, layers: PhotoLayers, landmarks: FloatArray) -> None:
        self._open, self._shut = half_grid(layers.skin), half_grid(layers.lids)
        self._skin = self._open.copy()
        self._unit = face_height(landmarks) / 256
        self._windows: list[tuple[slice, slice]] = []
        height, width = self._skin.shape[:2]
        for ring, _ in _EYES:
            points = landmarks[list(ring)]
            low, high = 2 * (points.min(0) - 12 * self._unit), 2 * (points.max(0) + 12 * self._unit)
            rows = slice(max(0, int(low[1])), max(0, min(height, int(high[1]) + 1)))
            columns = slice(max(0, int(low[0])), max(0, min(width, int(high[0]) + 1)))
            self._windows.append((rows, columns))
        self._lash_rgb = self._darkest_rim()

    def _darkest_rim(self) -> FloatArray:
        """[3] colour of the darkest tenth of the pixels around the eyes, at most dark brown."""
        pixels = np.concatenate([self._open[w].reshape(-1, 3) for w in self._windows]).astype(np.float32)
        if not len(pixels):
            return np.full(3, 40, np.float32)
        light = pixels.mean(1)
        colour = pixels[light <= np.quantile(light, 0.1)].mean(0)
        return (colour * min(1.0, 70 / max(1.0, float(colour.max())))).astype(np.float32)

    def skin(self, closures: tuple[float, float]) -> Image:
        """Skin picture on the half grid for (left, right) closures; the buffer is reused by the next call."""
        for window, closure in zip(self._windows, closures, strict=True):
            share = _fade(closure)
            if share == 0:
                self._skin[window] = self._open[window]
            elif 0 not in self._skin[window].shape:
                self._skin[window] = cv2.addWeighted(self._open[window], 1 - share, self._shut[window], share, 0)
        return self._skin

    def draw_lashes(self, crop: Image, points: FloatArray, closures: tuple[float, float]) -> None:
        """Darken the edges of closing upper lids in place; `points` [478, 2] px: this frame's landmarks in the crop."""
        for (_, edge), closure in zip(_EYES, closures, strict=True):
            strength = _fade(closure) * _LASH_STRENGTH
            if strength > 0:
                draw_soft_line(crop, points[list(edge)], self._lash_rgb, 1.3 * self._unit, strength)
