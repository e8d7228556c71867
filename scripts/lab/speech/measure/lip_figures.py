"""Lips against aligned phones and against a reference: closures, correlation, timing, stillness in pauses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX
from scripts.lab.speech.corpus.phones import LABIODENTALS, SILENCE, PhoneSegment
from scripts.lab.speech.measure.clips import Clip
from scripts.lab.speech.measure.closures import SLACK, ClosureCounts, best_lag, between, correlation, count_closures
from scripts.lab.speech.measure.sources import LipTrack
from talkinghead.speech.perform.mouth import POSE_CHANNELS

Curve = NDArray[np.float64]

TOUCH_MM = 0.5  # a lower lip this far under the upper incisors' edge still touches it: 85 % of real /f v/ on GRID do
_MOVING = 0.01  # standard deviation of a weight below which a channel stands still
_LONGEST_LAG = 5  # frames
_PAUSE_SECONDS = 0.3
_PAUSE_EDGE = 0.15  # s at each end of a pause in which lips still close or open already

# Channels that speak, one of each pair: both sides move alike.
_MOUTH_COLUMNS = tuple(
    ARKIT_INDEX.get(name, ARKIT_INDEX.get(f"{name}Left", -1)) for name in (*POSE_CHANNELS, "mouthClose", "mouthPress")
)


def closure_figures(clips: Sequence[Clip], tracks: Sequence[LipTrack], fps: float) -> dict[str, float]:
    """Shares in percent, counts, and the 95th percentile that defines "closed"."""
    p95 = float(np.percentile(np.concatenate([track.aperture for track in tracks]), 95))
    counts = sum(
        (count_closures(t.aperture, fps, list(c.phones), p95) for c, t in zip(clips, tracks, strict=True)),
        ClosureCounts(),
    )
    figures = counts.rates() | {"p95": p95, "bilabials": float(counts.bilabials)}
    figures |= {"labiodentals": float(counts.labiodentals), "open_vowels": float(counts.open_vowels)}
    touches = [
        touched
        for clip, track in zip(clips, tracks, strict=True)
        if track.teeth is not None
        for touched in labiodental_touches(track.teeth, fps, clip.phones)
    ]
    if touches:
        figures["labiodental_touch"] = 100 * float(np.mean(touches))
    return figures


def labiodental_touches(teeth: Curve, fps: float, phones: Sequence[PhoneSegment]) -> list[bool]:
    """For each /f v/ whether the lower lip reaches the upper incisors' edge; `teeth` as in `LipCurves`."""
    near = [between(teeth, fps, p.start - SLACK, p.end + SLACK) for p in phones if p.name in LABIODENTALS]
    return [bool((curve < TOUCH_MM).any()) for curve in near]


def agreement(tracks: Sequence[LipTrack], reference: Sequence[LipTrack]) -> dict[str, float]:
    """Aperture against a reference's: mean r over clips, r of all clips together, and the lag (> 0: late) in frames."""
    pairs = [shared(a.aperture, b.aperture) for a, b in zip(tracks, reference, strict=True)]
    whole = [np.concatenate(curves) for curves in zip(*pairs, strict=True)]
    lag, at_lag = best_lag(whole[0], whole[1], _LONGEST_LAG)
    return {
        "r": float(np.mean([correlation(a, b) for a, b in pairs])),
        "r_pooled": correlation(whole[0], whole[1]),
        "lag": float(lag),
        "r_at_lag": at_lag,
    }


def channel_agreement(tracks: Sequence[LipTrack], reference: Sequence[LipTrack]) -> float:
    """Mean r of the ARKit weights of the mouth that move in the reference: over clips, then over channels."""
    found: dict[int, list[float]] = {}
    for track, other in zip(tracks, reference, strict=True):
        if track.expression is None or other.expression is None:
            raise ValueError("channels can be compared of animations only")
        count = min(len(track.expression), len(other.expression))
        for column in _MOUTH_COLUMNS:
            target = other.expression[:count, column].astype(np.float64)
            if target.std() > _MOVING:
                moved = track.expression[:count, column].astype(np.float64)
                found.setdefault(column, []).append(correlation(moved, target))
    return float(np.mean([np.mean(values) for values in found.values()]))


def shared(a: Curve, b: Curve) -> tuple[Curve, Curve]:
    """Both without what only one of them has at its end: sound and pictures rarely end together."""
    count = min(len(a), len(b))
    return a[:count], b[:count]


def pause_curves(clips: Sequence[Clip], tracks: Sequence[LipTrack], fps: float) -> list[Curve]:
    """Apertures inside the pauses of 0.3 s and more, without 0.15 s at each end."""
    inside = [
        between(track.aperture, fps, phone.start + _PAUSE_EDGE, phone.end - _PAUSE_EDGE)
        for clip, track in zip(clips, tracks, strict=True)
        for phone in clip.phones
        if phone.name == SILENCE and phone.end - phone.start >= _PAUSE_SECONDS
    ]
    return [curve for curve in inside if len(curve) > 1]


def pause_motion(pauses: Sequence[Curve], p95: float) -> dict[str, float]:
    """Standard deviation of the aperture in pauses, % of its 95th percentile in speech: pooled, and of the worst."""
    if not pauses:
        return {"pauses": 0.0}
    stds = np.array([curve.std() for curve in pauses])
    return {
        "pauses": float(len(pauses)),
        "std": 100 * float(np.sqrt((stds**2).mean())) / p95,
        "worst": 100 * float(stds.max()) / p95,
    }
