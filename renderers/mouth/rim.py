"""The rim of the lips' opening: two smooth curves over the mouth's window, whatever the mesh's polygons do there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.compiled import kernel
from face3d.model.landmark_sets import LOWER_INNER_LIP, UPPER_INNER_LIP
from renderers.mouth.smooth_curve import curve_through
from renderers.mouth.window import HEIGHT, WIDTH

FloatArray = NDArray[np.float32]

RIGHT_CORNER, LEFT_CORNER = 78, 308
LEAST_STEP = 1e-3


@dataclass(frozen=True)
class Rim:
    """Heights of the upper and the lower rim over each column of a picture of the window.

    Attributes:
        upper: [W] float32, rows; y grows downwards.
        lower: [W] float32, rows; at most `upper` where the lips touch or beyond the corners.
    """

    upper: FloatArray
    lower: FloatArray

    @classmethod
    def through(cls, cells: FloatArray, scale: int) -> Rim:
        """The rim through this frame's landmarks.

        Args:
            cells: [478, 2] in cells of the window.
            scale: pixels of the picture per cell.
        """
        x = (np.arange(WIDTH * scale) + 0.5) / scale
        upper, lower = (_curve(cells[[RIGHT_CORNER, *ring, LEFT_CORNER]], x) for ring in RINGS)
        outside = (x <= cells[RIGHT_CORNER, 0]) | (x >= cells[LEFT_CORNER, 0])
        lower[outside] = upper[outside]
        return cls(np.asarray(upper * scale, np.float32), np.asarray(lower * scale, np.float32))

    @property
    def gap(self) -> FloatArray:
        """[W] rows between the rims, 0 where they touch."""
        return np.maximum(self.lower - self.upper, 0)

    def rows(self, margin: float, height: int) -> tuple[int, int]:
        """First and last + 1 row that the opening, grown by `margin`, touches; (0, 0) when it is shut."""
        open_columns = self.gap > 0
        if not open_columns.any():
            return 0, 0
        first = int(np.floor(self.upper[open_columns].min() - margin))
        last = int(np.ceil(self.lower[open_columns].max() + margin))
        return max(0, first), max(0, min(height, last))


RINGS = (UPPER_INNER_LIP, LOWER_INNER_LIP)


def _curve(points: FloatArray, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Heights at `x` of a curve through `points` [N, 2] that does not overshoot; ends go on level."""
    steps = np.maximum(np.diff(points[:, 0]), LEAST_STEP)
    # Corners that curl back count as straight down.
    along = points[0, 0] + np.concatenate([[0], np.cumsum(steps)])
    return curve_through(along, points[:, 1].astype(np.float64), np.clip(x, along[0], along[-1]))


def coverage(rim: Rim, softness: float, scale: int, rows: tuple[int, int]) -> FloatArray:  # [H, W]
    """Share of a box of `softness` rows around each pixel's centre that lies in the opening, 0..1; 0 outside `rows`."""
    result = np.zeros((HEIGHT * scale, WIDTH * scale), np.float32)
    _coverage(rim.upper, rim.lower, np.float32(softness), rows, result)
    return result


@kernel
def _coverage(upper, lower, softness, rows, out):  # type: ignore[no-untyped-def]
    half, per_row = np.float32(0.5) * softness, np.float32(1) / softness
    for row in range(rows[0], rows[1]):
        y = np.float32(row) + np.float32(0.5)
        for column in range(out.shape[1]):
            inside = min(y + half, lower[column]) - max(y - half, upper[column])
            out[row, column] = min(max(inside * per_row, np.float32(0)), np.float32(1))
