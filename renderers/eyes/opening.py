"""The opening of an eye in a picture: a frame of coordinates tied to its corners, and the curves of its two lids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.compiled import kernel
from face3d.model.landmark_sets import LEFT_LOWER_LID, LEFT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_UPPER_LID

FloatArray = NDArray[np.float32]

# Inner corner, outer corner, upper and lower lid from the inner to the outer corner; the left eye first.
EYES = (
    (362, 263, tuple(reversed(LEFT_UPPER_LID)), tuple(reversed(LEFT_LOWER_LID))),
    (133, 33, tuple(reversed(RIGHT_UPPER_LID)), tuple(reversed(RIGHT_LOWER_LID))),
)
# Entries of a lid's table.
STEPS = 65
# Least distance of a lid's points along s.
LEAST_STEP = 0.01


@dataclass(frozen=True)
class EyeOpening:
    """One eye in one picture.

    A position has the coordinates (s, v): s = 0 at the inner corner and 1 at the outer one along the line between them,
    v in pixels downwards from that line.

    Attributes:
        axes: [6] float32: the inner corner (x, y) px, the step (x, y) px of s = 1, and the unit step (x, y) of v.
        upper, lower: [STEPS] float32 v of the lids' edges at s = 0 .. 1; `lower` is never above `upper`.
    """

    axes: FloatArray
    upper: FloatArray
    lower: FloatArray

    @property
    def width_px(self) -> float:
        """Distance of the corners."""
        return float(np.hypot(self.axes[2], self.axes[3]))

    def local(self, points: FloatArray) -> FloatArray:  # [..., 2] px -> [..., 2] (s, v)
        """The coordinates (s, v) of positions."""
        return _local(self.axes, points)

    @classmethod
    def of(cls, points: FloatArray, side: int) -> EyeOpening:  # [478, 2] px
        """The opening of the left (side 0) or the right eye (1) between landmarks."""
        inner, outer, upper, lower = EYES[side]
        along = points[outer] - points[inner]
        width = max(float(np.hypot(*along)), 1e-3)
        down = np.array([-along[1], along[0]], np.float32) / width
        down = down if down[1] >= 0 else -down
        axes = np.concatenate([points[inner], along, down]).astype(np.float32)
        curves = [_curve(_local(axes, points[list(lid)])) for lid in (upper, lower)]
        return cls(axes, curves[0], np.maximum(curves[0], curves[1]))


def _local(axes: FloatArray, points: FloatArray) -> FloatArray:
    offset = points - axes[:2]
    square = max(float(axes[2] ** 2 + axes[3] ** 2), 1e-6)
    s = (offset @ axes[2:4]) / square
    return np.stack([s, offset @ axes[4:6]], -1).astype(np.float32)


def _curve(rim: FloatArray) -> FloatArray:  # [N, 2] (s, v) -> [STEPS]
    """A smooth curve through the corners and the points between them (cubic Hermite, mean slopes)."""
    s, v = np.zeros(len(rim) + 2, np.float32), np.zeros(len(rim) + 2, np.float32)
    s[1:-1], v[1:-1], s[-1] = rim[:, 0], rim[:, 1], 1
    curve = np.empty(STEPS, np.float32)
    _hermite(s, v, curve)
    return curve


@kernel
def _hermite(s, v, curve):  # type: ignore[no-untyped-def]
    """Read the curve through (s, v) at 0 .. 1; points that are not in order are moved into it."""
    last = len(s) - 1
    for i in range(1, last):
        s[i] = min(
            max(s[i], s[i - 1] + np.float32(LEAST_STEP)), np.float32(1) - np.float32(LEAST_STEP) * np.float32(last - i)
        )
    slope = np.empty(len(s), np.float32)
    slope[0] = (v[1] - v[0]) / (s[1] - s[0])
    slope[last] = (v[last] - v[last - 1]) / (s[last] - s[last - 1])
    for i in range(1, last):
        before, after = s[i] - s[i - 1], s[i + 1] - s[i]
        slope[i] = ((v[i] - v[i - 1]) / before * after + (v[i + 1] - v[i]) / after * before) / (before + after)
    k = 0
    for step in range(len(curve)):
        at = np.float32(step) / np.float32(len(curve) - 1)
        while k < last - 1 and at > s[k + 1]:
            k += 1
        h = s[k + 1] - s[k]
        t = (at - s[k]) / h
        u = 1 - t
        curve[step] = (v[k] * (1 + 2 * t) + slope[k] * h * t) * u * u + (
            v[k + 1] * (1 + 2 * u) - slope[k + 1] * h * u
        ) * t * t
