"""The mouth's window: an upright picture of fixed size in millimetres around the lips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# Size in cells (width, height) and cells per millimetre: 64 x 43 mm.
WIDTH, HEIGHT = 96, 64
CELLS_PER_MM = 1.5
CORNERS, MIDDLES = (78, 308), (13, 14)


@dataclass(frozen=True)
class MouthWindow:
    """Where the window lies.

    Attributes:
        matrix: [2, 3] float32, crop pixels to cells of the window; both have centres at half-integers.
        px_per_mm: size of a millimetre at the lips in the crop.
    """

    matrix: FloatArray
    px_per_mm: float

    @classmethod
    def around(cls, points: FloatArray, px_per_mm: float) -> MouthWindow:
        """The window of a frame: its corners level, its middle in the middle; `points` [478, 2] px in the crop."""
        right, left = points[list(CORNERS)]
        middle = points[[*CORNERS, *MIDDLES]].mean(0)
        along = (left - right) / max(1e-3, float(np.linalg.norm(left - right)))
        scale = CELLS_PER_MM / px_per_mm
        turn = scale * np.array([[along[0], along[1]], [-along[1], along[0]]])
        shift = np.array([WIDTH / 2, HEIGHT / 2]) - turn @ middle
        return cls(np.concatenate([turn, shift[:, None]], 1).astype(np.float32), px_per_mm)

    def to_cells(self, points: FloatArray) -> FloatArray:  # [N, 2] -> [N, 2]
        """Crop pixels to cells."""
        return (points @ self.matrix[:, :2].T + self.matrix[:, 2]).astype(np.float32)

    def to_crop(self, points: FloatArray) -> FloatArray:  # [N, 2] -> [N, 2]
        """Cells to crop pixels."""
        return ((points - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T).astype(np.float32)


def warp_matrix(matrix: FloatArray) -> FloatArray:  # [2, 3] -> [2, 3]
    """The same map for OpenCV, whose pixel centres are integers."""
    result = matrix.copy()
    result[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5], np.float32) - 0.5
    return result
