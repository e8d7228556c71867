"""A turned rectangle of a picture, sampled as MediaPipe samples it for its nets."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.detect.view import ImageArray

_STEPS = 32  # per pixel: OpenCV 4, which MediaPipe is built with, rounds positions so


@dataclass(frozen=True)
class TurnedBox:
    """Attributes:
    centre: [2] (x, y) in pixels.
    size: [2] width and height in pixels.
    angle: clockwise, radians.
    """

    centre: tuple[float, float]
    size: tuple[float, float]
    angle: float = 0.0

    def matrix(self, pixels: int) -> NDArray[np.float64]:
        """[2, 3]: positions in the sampled box (0..pixels) to positions in the picture."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        linear = np.array([[c, -s], [s, c]]) * np.array(self.size) / pixels
        offset = np.array(self.centre) - linear @ np.full(2, pixels / 2)
        return np.column_stack([linear, offset])

    def sample(self, image: ImageArray, pixels: int, border: int) -> ImageArray:
        """The box as a picture [pixels, pixels, 3], bilinear, continued by OpenCV's `border`.

        Positions are taken for indices of pixels, which is half a pixel off: the nets' answers are, too. That and the
        rounding are worth copying: a crop that is a hundredth of a pixel off moves the landmarks by 0.01 % of the
        face's size.
        """
        steps = self.matrix(pixels) * _STEPS
        at = np.arange(pixels)
        x, y = (np.rint(row[0] * at + (row[1] * at + row[2])[:, None]).astype(np.int32) for row in steps)
        whole = np.stack([x // _STEPS, y // _STEPS], axis=-1).astype(np.int16)
        part = (y % _STEPS * _STEPS + x % _STEPS).astype(np.uint16)
        sampled = cv2.remap(image, whole, part, cv2.INTER_LINEAR, borderMode=border)
        return sampled.astype(np.uint8, copy=False)
