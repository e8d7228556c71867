"""Curves through points that do not overshoot between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d.compiled import kernel

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
    result = np.empty(np.shape(at))
    _curve_through(x, y, np.ravel(at), result.reshape(-1))
    return result


@kernel
def _curve_through(x, y, at, out):  # type: ignore[no-untyped-def]
    count = len(x) - 1
    step, rise, slope = np.empty(count), np.empty(count), np.zeros(count + 1)
    for i in range(count):
        step[i] = x[i + 1] - x[i]
        rise[i] = (y[i + 1] - y[i]) / step[i]
    for i in range(1, count):
        if rise[i - 1] * rise[i] > 0:
            wide, narrow = 2 * step[i] + step[i - 1], step[i] + 2 * step[i - 1]
            slope[i] = (wide + narrow) / (wide / rise[i - 1] + narrow / rise[i])
    slope[0] = _end_slope(step[0], step[1], rise[0], rise[1])
    slope[count] = _end_slope(step[count - 1], step[count - 2], rise[count - 1], rise[count - 2])
    for k in range(len(at)):
        i = min(max(np.searchsorted(x, at[k], side="right") - 1, 0), count - 1)
        t, h, d, first, last = at[k] - x[i], step[i], rise[i], slope[i], slope[i + 1]
        square, cube = (3 * d - 2 * first - last) / h, (first + last - 2 * d) / h**2
        out[k] = y[i] + t * (first + t * (square + t * cube))


@kernel
def _end_slope(step, next_step, rise, next_rise):  # type: ignore[no-untyped-def]
    """Three points' derivative at the end, kept from overshooting."""
    slope = ((2 * step + next_step) * rise - step * next_rise) / (step + next_step)
    if np.sign(slope) != np.sign(rise):
        return 0.0
    if np.sign(rise) != np.sign(next_rise) and abs(slope) > 3 * abs(rise):
        return 3 * rise
    return slope
