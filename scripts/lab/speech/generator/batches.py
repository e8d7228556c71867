"""Batches for the generator: windows of clips, varied. Each is a function of the seed and its number alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scripts.lab.speech.generator.data import Clip
from talkinghead.speech.generate.channels import MOTION_CHANNELS
from talkinghead.speech.generate.windows import Rest, WindowOptions
from talkinghead.speech.perform.mouth import POSE_CHANNELS

Array = NDArray[np.float32]

# In a mirror these turn the other way.
MIRRORED = np.isin(MOTION_CHANNELS, ("head_yaw", "head_roll", "gaze_yaw"))
_MOUTH = np.isin(MOTION_CHANNELS, POSE_CHANNELS)
_HEAD = np.array([name.startswith("head_") for name in MOTION_CHANNELS])
_EXPLAINED = 0.15  # share of a channel's variance
_TURNING = np.array([name.startswith(("head_", "gaze_")) for name in MOTION_CHANNELS])

SHARES: dict[str, float] = {"grid": 0.55, "grid_speakers": 0.07, "facegood": 0.13, "taught": 0.25}
"""How often each source is drawn. Sources that are not there give their share to the others."""


@dataclass(frozen=True)
class VaryOptions:
    """How windows are varied: probabilities and ranges.

    Attributes:
        mirror: left becomes right.
        tempo: range of the speed.
        head, mouth: ranges by which these are scaled.
        noise: standard deviation of what is added to the condition.
        start: the window begins at rest, as the first one of every motion does.
        prefix: the window continues given motion.
        prefix_noise: standard deviation of what is added to the given motion, which is never quite right later.
        alone: the mouth alone is known.
        unheard: the condition does not count.
    """

    mirror: float = 0.5
    tempo: tuple[float, float] = (0.88, 1.14)
    head: tuple[float, float] = (0.85, 1.18)
    mouth: tuple[float, float] = (0.95, 1.05)
    noise: float = 0.02
    start: float = 0.15
    prefix: float = 0.65
    prefix_noise: float = 0.08
    alone: float = 0.1
    unheard: float = 0.1
    windows: WindowOptions = field(default_factory=WindowOptions)


@dataclass(frozen=True)
class Batch:
    """Windows: `motion [B, T, C]` in physical units; the rest as `network.Window`; `valid [B, T]` 1 inside a clip."""

    motion: Tensor  # [B, T, C]
    condition: Tensor  # [B, T, K]
    known: Tensor  # [B, C]
    prefix: Tensor  # [B, T]
    spoken: Tensor  # [B]
    valid: Tensor  # [B, T]

    def on(self, device: str) -> Batch:
        """On a device."""
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


class WindowSampler:
    """Draws windows from clips."""

    def __init__(self, clips: list[Clip], rest: Rest, seed: int, options: VaryOptions) -> None:
        self._groups: dict[str, list[Clip]] = {}
        for clip in clips:
            self._groups.setdefault(clip.source, []).append(clip)
        shares = np.array([SHARES.get(source, 0.05) for source in self._groups])
        self._shares = shares / shares.sum()
        # Long recordings are drawn more often than short ones.
        self._lengths = {s: np.array([len(c.motion) for c in g], float) for s, g in self._groups.items()}
        self._rest_motion, self._rest_condition = rest.motion.numpy(), rest.condition.numpy()
        self._seed = seed
        self._options = options
        self._frames = options.windows.prefix + options.windows.new

    def batch(self, number: int, size: int) -> Batch:
        """The `number`-th batch: the same whenever it is asked for."""
        rng = np.random.default_rng([self._seed, number])
        rows = [self._window(rng) for _ in range(size)]
        motion, condition, known, prefix, spoken, valid = (
            torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*rows, strict=True)
        )
        return Batch(motion, condition, known, prefix, spoken, valid)

    def _window(self, rng: np.random.Generator) -> tuple[Array, ...]:
        o = self._options
        motion, condition, known = self._drawn(rng)
        prefix = np.zeros(self._frames, np.float32)
        given = o.windows.prefix
        if rng.random() < o.start:
            motion = motion - np.where(_TURNING, motion[0], 0).astype(np.float32)
            motion = np.concatenate([np.repeat(self._rest_motion[None], given, 0), motion])
            condition = np.concatenate([np.repeat(self._rest_condition[None], given, 0), condition])
            prefix[:given] = 1
        else:
            first = int(rng.integers(0, max(len(motion) - self._frames, 0) + 1))
            motion, condition = motion[first:], condition[first:]
            if rng.random() < o.prefix:
                prefix[: rng.integers(given // 2, given + 1)] = 1
        valid = (np.arange(self._frames) < len(motion)).astype(np.float32)
        motion, condition = self._filled(motion), self._filled(condition)
        condition = condition + rng.normal(0, o.noise, condition.shape).astype(np.float32)
        spoken = np.float32(rng.random() >= o.unheard)
        return motion, condition, known, prefix, np.asarray(spoken), valid

    def _drawn(self, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """A whole clip's motion, condition and known channels, varied."""
        o = self._options
        source = list(self._groups)[int(rng.choice(len(self._shares), p=self._shares))]
        lengths = self._lengths[source]
        clip = self._groups[source][int(rng.choice(len(lengths), p=lengths / lengths.sum()))]
        version = int(rng.integers(len(clip.conditions)))
        first, stop = 0, len(clip.motion)
        if stop > 2 * self._frames:  # no need to warp all of a long one
            first = int(rng.integers(0, stop - 2 * self._frames))
            stop = first + 2 * self._frames
        speed = rng.uniform(*o.tempo)
        motion = _warped(clip.motion[first:stop], speed)
        condition = _warped(clip.conditions[version, first:stop].astype(np.float32), speed)
        known = clip.known.astype(np.float32)
        if rng.random() < o.alone:
            known = known * _MOUTH
        if rng.random() < o.mirror:
            motion = np.where(MIRRORED, -motion, motion)
        scale = np.where(_MOUTH, rng.uniform(*o.mouth), np.where(_HEAD, rng.uniform(*o.head), 1.0))
        return (motion * scale).astype(np.float32), condition, known

    def _filled(self, values: Array) -> Array:
        """Cut or continued with its last row."""
        rows = np.minimum(np.arange(self._frames), len(values) - 1)
        return values[rows]


