"""Calibrates the teacher on filmed lips: targets by least squares, rates and strengths by coordinate descent.

With the dominances given, the pose is linear in the targets (Cohen & Massaro 1993, equation 2), so these are the
solution of a ridge regression towards the hand-made table; phones that were never filmed keep their hand-made targets,
scaled as the filmed ones are. Around that, rates, floor, lead and each phone's strengths are tried up and down.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from scripts.lab.speech.corpus.phones import BILABIALS, LABIODENTALS, SILENCE
from scripts.lab.speech.teacher.calibration_data import CHANNELS, GAP_MM, NAMES, FilmedPhones
from scripts.lab.speech.teacher.teacher import JAW_CHANNELS, OPENING_CHANNELS, ROUNDING_CHANNELS
from scripts.lab.speech.teacher.visemes import HAND_MADE, ROUNDED, Viseme, VisemeTable
from talkinghead.speech.generate.channels import MOTION_RATE

Array = NDArray[np.float64]

_JAW, _LIP, _ROUND = 0, 1, 2
_GROUPS = tuple(_JAW if c in JAW_CHANNELS else _ROUND if c in ROUNDING_CHANNELS else _LIP for c in CHANNELS)
_OPENS = tuple(c in OPENING_CHANNELS for c in CHANNELS)
_SEARCHED = ("mouthLowerDown", "mouthUpperUp", "mouthPucker", "mouthStretch")  # beside the gap of the lips
_CHANNEL_SHARE = 0.08  # of each of these in the error, the gap's being 1
_ROUNDS = np.array([name in ROUNDED for name in NAMES])
_RATE_LIMITS, _FLOOR_LIMITS, _LEAD_LIMITS = (6.0, 32.0), (0.01, 0.2), (-0.04, 0.08)
# Strengths stay this near to the hand-made ones (jaw, shape): a corpus of 51 words does not tell whose a shape is.
_STRENGTH_FACTORS = ((0.4, 2.0), (0.5, 1.6))
# Phones that do not round have this much more ridge in rounding channels: the l of "blue" rounds because of its vowel.
_NO_ROUNDING = 40.0
_SMALLEST_TARGET = 0.005
_GAIN_LIMITS = (0.4, 1.6)
_LEAST_GAIN = {"mouthFunnel": 0.6, "mouthPucker": 0.8}  # rounding must be seen, also on lips that round less
_LEAST_ROUNDING = 0.75  # of the hand-made: means over many sounds are flatter than any one of them
_SIBILANTS = ("S", "Z", "SH", "ZH", "CH", "JH")
_LEAST_GAP_MM = 1.8
# Short and weak in the clips, these get targets that only their neighbours keep from being reached.
_MOST_GAP_MM = {"IY": 8.5, "IH": 9.0, "S": 5.0, "Z": 5.0}
_UPPER_LIP_LIMIT = 0.3  # the filmed speaker shows his upper teeth: the rest of such an opening goes to the jaw


@dataclass(frozen=True)
class CalibrationOptions:
    """How much is believed of the clips.

    Attributes:
        ridge: frames that the hand-made target of a phone counts for.
        context_ridge: the same, more for a phone that was seen in few neighbourhoods: divided by their number.
        rounds: of coordinate descent.
        search_share: it looks at every so manieth clip; the targets are then found on all.
    """

    ridge: float = 12.0
    context_ridge: float = 90.0
    rounds: int = 3
    search_share: int = 3


@dataclass(frozen=True)
class Search:
    """What coordinate descent changes: rates [3, 2] 1/s, strengths [2, N] (jaw, shape), floor and lead (s)."""

    rates: Array
    strengths: Array
    floor: float
    lead: float

    @classmethod
    def of(cls, table: VisemeTable) -> Search:
        """Where it starts."""
        rates = np.array([table.jaw_rates, table.lip_rates, table.rounding_rates])
        jaw, shape = ([getattr(table.visemes[n], field) for n in NAMES] for field in ("jaw", "shape"))
        return cls(rates, np.array([jaw, shape]), table.floor, table.lead)


@dataclass(frozen=True)
class Solution:
    """Targets [N, K], the channels that they give [C, T, K], and the error with the ridge's share."""

    targets: Array
    channels: Array
    error: float


def calibrate(
    filmed: FilmedPhones,
    options: CalibrationOptions = CalibrationOptions(),
    report: Callable[[str], None] = lambda line: None,
) -> VisemeTable:
    """The table that explains the clips best."""
    prior = scaled_prior(filmed, options)
    search, some = Search.of(HAND_MADE), filmed.every(options.search_share)
    for number in range(options.rounds):
        step = 1.3 if number == 0 else 1.12
        search = _descend(search, _changes(step), some, prior, options)
        if number < options.rounds - 1:
            search = _descend(search, _strength_changes(filmed), some, prior, options)
        report(f"round {number + 1}: error {solve(some, search, prior, options).error:.4f}, rates 1/s "
               f"{search.rates.round(1).tolist()}, floor {search.floor:.3f}, lead {search.lead:.3f} s")  # fmt: skip
    return as_table(search, solve(filmed, search, prior, options).targets)


