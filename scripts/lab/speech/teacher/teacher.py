"""The teacher: from aligned phones to mouth motion by rules.

Coarticulation after Cohen & Massaro 1993 (each phone's targets are mixed by dominance functions that rise and fall
exponentially around it), with the constraints of JALI (Edwards et al. 2016): p b m close, f v touch the teeth,
sibilants narrow the jaw, rounding starts early and ends late, the jaw opens with loudness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.lab.speech.corpus.phones import BILABIALS, LABIODENTALS, PHONE_INDEX, SILENCE, VOWELS, PhoneSegment
from scripts.lab.speech.teacher.visemes import CALIBRATED, HAND_MADE, ROUNDED, Viseme, VisemeTable
from talkinghead.speech.hear.network import OUTPUT_RATE
from talkinghead.speech.perform.mouth import POSE_CHANNELS

Array = NDArray[np.float32]

JAW_CHANNELS = frozenset(("jawOpen", "jawForward", "tongueOut"))
ROUNDING_CHANNELS = frozenset(("mouthFunnel", "mouthPucker"))
OPENING_CHANNELS = frozenset(("jawOpen", "mouthLowerDown", "mouthUpperUp"))  # what loud vowels do more


@dataclass(frozen=True)
class TeacherOptions:
    """What the phones ask for, and how the gates and the openings follow from them; times in s."""

    table: VisemeTable = CALIBRATED
    # Lips press this much inside the phone's edges: with the ends of the ramps they close at them. Filmed lips are
    # closed for 120 ms (80 to 200), from 20 ms before what the aligner calls the phone to 10 ms after it.
    closure_inset: float = 0.02
    closure_hold: float = 0.04  # and stay pressed at least this long: with the ramps' ends, two frames at 25 fps
    closure_ramp: float = 0.06  # filmed lips are 5 mm apart one frame (40 ms) before and after a closure, 8 mm at two
    rest_ramp: float = 0.16
    shortest_rest: float = 0.22  # shorter pauses do not close the mouth
    loudness_gain: float = 0.1  # of a vowel's opening per standard deviation of the utterance's vowels, dB
    loudness_range: tuple[float, float] = (0.7, 1.3)
    length_gain: tuple[float, float] = (0.8, 2.5)  # of a vowel's opening: a + b s. Short vowels are reduced
    length_range: tuple[float, float] = (0.8, 1.15)


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
    pose = _pose(spoken, opening_factors(spoken, loudness, options), times, options)
    gates = np.stack([_closures(spoken, BILABIALS, times, options), _closures(spoken, LABIODENTALS, times, options),
                      _rest(spoken, times, options)], 1)  # fmt: skip
    labels = np.full(frames, PHONE_INDEX[SILENCE], np.int64)
    for phone in phones:
        labels[(times >= phone.start) & (times < phone.end)] = PHONE_INDEX[phone.name]
    return Motion(pose.astype(np.float32), gates.astype(np.float32), labels)


def opening_factors(
    spoken: list[PhoneSegment], loudness: NDArray[np.float64], options: TeacherOptions
) -> list[tuple[float, ...]]:
    """By how much the opening of each phone's parts is scaled: vowels by loudness, their parts by length too."""
    low, high = options.loudness_range
    factors = []
    for phone, score in zip(spoken, loudness_scores(spoken, loudness), strict=True):
        louder = float(np.clip(1 + options.loudness_gain * score, low, high))
        lengths = [_length_factor(end - start, options) for _, start, end in phone_parts(phone)]
        factors.append(tuple(louder * f if phone.name in VOWELS else 1.0 for f in lengths))
    return factors


def loudness_scores(spoken: list[PhoneSegment], loudness: NDArray[np.float64]) -> list[float]:
    """Standard deviations by which each vowel is louder than the utterance's median vowel; 0 for other phones."""
    levels = [_level(loudness, p) if p.name in VOWELS else None for p in spoken]
    known = np.array([level for level in levels if level is not None])
    if len(known) < 3:
        return [0.0] * len(spoken)
    middle, spread = float(np.median(known)), max(float(known.std()), 3.0)
    return [0.0 if level is None else (level - middle) / spread for level in levels]


