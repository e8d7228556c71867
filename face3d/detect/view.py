"""Square windows of a picture, sampled without aliasing."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

ImageArray = NDArray[np.uint8]


@dataclass(frozen=True)
class View:
    """A square, possibly rotated window of a picture: centre and side in pixels, angle in radians (clockwise)."""

    centre: tuple[float, float]
    side: float
    angle: float = 0.0

    def matrix(self, size: int) -> NDArray[np.float64]:
        """[2, 3]: view pixels (0..size) to picture pixels, both with centres at half-integers."""
        scale = self.side / size
        c, s = scale * np.cos(self.angle), scale * np.sin(self.angle)
        linear = np.array([[c, -s], [s, c]])
        offset = np.asarray(self.centre) - linear @ np.full(2, size / 2)
        return np.concatenate([linear, offset[:, None]], axis=1)

    def sample(self, image: ImageArray, largest: int) -> tuple[ImageArray, NDArray[np.float64]]:
        """The view as a picture [S, S, 3] (black outside), S <= `largest`, and its matrix to picture pixels."""
        # Of sizes that 4 divides, the net that searches sees exact positions, whichever way they are rounded.
        size = int(np.clip(4 * round(self.side / 4), 64, largest))
        return self.resample(image, size, cv2.INTER_CUBIC)

    def resample(self, image: ImageArray, size: int, kernel: int) -> tuple[ImageArray, NDArray[np.float64]]:
        """The view as a picture [size, size, 3] (black outside) by OpenCV's `kernel`, and its matrix."""
        matrix = self.matrix(size)
        image, origin, shrink = self._cut(image, matrix, size)
        resampling = matrix / shrink[:, None]
        resampling[:, 2] -= origin / shrink
        resampling[:, 2] += resampling[:, :2] @ np.full(2, 0.5) - 0.5  # OpenCV's pixel centres are integers
        flags = kernel | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, resampling, (size, size), flags=flags).astype(np.uint8, copy=False), matrix

    def _cut(
        self, image: ImageArray, matrix: NDArray[np.float64], size: int
    ) -> tuple[ImageArray, NDArray[np.float64], NDArray[np.float64]]:
        """The part of the picture around the view, shrunk by averaging if sampling it would alias.

        Returns:
            The part, the position [2] of its top-left corner in the picture, and picture pixels per pixel of it [2].
        """
        corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ matrix[:, :2].T + matrix[:, 2]
        limits = np.array(image.shape[1::-1])
        low = np.clip(np.floor(corners.min(0)).astype(int) - 2, 0, limits - 1)
        high = np.clip(np.ceil(corners.max(0)).astype(int) + 2, low + 1, limits)
        image = image[low[1] : high[1], low[0] : high[0]]
        shrunk = np.maximum(1, (high - low) // max(1, int(self.side / size)))
        if (shrunk < high - low).any():
            smaller = cv2.resize(image, (int(shrunk[0]), int(shrunk[1])), interpolation=cv2.INTER_AREA)
            image = smaller.astype(np.uint8, copy=False)
        return image, low.astype(float), (high - low) / shrunk