def hand_made_targets() -> Array:  # [N, K]
    """`HAND_MADE` as numbers."""
    return np.array([[HAND_MADE.visemes[name].targets.get(channel, 0.0) for channel in CHANNELS] for name in NAMES])


def scaled_prior(filmed: FilmedPhones, options: CalibrationOptions) -> Array:  # [N, K]
    """The hand-made targets, each channel as large as the phones that were filmed often say."""
    made = hand_made_targets()
    found = solve(
        filmed, Search.of(HAND_MADE), made, dataclasses.replace(options, ridge=0.5, context_ridge=0.0)
    ).targets
    often = filmed.there.sum((0, 1)) > np.median(filmed.there.sum((0, 1)))
    gains = (made[often] * found[often]).sum(0) / np.maximum((made[often] ** 2).sum(0), 1e-9)
    least = np.array([_LEAST_GAIN.get(channel, _GAIN_LIMITS[0]) for channel in CHANNELS])
    return np.asarray(made * np.clip(gains, least, _GAIN_LIMITS[1]))


def solve(filmed: FilmedPhones, search: Search, prior: Array, options: CalibrationOptions) -> Solution:
    """Targets of least squared error, not negative, for given dominances."""
    weight = filmed.weight.reshape(-1)
    ridge = options.ridge + options.context_ridge / np.maximum(filmed.contexts, 1)
    rounding = np.array([group == _ROUND for group in _GROUPS])
    held = ridge[:, None] * np.where(rounding & ~_ROUNDS[:, None], _NO_ROUNDING, 1.0)
    targets, made = np.zeros_like(prior), np.zeros_like(filmed.channels)
    shares = _shares(filmed, search)
    normals: dict[tuple[int, bool], Array] = {}
    for column, key in enumerate(zip(_GROUPS, _OPENS, strict=True)):
        design = shares[key].reshape(-1, len(NAMES))
        weighted = design * weight[:, None]
        if key not in normals:
            normals[key] = weighted.T @ design + np.diag(held[:, column])
        right = weighted.T @ filmed.channels[:, :, column].reshape(-1) + held[:, column] * prior[:, column]
        targets[:, column] = _non_negative(normals[key], right)
        made[:, :, column] = (design @ targets[:, column]).reshape(made.shape[:2])
    return Solution(targets, made, _error(filmed, targets, made, prior, held))


def _shares(filmed: FilmedPhones, search: Search) -> dict[tuple[int, bool], Array]:
    """[C, T, N] share of each phone in the pose by group of channels and whether openings scale it; rest takes part."""
    frames = filmed.gap_mm.shape[1]
    times = ((np.arange(frames) + 0.5) / MOTION_RATE).astype(np.float32)  # single precision: most of the time goes here
    quarter = (filmed.end - filmed.start) / 4
    ahead = np.maximum(0, (filmed.start - search.lead + quarter).astype(np.float32)[:, :, None] - times)
    behind = np.maximum(0, times - (filmed.end - search.lead - quarter).astype(np.float32)[:, :, None])
    there = filmed.there.astype(np.float32)
    exists = there.sum(-1)[:, :, None]
    curves = [
        np.exp(-(np.sqrt(1 + (1.5 * (ahead * a + behind * b)) ** 2) - 1) * 1.2) * exists
        for a, b in search.rates.astype(np.float32)
    ]
    jaw, shape = (strengths[filmed.index].astype(np.float32)[:, :, None] for strengths in search.strengths)
    rounds = _ROUNDS[filmed.index][:, :, None]
    dominances = (curves[_JAW] * jaw, curves[_LIP] * shape, np.where(rounds, curves[_ROUND], curves[_LIP]) * shape)
    shares = {}
    for group, opens in set(zip(_GROUPS, _OPENS, strict=True)):
        dominance = dominances[group]
        share = (
            dominance
            / (dominance.sum(1, keepdims=True) + search.floor)
            * (1 - filmed.rest[:, None, :]).astype(np.float32)
        )
        if opens:
            share = share * filmed.opening[:, :, None].astype(np.float32)
        shares[group, opens] = np.matmul(share.transpose(0, 2, 1), there)
    return shares


def _non_negative(normal: Array, right: Array) -> Array:
    """Least squares with x >= 0: the free solution, clipped, then coordinate descent."""
    x = np.asarray(np.linalg.solve(normal, right), np.float64)
    if (x >= 0).all():
        return x
    x = np.maximum(x, 0)
    for _ in range(30):
        for i in range(len(x)):
            x[i] = max(0.0, x[i] + (right[i] - normal[i] @ x) / normal[i, i])
    return x