def _warped(values: Array, speed: float) -> Array:  # [T, C] -> [about T / speed, C]
    count = max(int(len(values) / speed), 2)
    position = np.clip((np.arange(count) + 0.5) * speed - 0.5, 0, len(values) - 1)
    low = np.minimum(position.astype(int), max(len(values) - 2, 0))
    high = np.minimum(low + 1, len(values) - 1)
    weight = (position - low)[:, None].astype(np.float32)
    return np.asarray(values[low] * (1 - weight) + values[high] * weight, np.float32)


def spread_of(clips: list[Clip], floor: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of every channel where it is known; the deviation is at least `floor [C]`."""
    channels = len(floor)
    mean, spread = np.zeros(channels, np.float32), np.array(floor, np.float32)
    for channel in range(channels):
        values = [c.motion[:, channel] for c in clips if c.known[channel]]
        if values:
            joined = np.concatenate(values)
            mean[channel], spread[channel] = joined.mean(), max(float(joined.std()), float(floor[channel]))
    return mean, spread


def line_of(clips: list[Clip], mean: Array, spread: Array, ridge: float) -> tuple[Array, Array]:
    """Weights `[C, K]` and offsets `[C]` of the best straight line from condition to normalised motion.

    Both are 0 for a channel of which the line explains little: it would only shake it.
    """
    width, channels = clips[0].conditions.shape[-1] + 1, len(mean)
    weights, offsets = np.zeros((channels, width - 1), np.float32), np.zeros(channels, np.float32)
    squares = {pattern: np.zeros((width, width)) for pattern in {c.known.tobytes() for c in clips}}
    products = {pattern: np.zeros((width, channels)) for pattern in squares}
    energy = {pattern: np.zeros(channels) for pattern in squares}
    for clip in clips:
        x = np.pad(clip.conditions[0].astype(np.float64), ((0, 0), (0, 1)), constant_values=1)
        y, pattern = (clip.motion - mean) / spread, clip.known.tobytes()
        squares[pattern] += x.T @ x
        products[pattern] += x.T @ y
        energy[pattern] += np.square(y).sum(0)
    for channel in range(channels):
        patterns = [p for p in squares if np.frombuffer(p, np.bool_)[channel]]
        if not patterns:
            continue
        total = np.sum([squares[p] for p in patterns], 0)
        right = np.sum([products[p][:, channel] for p in patterns], 0)
        solved = np.linalg.solve(total + ridge * np.eye(width), right)
        explained = (2 * solved @ right - solved @ total @ solved) / max(
            sum(energy[p][channel] for p in patterns), 1e-9
        )
        if explained > _EXPLAINED:
            weights[channel], offsets[channel] = solved[:-1], solved[-1]
    return weights, offsets
