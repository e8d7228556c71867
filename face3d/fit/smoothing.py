"""Removing jitter from parameters over time without eating what is short and real, such as a lip closure or a blink.

A Whittaker smoother: the result minimises

    sum_t present_t (x_t - y_t)^2 / noise^2 + sum_t (x_{t-1} - 2 x_t + x_{t+1})^2 / agility_t^2,

the mode of a random walk in velocity seen through noise (Eilers 2003, "A perfect smoother"; a Kalman smoother gives the
same). The agility starts at what is ordinary for the coefficient and is then raised around every frame whose distance
from the result is more than noise explains, until none is left: still stretches are smoothed hard, and where the face
moves the result follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded
from scipy.ndimage import convolve1d

FloatArray = NDArray[np.float64]

# Binomial weights of the frames over which a residual is averaged.
_WINDOW = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
# Bounds of noise^2 / agility_t^2: no smoothing at all, and as near a straight line as the solver's precision allows.
_LEAST, _MOST = 1e-6, 1e8


@dataclass(frozen=True)
class SmoothingOptions:
    """How closely real motion is followed.

    Attributes:
        tolerance: mean square residual, in units of the noise's variance, up to which it counts as noise.
        rounds: how often the agility may be raised.
        gain: largest factor by which one round raises the agility's square.
    """

    tolerance: float = 2.5
    rounds: int = 8
    gain: float = 30.0


def smooth(
    values: NDArray[np.floating],  # [T, C]
    noise: NDArray[np.floating],  # [C]
    agility: NDArray[np.floating],  # [C]
    present: NDArray[np.bool_],  # [T]
    options: SmoothingOptions | None = None,
) -> NDArray[np.float64]:  # [T, C]
    """Smooth each column of a series on its own, in time linear in T.

    Args:
        values: one row per frame; rows of missing frames may hold anything, NaN included.
        noise: standard deviation of each coefficient's measuring error, > 0, in the unit of its values.
        agility: standard deviation of each coefficient's second difference from frame to frame that needs no evidence,
            > 0; real motion beyond it is recognised. With noise / agility = 10, a component with a period of 20 frames
            keeps half its size unless it stands out of the noise.
        present: which frames were measured; gaps between them are bridged smoothly, the ends hold the outermost value.
        options: see `SmoothingOptions`.

    Raises:
        ValueError: shapes that do not fit, no frame present, values that are not finite, or noise or agility <= 0.
    """
    options = options or SmoothingOptions()
    values, noise, agility = (np.asarray(a, np.float64) for a in (values, noise, agility))
    present = np.asarray(present, bool)
    _check(values, noise, agility, present)
    first, last = np.flatnonzero(present)[[0, -1]]
    inner = slice(first, last + 1)
    result = np.empty_like(values)
    if last - first < 2:
        result[inner] = values[inner]
    else:
        weight = present[inner].astype(np.float64)
        measured = np.where(present[inner, None], values[inner], 0.0)
        result[inner] = _smooth_shot(measured, weight, noise, agility, options)
    result[:first], result[last + 1 :] = result[first], result[last]
    return result


def _check(values: FloatArray, noise: FloatArray, agility: FloatArray, present: NDArray[np.bool_]) -> None:
    if values.ndim != 2 or present.shape != values.shape[:1]:
        raise ValueError(f"values [T, C] and present [T] do not fit: {values.shape} and {present.shape}")
    for name, value in (("noise", noise), ("agility", agility)):
        if value.shape != values.shape[1:]:
            raise ValueError(f"{name} must be [{values.shape[1]}], got {list(value.shape)}")
        if not (np.isfinite(value).all() and (value > 0).all()):
            raise ValueError(f"{name} must be finite and > 0")
    if not present.any():
        raise ValueError("no frame is present")
    if not np.isfinite(values[present]).all():
        raise ValueError("values of present frames must be finite")


def _smooth_shot(
    measured: FloatArray,  # [T, C], 0 in missing frames
    weight: FloatArray,  # [T], 0 or 1
    noise: FloatArray,  # [C]
    agility: FloatArray,  # [C]
    options: SmoothingOptions,
) -> FloatArray:
    stiffness = np.broadcast_to(noise**2 / agility**2, (len(measured) - 2, len(noise))).clip(_LEAST, _MOST)
    share = convolve1d(weight, _WINDOW, mode="constant")[:, None]
    result = np.empty_like(measured)
    todo = np.arange(len(noise))
    for _ in range(options.rounds + 1):
        for c in todo:
            result[:, c] = solve_banded(measured[:, c], weight, stiffness[:, c])
        residual = weight[:, None] * ((measured - result)[:, todo] / noise[todo]) ** 2
        energy = convolve1d(residual, _WINDOW, axis=0, mode="constant") / np.maximum(share, _WINDOW[0])
        excess = energy / options.tolerance
        # Every second difference within the window of a frame that is not explained may be to blame.
        excess = np.maximum(np.maximum(excess[:-2], excess[1:-1]), excess[2:])
        moving = excess > 1
        stiffness[:, todo] = np.where(
            moving, stiffness[:, todo] / excess.clip(1, options.gain) ** 2, stiffness[:, todo]
        ).clip(_LEAST)
        todo = todo[moving.any(0)]
        if not len(todo):
            break
    return result


def solve_banded(measured: FloatArray, weight: FloatArray, stiffness: FloatArray) -> FloatArray:
    """The x that minimises sum_t weight_t (x_t - measured_t)^2 + sum_t stiffness_t (x_t - 2 x_{t+1} + x_{t+2})^2.

    Args:
        measured: [T].
        weight: [T], >= 0, > 0 for at least two frames.
        stiffness: [T - 2], > 0.

    Returns:
        [T].
    """
    bands = np.zeros((3, len(measured)))  # the upper diagonals of a symmetric matrix, as solveh_banded wants them
    bands[2] = weight
    bands[2, :-2] += stiffness
    bands[2, 1:-1] += 4 * stiffness
    bands[2, 2:] += stiffness
    bands[1, 1:-1] -= 2 * stiffness
    bands[1, 2:] -= 2 * stiffness
    bands[0, 2:] = stiffness
    return solveh_banded(bands, weight * measured, check_finite=False)