def _error(filmed: FilmedPhones, targets: Array, made: Array, prior: Array, held: Array) -> float:
    """Unexplained share of the variance: of the gap, and a little of the lips' channels."""
    weight, count = filmed.weight[:, :, None], filmed.weight.sum()
    spread = np.array(
        [max(float(filmed.channels[..., k][filmed.weight > 0].var()), 1e-4) for k in range(made.shape[2])]
    )
    gap = np.maximum(made @ GAP_MM, 0) * (1 - filmed.pressed)
    gap_error = ((gap - filmed.gap_mm) ** 2 * filmed.weight).sum() / count / filmed.gap_mm[filmed.weight > 0].var()
    channel_error = ((made - filmed.channels) ** 2 * weight).sum((0, 1)) / count / spread
    searched = [CHANNELS.index(name) for name in _SEARCHED]
    distance = (held * (targets - prior) ** 2 / spread)[:, searched].sum() / count
    return float(gap_error + _CHANNEL_SHARE * (channel_error[searched].sum() + distance))


Change = Callable[[Search], Search]


def _descend(
    search: Search, changes: list[Change], filmed: FilmedPhones, prior: Array, options: CalibrationOptions
) -> Search:
    best = solve(filmed, search, prior, options).error
    for change in changes:
        while True:
            tried = change(search)
            error = solve(filmed, tried, prior, options).error
            if not error < best - 2e-4:
                break
            search, best = tried, error
    return search


def _changes(step: float) -> list[Change]:
    """Every rate, the floor and the lead, up and down."""

    def rate(row: int, column: int, factor: float) -> Change:
        return lambda s: dataclasses.replace(s, rates=_scaled(s.rates, (row, column), factor, _RATE_LIMITS))

    def floor(factor: float) -> Change:
        return lambda s: dataclasses.replace(s, floor=float(np.clip(s.floor * factor, *_FLOOR_LIMITS)))

    def lead(seconds: float) -> Change:
        return lambda s: dataclasses.replace(s, lead=float(np.clip(s.lead + seconds, *_LEAD_LIMITS)))

    rates = [rate(row, column, f) for row in range(3) for column in range(2) for f in (step, 1 / step)]
    return [*rates, floor(step**3), floor(step**-3), lead(0.01), lead(-0.01)]


def _strength_changes(filmed: FilmedPhones) -> list[Change]:
    """The strengths of phones that were filmed in enough neighbourhoods, up and down."""
    made = Search.of(HAND_MADE).strengths

    def strength(row: int, phone: int, factor: float) -> Change:
        low, high = (made[row, phone] * f for f in _STRENGTH_FACTORS[row])
        return lambda s: dataclasses.replace(s, strengths=_scaled(s.strengths, (row, phone), factor, (low, high)))

    often = [int(phone) for phone in np.argsort(-filmed.contexts) if filmed.contexts[phone] >= 8]
    return [strength(row, phone, f) for row in range(2) for phone in often for f in (1.5, 1 / 1.5)]


def _scaled(values: Array, at: tuple[int, int], factor: float, limits: tuple[float, float]) -> Array:
    values = values.copy()
    values[at] = np.clip(values[at] * factor, *limits)
    return values


def with_rules(targets: Array) -> Array:  # [N, K] -> [N, K]
    """What must hold on any face: rounding that is seen, upper lips and close vowels not too high, a gap."""
    targets = targets.copy()
    upper, jaw = CHANNELS.index("mouthUpperUp"), CHANNELS.index("jawOpen")
    excess = np.maximum(targets[:, upper] - _UPPER_LIP_LIMIT, 0)
    targets[:, upper] -= excess
    targets[:, jaw] += excess * GAP_MM[upper] / GAP_MM[jaw]
    rounding = np.ix_(_ROUNDS, np.array([group == _ROUND for group in _GROUPS]))
    targets[rounding] = np.maximum(targets[rounding], _LEAST_ROUNDING * hand_made_targets()[rounding])
    opens = np.array([name not in (*BILABIALS, *LABIODENTALS, SILENCE) for name in NAMES])
    most = np.array([_MOST_GAP_MM.get(name, np.inf) for name in NAMES])
    targets[:, jaw] -= np.maximum(targets @ GAP_MM - most, 0) / GAP_MM[jaw]
    targets[opens, jaw] += np.maximum(_LEAST_GAP_MM - targets[opens] @ GAP_MM, 0) / GAP_MM[jaw]
    return targets


def as_table(search: Search, targets: Array) -> VisemeTable:
    """The result, rounded; what no clip measures (the tongue) stays as it was made by hand."""
    targets = with_rules(targets)
    visemes = {}
    for row, name in enumerate(NAMES):
        made = HAND_MADE.visemes[name]
        found = {c: round(float(v), 3) for c, v in zip(CHANNELS, targets[row], strict=True) if v >= _SMALLEST_TARGET}
        found |= {c: v for c, v in made.targets.items() if c not in CHANNELS}
        jaw_strength, shape = (round(float(v), 3) for v in search.strengths[:, row])
        if name in _SIBILANTS:  # the teeth stay near whatever the vowels around ask for
            jaw_strength = max(jaw_strength, made.jaw)
        visemes[name] = Viseme(MappingProxyType(found), jaw_strength, shape, made.glide)
    (a, b), (c, d), (e, f) = search.rates.round(1).tolist()
    return VisemeTable(MappingProxyType(visemes), (a, b), (c, d), (e, f), round(search.floor, 3), round(search.lead, 3))