def _level(loudness: NDArray[np.float64], phone: PhoneSegment) -> float:
    first = min(int(phone.start * 100), len(loudness) - 1)
    return float(loudness[first : max(int(phone.end * 100), first + 1)].mean())


def _pose(
    spoken: list[PhoneSegment], openings: list[tuple[float, ...]], times: NDArray[np.float64], options: TeacherOptions
) -> Array:
    """Dominance-weighted mean of all targets, channel by channel."""
    total = np.zeros((len(times), len(POSE_CHANNELS)))
    table = options.table
    weight = np.full((len(times), len(POSE_CHANNELS)), table.floor)
    for phone, factors in zip(spoken, openings, strict=True):
        for (name, start, end), scale in zip(phone_parts(phone), factors, strict=True):
            viseme = table.visemes[name]
            start, end = start - table.lead, end - table.lead
            rates = {table.jaw_rates, table.lip_rates, table.rounding_rates}
            curves = {pair: _dominance(times, start, end, pair) for pair in rates}
            for column, channel in enumerate(POSE_CHANNELS):
                strength, pair = _strength(viseme, name in ROUNDED, channel, table)
                dominance = strength * curves[pair]
                target = viseme.targets.get(channel, 0.0) * (scale if channel in OPENING_CHANNELS else 1.0)
                total[:, column] += dominance * target
                weight[:, column] += dominance
    return (total / weight).astype(np.float32)


def phone_parts(phone: PhoneSegment) -> list[tuple[str, float, float]]:
    """A phone's visemes with their times in s: a diphthong is its nucleus, then its glide."""
    glide = HAND_MADE.visemes[phone.name].glide
    if glide is None:
        return [(phone.name, phone.start, phone.end)]
    turn = phone.start + 0.6 * (phone.end - phone.start)
    return [(phone.name, phone.start, turn), (glide, turn, phone.end)]


def _length_factor(seconds: float, options: TeacherOptions) -> float:
    """Short vowels are reduced: the jaw has no time to reach its target."""
    base, slope = options.length_gain
    return float(np.clip(base + slope * seconds, *options.length_range))


def _strength(viseme: Viseme, rounded: bool, channel: str, table: VisemeTable) -> tuple[float, tuple[float, float]]:
    if channel in JAW_CHANNELS:
        return viseme.jaw, table.jaw_rates
    return viseme.shape, table.rounding_rates if rounded and channel in ROUNDING_CHANNELS else table.lip_rates


def _dominance(times: NDArray[np.float64], start: float, end: float, rates: tuple[float, float]) -> NDArray[np.float64]:
    """1 in the middle half of the phone, falling exponentially (squared near the top, so without a kink) outside it."""
    quarter = (end - start) / 4
    ahead, behind = np.maximum(0, start + quarter - times), np.maximum(0, times - (end - quarter))
    distance = ahead * rates[0] + behind * rates[1]
    return np.exp(-(np.sqrt(1 + (distance * 1.5) ** 2) - 1) * 1.2)


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
            length = (0.9 if phone.name == "P" else 1.0) * (phone.end - phone.start)
            half = max(length - 2 * options.closure_inset, options.closure_hold) / 2
            start, end = phone.start + length / 2 - half, phone.start + length / 2 + half
            gate = np.maximum(gate, _trapezoid(times, start, end, options.closure_ramp))
    return gate


def _rest(spoken: list[PhoneSegment], times: NDArray[np.float64], options: TeacherOptions) -> NDArray[np.float64]:
    """1 in pauses: closes after the last phone's decay, opens before the next one."""
    gate = np.ones(len(times))
    joined: list[list[float]] = []
    for phone in spoken:
        # Closed lips need not open to close again: at a pause, p b m begin and end in the rest.
        hidden = min(phone.end - phone.start, options.rest_ramp) if phone.name in BILABIALS else 0.0
        if joined and phone.start - joined[-1][2] < options.shortest_rest:
            joined[-1][1:] = phone.end - hidden, phone.end
        else:
            joined.append([phone.start + hidden, phone.end - hidden, phone.end])
    for start, end, _ in joined:
        gate = np.minimum(gate, 1 - _trapezoid(times, start - 0.02, end + 0.02, options.rest_ramp))
    return gate
