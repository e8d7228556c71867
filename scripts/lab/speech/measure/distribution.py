"""Whether generated motion moves as much, as fast and as variedly as real motion."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scripts.lab.speech.measure.closures import correlation

Curve = NDArray[np.float64]


def pooled_std(windows: Sequence[Curve]) -> Curve:  # each [T, C] -> [C]
    """Standard deviation within windows, pooled over them."""
    return np.sqrt(np.mean([window.var(axis=0) for window in windows], axis=0))


def mean_speed(windows: Sequence[Curve]) -> Curve:  # each [T, C] -> [C] per frame
    """Mean absolute change from frame to frame."""
    return np.concatenate([np.abs(np.diff(window, axis=0)) for window in windows]).mean(0)


def std_ratio(generated: Sequence[Curve], real: Sequence[Curve]) -> Curve:  # -> [C]
    """1: as much motion as real motion has, channel by channel."""
    return pooled_std(generated) / pooled_std(real)


def velocity_ratio(generated: Sequence[Curve], real: Sequence[Curve]) -> Curve:  # -> [C]
    """1: as fast as real motion, channel by channel."""
    return mean_speed(generated) / mean_speed(real)


def pooled_ratio(generated: Curve, real: Curve) -> float:  # [C], [C]
    """One ratio for channels of one unit: of their root sums of squares."""
    return float(np.sqrt((generated**2).sum() / (real**2).sum()))


def frechet_distance(generated: Sequence[Curve], real: Sequence[Curve]) -> float:  # each [T, C]
    """Frechet distance of Gaussians over positions and velocities, in units of the real standard deviations.

    Heusel et al. 2017 on features of our own: every window less its median, then its frames beside their changes.
    """
    a, b = (np.concatenate([_with_velocity(w) for w in windows]) for windows in (generated, real))
    scale = b.std(0) + 1e-9
    a, b = a / scale, b / scale
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # The trace of the product's square root; its eigenvalues are real and >= 0 but for rounding.
    root = np.sqrt(np.maximum(np.linalg.eigvals(first @ second).real, 0)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first + second) - 2 * root)


def _with_velocity(window: Curve) -> Curve:
    centred = window - np.median(window, axis=0)
    return np.concatenate([centred[1:], np.diff(centred, axis=0)], 1)


def seed_agreement(curves: Sequence[Curve]) -> float:  # each [T]
    """Mean r of all pairs of seeds; 1: the seed does not matter."""
    return float(np.mean([correlation(a, b) for a, b in itertools.combinations(curves, 2)]))


def seed_spread(rotations: Sequence[Curve]) -> float:  # each [T, 3]
    """Standard deviation across seeds over that within a run, both pooled over time and axes; 0: always the same."""
    stacked = np.stack(rotations)
    across = stacked.var(axis=0).mean()
    within = stacked.var(axis=1).mean()
    return float(np.sqrt(across / within)) if within > 0 else 0.0
