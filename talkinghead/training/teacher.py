"""The teacher: from aligned phones to mouth motion by rules.

Coarticulation after Cohen & Massaro 1993 (each phone's targets are mixed by dominance functions that rise and fall
exponentially around it), with the constraints of JALI (Edwards et al. 2016): p b m close, f v touch the teeth,
sibilants narrow the jaw, rounding starts early and ends late, the jaw opens with loudness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkinghead.speech.mouth import POSE_CHANNELS
from talkinghead.speech.network import OUTPUT_RATE
from talkinghead.training.phones import BILABIALS, LABIODENTALS, PHONE_INDEX, SILENCE, VOWELS, PhoneSegment
from talkinghead.training.visemes import VISEMES

Array = NDArray[np.float32]

_JAW = frozenset(("jawOpen", "jawForward", "tongueOut"))
_ROUNDING = frozenset(("mouthFunnel", "mouthPucker"))


@dataclass(frozen=True)
class TeacherOptions:
    """Rates in 1/s (how fast a dominance falls with distance from its phone), times in s."""

    jaw_rate: float = 22.0
    lip_rate: float = 20.0
    rounding_rate: float = 11.0  # slower: rounding reaches about 150 ms to each side
    floor: float = 0.02  # weight of the neutral mouth where no phone is near
    lead: float = 0.02  # the mouth is ahead of the sound
    closure_inset: float = (
        0.02  # lips press this much inside the phone's edges: with the ramps' ends they close at them
    )
    closure_hold: float = 0.04  # and stay pressed at least this long: with the ramps' ends, two frames at 25 fps
    closure_ramp: float = 0.06
    rest_ramp: float = 0.16
    shortest_rest: float = 0.22  # shorter pauses do not close the mouth
    loudness_range: tuple[float, float] = (0.7, 1.3)  # of the jaw's opening, quiet to loud vowels


@dataclass(frozen=True)
class Motion:
    """The teacher's word at 50 frames/s: frame i is at time i / 50 + 0.01 s."""

    pose: Array  # [T, 14], order of POSE_CHANNELS
    gates: Array  # [T, 3], order of GATES
    phones: NDArray[np.int64]  # [T] indices into PHONES


def teach(
    phones: list[PhoneSegment],
    loudness: NDArray[np.float64],  # [2 T] dB at 100 frames/s
    options: TeacherOptions = TeacherOptions(),
) -> Motion:
    """Mouth motion of an aligned utterance, `len(loudness) // 2` frames long."""
    frames = len(loudness) // 2
    times = (np.arange(frames) + 0.5) / OUTPUT_RATE
    spoken = [p for p in phones if p.name != SILENCE]
    pose = _pose(spoken, _loudness_factors(spoken, loudness, options), times, options)
    gates = np.stack([_closures(spoken, BILABIALS, times, options), _closures(spoken, LABIODENTALS, times, options),
                      _rest(spoken, times, options)], 1)  # fmt: skip
    labels = np.full(frames, PHONE_INDEX[SILENCE], np.int64)
    for phone in phones:
        labels[(times >= phone.start) & (times < phone.end)] = PHONE_INDEX[phone.name]
    return Motion(pose.astype(np.float32), gates.astype(np.float32), labels)


def _loudness_factors(
    spoken: list[PhoneSegment], loudness: NDArray[np.float64], options: TeacherOptions
) -> list[float]:
    """By how much each phone's jaw opening is scaled: vowels by their loudness against the utterance's other vowels."""
    levels = [_level(loudness, p) if p.name in VOWELS else None for p in spoken]
    known = np.array([level for level in levels if level is not None])
    if len(known) < 3:
        return [1.0] * len(spoken)
    middle, spread = float(np.median(known)), max(float(known.std()), 3.0)
    low, high = options.loudness_range
    return [1.0 if v is None else float(np.clip(1 + 0.15 * (v - middle) / spread, low, high)) for v in levels]


def _level(loudness: NDArray[np.float64], phone: PhoneSegment) -> float:
    first = min(int(phone.start * 100), len(loudness) - 1)
    return float(loudness[first : max(int(phone.end * 100), first + 1)].mean())


