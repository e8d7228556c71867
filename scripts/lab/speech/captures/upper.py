"""From a fitted clip to the ten upper channels: head, gaze, blinks, brows, freed of what the speech puts into them.

At the size of GRID's pictures a fit mixes up small nods with the jaw, lids with downward looks and brows with blinks.
What such a neighbour explains is taken away; what remains is smoothed to what faces do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import butter, sosfiltfilt
from scipy.spatial.transform import Rotation

from face3d.arkit import ARKIT_INDEX
from face3d.parameters import FaceParameters
from talkinghead.speech.generate.channels import MOTION_RATE

Array = NDArray[np.float64]

_HEAD_HZ = 3.5  # heads turn slower than this, the detector's noise is faster
_BROW_HZ = 4.0
_LEAST_BLINK = 0.25  # of closing above the open lid
_DEEP_BLINK = 0.8  # what the fits give for a lid that is shut
_LID_WINDOW = 25  # frames in which the lid is open at least once
_LONGEST_BLINK = 10  # frames
_AROUND_BLINK = 3  # frames that a blink disturbs on each side
_SACCADE_COST = np.radians(2.4) ** 2  # what a jump must explain: a fixation of 8 frames that is off by about 1 degree
_SHORTEST_FIXATION = 5  # frames


def upper_motion(parameters: FaceParameters, mouth: Array) -> NDArray[np.float32]:  # [T, K] mouth curves -> [T, 10]
    """The channels `UPPER_CHANNELS` of a clip at `MOTION_RATE`; `mouth` is what the head's pitch must not follow."""
    weights = parameters.expression.double().numpy()
    blink = blinks(_mean(weights, "eyeBlink"))
    disturbed = uniform_filter1d((blink > 0).astype(float), 2 * _AROUND_BLINK + 1) > 0
    head = calm_head(parameters.rotation.double().numpy(), mouth)
    gaze = fixations(_bridged(parameters.eye_rotation.double().numpy().mean(1), disturbed))
    brows = [_from_rest(_bridged(_mean(weights, name), disturbed)) for name in
             ("browInnerUp", "browOuterUp", "browDown", "eyeSquint")]  # fmt: skip
    return np.concatenate([head, gaze, blink[:, None], np.stack(brows, 1)], 1).astype(np.float32)


def _mean(weights: Array, name: str) -> Array:
    columns = [ARKIT_INDEX[n] for n in (name, f"{name}Left", f"{name}Right") if n in ARKIT_INDEX]
    return np.asarray(weights[:, columns].mean(1))


def calm_head(rotation: Array, mouth: Array) -> Array:  # [T, 3] axis-angle, [T, K] -> [T, 3]
    """Rotation from the clip's median pose in the head's own frame, without the part of it that follows the mouth."""
    turns = Rotation.from_rotvec(rotation)
    calm = Rotation.from_rotvec(np.median(rotation, axis=0))
    relative = (calm.inv() * turns).as_rotvec()
    relative[:, 0] -= mouth_share(relative[:, 0], mouth)
    smooth = _low_pass(relative, _HEAD_HZ)
    return np.asarray(smooth - np.median(smooth, axis=0))


def mouth_share(pitch: Array, mouth: Array) -> Array:  # [T], [T, K] -> [T]
    """The part of a curve that the mouth's curves explain, also a little smoothed, as the fit smooths the pose.

    Slow drifts are no business of the mouth: both sides are compared above about 0.3 Hz.
    """
    smoothed = np.concatenate([mouth, uniform_filter1d(mouth, 5, axis=0)], 1)
    quick = [x - uniform_filter1d(x, 3 * MOTION_RATE // 2, axis=0) for x in (smoothed, pitch)]
    ridge = 1e-3 * len(pitch) * np.diag(quick[0].var(0) + 1e-12)
    weights = np.linalg.solve(quick[0].T @ quick[0] + ridge, quick[0].T @ quick[1])
    return np.asarray(quick[0] @ weights)


def blinks(closing: Array) -> Array:  # [T] eyeBlink -> [T]
    """Blinks alone: 0 between them, about 1 where the lid is shut. Slow closing (a look down) is no blink."""
    lid = minimum_filter1d(closing, 2 * (_LID_WINDOW // 2) + 1)
    lid = uniform_filter1d(lid, _LID_WINDOW // 2)
    above = np.maximum(closing - lid, 0)
    result = np.zeros_like(above)
    for first, last in _runs(above > 0.25 * _LEAST_BLINK):
        peak = above[first:last].max()
        high = int((above[first:last] > peak / 2).sum())
        if peak >= _LEAST_BLINK and high <= _LONGEST_BLINK:
            result[first:last] = above[first:last] / _DEEP_BLINK
    return np.minimum(result, 1.0)


def fixations(gaze: Array) -> Array:  # [T, 2] rad -> [T, 2]
    """Piecewise constant gaze, from its median: the fewest jumps that explain the curve (dynamic programming).

    Minimises the squared error plus `_SACCADE_COST` per jump over pieces of `_SHORTEST_FIXATION` frames and more. A
    jump lies between two frames: 40 ms.
    """
    frames = len(gaze)
    shortest = min(_SHORTEST_FIXATION, frames)
    sums = np.concatenate([np.zeros((1, 2)), np.cumsum(gaze, 0)])
    squares = np.concatenate([[0.0], np.cumsum((gaze**2).sum(1))])
    best = np.full(frames + 1, np.inf)
    best[0] = -_SACCADE_COST
    previous = np.zeros(frames + 1, int)
    for end in range(shortest, frames + 1):
        starts = np.arange(0, end - shortest + 1)
        error = squares[end] - squares[starts] - ((sums[end] - sums[starts]) ** 2).sum(1) / (end - starts)
        total = best[starts] + error + _SACCADE_COST
        previous[end] = starts[np.argmin(total)]
        best[end] = total.min()
    result = np.zeros_like(gaze)
    end = frames
    while end > 0:
        start = previous[end]
        result[start:end] = gaze[start:end].mean(0)
        end = start
    return np.asarray(result - np.median(result, axis=0))


def _from_rest(curve: Array) -> Array:
    """A brow's weight above where it mostly is."""
    smooth = _low_pass(curve[:, None], _BROW_HZ)[:, 0]
    return np.clip(smooth - np.percentile(smooth, 20), 0, 1)


def _bridged(curve: Array, disturbed: NDArray[np.bool_]) -> Array:  # [T] or [T, C]
    """The curve with straight lines across disturbed frames."""
    if disturbed.all():
        return np.zeros_like(curve)
    times = np.arange(len(curve))
    good = ~disturbed
    columns = [np.interp(times, times[good], column[good]) for column in curve.reshape(len(curve), -1).T]
    return np.stack(columns, 1).reshape(curve.shape)


def _low_pass(curves: Array, hertz: float) -> Array:  # [T, C] -> [T, C]
    filters = butter(2, hertz, fs=MOTION_RATE, output="sos")
    return np.asarray(sosfiltfilt(filters, curves, axis=0, padlen=min(15, len(curves) - 1)))


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and one past the last frame of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
