"""Coordinates on the dental arches, so that smooth low-polygon teeth can be drawn as single teeth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# Widths from the middle outwards, mm: incisors, canine, premolars, molars (Wheeler's Dental Anatomy, rounded).
UPPER_WIDTHS = (8.5, 6.5, 7.5, 7.0, 7.0, 10.0, 9.0)
LOWER_WIDTHS = (5.0, 5.5, 7.0, 7.0, 7.0, 11.0, 10.5)


def tooth_edges(widths: tuple[float, ...]) -> FloatArray:
    """[N] arc lengths of the gaps on one side, mm from the middle; the middle gap (0) included."""
    return np.concatenate([[0.0], np.cumsum(widths)]).astype(np.float32)


def arch_coordinates(vertices: NDArray[np.floating], upper: bool) -> FloatArray:  # [N, 3] mm -> [N, 2]
    """(arc length from the middle in mm, height 0 at the gums .. 1 at the biting edge) of one row's vertices.

    The arc length is measured along the parabola x -> z that best fits the row seen from above.
    """
    x, y, z = vertices.T
    a, _, c = np.polyfit(x, z, 2)
    steps = np.linspace(0, np.abs(x).max() + 1, 256)
    slope = 2 * a * steps
    length = np.concatenate([[0], np.cumsum(np.sqrt(1 + slope[1:] ** 2) * np.diff(steps))])
    # A point behind the parabola's reach counts by its depth: go along the curve to the nearest point.
    curve = np.stack([steps, a * steps**2 + c], 1)
    nearest = np.linalg.norm(np.stack([np.abs(x), z], 1)[:, None] - curve[None], axis=2).argmin(1)
    height = (y - y.min()) / max(1e-6, y.max() - y.min())
    return np.stack([np.sign(x) * length[nearest], 1 - height if upper else height], 1).astype(np.float32)