def _pose(spoken: list[PhoneSegment], loud: list[float], times: NDArray[np.float64], options: TeacherOptions) -> Array:
    """Dominance-weighted mean of all targets, channel by channel."""
    total = np.zeros((len(times), len(POSE_CHANNELS)))
    weight = np.full((len(times), len(POSE_CHANNELS)), options.floor)
    for phone, factor in zip(spoken, loud, strict=True):
        for name, start, end in _parts(phone):
            viseme = VISEMES[name]
            scale = factor * _length_factor(end - start) if phone.name in VOWELS else 1.0
            start, end = start - options.lead, end - options.lead
            rates = {options.jaw_rate, options.lip_rate, options.rounding_rate}
            curves = {rate: _dominance(times, start, end, rate) for rate in rates}
            for column, channel in enumerate(POSE_CHANNELS):
                strength, rate = _strength(name, channel, options)
                dominance = strength * curves[rate]
                target = viseme.targets.get(channel, 0.0) * (scale if channel == "jawOpen" else 1.0)
                total[:, column] += dominance * target
                weight[:, column] += dominance
    return (total / weight).astype(np.float32)


def _parts(phone: PhoneSegment) -> list[tuple[str, float, float]]:
    """A diphthong is its nucleus, then its glide."""
    glide = VISEMES[phone.name].glide
    if glide is None:
        return [(phone.name, phone.start, phone.end)]
    turn = phone.start + 0.6 * (phone.end - phone.start)
    return [(phone.name, phone.start, turn), (glide, turn, phone.end)]


def _length_factor(seconds: float) -> float:
    """Short vowels are reduced: the jaw has no time to reach its target."""
    return float(np.clip(0.7 + 4.0 * seconds, 0.8, 1.15))


def _strength(name: str, channel: str, options: TeacherOptions) -> tuple[float, float]:
    viseme = VISEMES[name]
    if channel in _JAW:
        return viseme.jaw, options.jaw_rate
    if channel in _ROUNDING:
        return viseme.shape, options.rounding_rate if channel in viseme.targets else options.lip_rate
    return viseme.shape, options.lip_rate


def _dominance(times: NDArray[np.float64], start: float, end: float, rate: float) -> NDArray[np.float64]:
    """1 in the middle half of the phone, falling exponentially (squared near the top, so without a kink) outside it."""
    quarter = (end - start) / 4
    distance = np.maximum(0, np.maximum(start + quarter - times, times - (end - quarter)))
    return np.exp(-(np.sqrt(1 + (distance * rate * 1.5) ** 2) - 1) * 1.2)


def _trapezoid(times: NDArray[np.float64], start: float, end: float, ramp: float) -> NDArray[np.float64]:
    """1 from `start` to `end` with smooth ramps outside."""
    outside = np.maximum(0, np.maximum(start - times, times - end)) / ramp
    x = np.clip(1 - outside, 0, 1)
    return x * x * (3 - 2 * x)


def _closures(
    spoken: list[PhoneSegment], kind: frozenset[str], times: NDArray[np.float64], options: TeacherOptions
) -> NDArray[np.float64]:
    gate = np.zeros(len(times))
    for phone in spoken:
        if phone.name in kind:
            # A plosive opens with its burst, before the end of what the aligner calls the phone.
            length = (0.8 if phone.name == "P" else 1.0) * (phone.end - phone.start)
            half = max(length - 2 * options.closure_inset, options.closure_hold) / 2
            start, end = phone.start + length / 2 - half, phone.start + length / 2 + half
            gate = np.maximum(gate, _trapezoid(times, start, end, options.closure_ramp))
    return gate


def _rest(spoken: list[PhoneSegment], times: NDArray[np.float64], options: TeacherOptions) -> NDArray[np.float64]:
    """1 in pauses: closes after the last phone's decay, opens before the next one."""
    gate = np.ones(len(times))
    joined: list[list[float]] = []
    for phone in spoken:
        if joined and phone.start - joined[-1][1] < options.shortest_rest:
            joined[-1][1] = phone.end
        else:
            joined.append([phone.start, phone.end])
    for start, end in joined:
        gate = np.minimum(gate, 1 - _trapezoid(times, start - 0.02, end + 0.02, options.rest_ramp))
    return gate
