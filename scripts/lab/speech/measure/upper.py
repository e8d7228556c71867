"""Blinks, head motion and how it goes with the speech's beats."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.signal import find_peaks

from face3d.rotations import matrices_of, vectors_of

Curve = NDArray[np.float64]

_BASELINE_SECONDS = 2.0  # lids rest at the median of this window
_RISE = 0.3  # of eyeBlink over the baseline: less is a lid that follows the gaze
_LONGEST = 0.6  # s; longer is a look down
_BEAT_SIGMA = 0.1  # s
_BEAT_PROMINENCE = 0.3  # log10 of power
_SHORTEST_BEAT = 0.16  # s between two
_HEAD_SIGMA = 0.04  # s; the noise of a fit lies above


@dataclass(frozen=True)
class Blink:
    """A blink: the time of its deepest frame, its length at half its depth and its whole length (at 15 %), s."""

    time: float
    half: float
    whole: float


def blinks(lid: Curve, fps: float) -> list[Blink]:  # [T] eyeBlink, mean of both eyes, 0..1
    """Blinks of a curve; two with the lid rising by 0.1 and more between them are two. One cut by an edge counts."""
    window = max(int(_BASELINE_SECONDS * fps) | 1, 3)
    rise = lid - np.minimum(median_filter(lid, window, mode="nearest"), np.median(lid))
    # Padded with the lowest value, so that a peak on the first or last frame is one.
    peaks = find_peaks(np.pad(rise, 1, constant_values=rise.min()), height=_RISE, prominence=_RISE / 3)[0] - 1
    valleys = [int(a + np.argmin(rise[a : b + 1])) for a, b in itertools.pairwise(peaks)]
    edges = [0, *valleys, len(rise) - 1]
    result = []
    for peak, (first, last) in zip(peaks, itertools.pairwise(edges), strict=False):  # no peaks: one stretch, no blink
        bump = rise[first : last + 1]
        half, whole = (_width(bump, int(peak) - first, share * rise[peak]) / fps for share in (0.5, 0.15))
        if half <= _LONGEST:
            result.append(Blink((peak + 0.5) / fps, half, whole))
    return result


def _width(curve: Curve, peak: int, level: float) -> float:
    """Frames for which the bump around `peak` is above `level`, with linear crossings."""
    first = last = peak
    while first > 0 and curve[first - 1] >= level:
        first -= 1
    while last < len(curve) - 1 and curve[last + 1] >= level:
        last += 1
    before = (curve[first] - level) / (curve[first] - curve[first - 1]) if first > 0 else 0.0
    after = (curve[last] - level) / (curve[last] - curve[last + 1]) if last < len(curve) - 1 else 0.0
    return float(last - first + before + after)


def beats(envelope: Curve, fps: float) -> Curve:  # [T] log10 power -> [n] s
    """Times of the peaks of the speech's energy."""
    peaks, _ = find_peaks(envelope, prominence=_BEAT_PROMINENCE, distance=max(int(_SHORTEST_BEAT * fps), 1))
    return (peaks + 0.5) / fps


def head_stops(rotation: Curve, fps: float) -> Curve:  # [T, 3] rad -> [n] s
    """Times at which the head is slowest: local minima of its angular speed."""
    speed = np.linalg.norm(np.diff(smooth_head(rotation, fps), axis=0), axis=1)
    stops, _ = find_peaks(-speed)
    return (stops + 1.0) / fps


def beat_alignment(stops: Curve, beat_times: Curve) -> float:
    """Mean of exp(-d^2 / (2 * 0.1^2)) over the head's stops, d their distance to the nearest beat in s.

    Siyao et al. 2022 (Bailando) for dance, used for talking heads by DiffPoseTalk; here 100 ms take the frames' place.
    """
    distance = np.abs(stops[:, None] - beat_times[None]).min(1)
    return float(np.exp(-(distance**2) / (2 * _BEAT_SIGMA**2)).mean())


def smooth_head(rotation: Curve, fps: float) -> Curve:  # [T, 3] -> [T, 3]
    """Without the noise that a fit of video has; done to real and to generated heads alike."""
    return gaussian_filter1d(rotation, _HEAD_SIGMA * fps, axis=0, mode="nearest")


def relative_rotation(rotation: Curve) -> Curve:  # [T, 3] rad -> [T, 3] rad
    """The head's turns in its own frame, relative to its median pose."""
    middle = matrices_of(np.median(rotation, axis=0))
    return vectors_of(middle.T @ matrices_of(rotation))
