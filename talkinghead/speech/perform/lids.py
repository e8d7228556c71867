"""Blinks: when they come, made fewer or more, and how the lids move in one.

Lids close fast and open slowly: about 100 ms down and twice as long up (VanderWerf et al. 2003, Journal of
Neurophysiology 89: 2784).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkinghead.speech.hear.network import OUTPUT_RATE

Array = NDArray[np.float32]

NATURAL_BLINKS = 18.0  # per minute, between rest and conversation (17 and 26 in Bentivoglio et al. 1997)
MOST_BLINKS = 60.0  # per minute
# From a blink's start to shut lids, on average, s: who knows when the lids are shut starts them so much earlier.
TO_SHUT = 0.12

_TICK = 1.0 / OUTPUT_RATE
_CLOSING, _SHUT, _OPENING = (0.10, 0.13), (0.02, 0.06), (0.16, 0.26)  # s, drawn evenly
_SHORTEST_INTERVAL = 0.8  # s, from start to start
_SPREAD = 0.8  # of the logarithm of what an interval has beyond the shortest
_DOUBLE_CHANCE, _DOUBLE_INTERVAL = 0.06, (0.45, 0.65)  # a second blink right after the first
_PARTIAL_CHANCE, _PARTIAL_DEPTH, _PARTIAL_ROOM = 0.08, (0.25, 0.45), 2.5  # lids that only twitch, in long intervals


@dataclass(frozen=True)
class BlinkStart:
    """Lids begin to close at `tick` (20 ms each, counted from the block's first) and come down to `depth`, 1 = shut."""

    tick: int
    depth: float = 1.0


@dataclass(frozen=True)
class Blink:
    """One blink: seconds of closing, of being shut and of opening; how far down the lids come, 0..1."""

    closing: float
    shut: float
    opening: float
    depth: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, depth: float) -> Blink:
        """A blink as people have them; one that does not close is shorter."""
        closing, shut, opening = (float(rng.uniform(*span)) for span in (_CLOSING, _SHUT, _OPENING))
        pace = 0.7 + 0.3 * depth
        return cls(closing * pace, shut, opening * pace, depth)

    @property
    def seconds(self) -> float:
        """From open to open."""
        return self.closing + self.shut + self.opening

    def lid(self, time: NDArray[np.floating]) -> NDArray[np.floating]:  # [...] s after the start -> [...]
        """How far the lid is down; 0 before and after. It leaves fast and arrives slowly when it opens."""
        down = _smooth(time / self.closing)
        since = np.maximum(time - self.closing - self.shut, 0)
        up = _smooth(np.minimum(since / self.opening, 1) ** 0.8)
        return self.depth * down * (1 - up)


class BlinkShaper:
    """Lid values of a train of blinks, block by block; the cuts do not matter.

    Args:
        rng: draws the durations, in the order in which blinks come.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._running: list[tuple[int, Blink]] = []  # the start, in ticks from the current block's first

    def advance(self, count: int, starts: Iterable[BlinkStart]) -> Array:  # [count] 0..1
        """The next `count` ticks, in which the blinks `starts` begin. Where two overlap, the lower lid counts."""
        self._running += [(s.tick, Blink.drawn(self._rng, s.depth)) for s in starts]
        lid = np.zeros(count)
        for start, blink in self._running:
            first, stop = max(start, 0), min(start + math.ceil(blink.seconds / _TICK) + 1, count)
            # A tick stands for the 20 ms around its middle.
            values = blink.lid((np.arange(first, stop) - start + 0.5) * _TICK)
            lid[first:stop] = np.maximum(lid[first:stop], values)
        self._running = [(s - count, b) for s, b in self._running if (count - s) * _TICK < b.seconds]
        return lid.astype(np.float32)


class BlinkTrain:
    """When somebody blinks: a renewal process with a rest after each blink, some double and some incomplete ones.

    Args:
        rng: of the times.
        per_minute: complete blinks per minute, 0..60.
    """

    def __init__(self, rng: np.random.Generator, per_minute: float) -> None:
        self._rng = rng
        self._mean = 60 / per_minute if per_minute > 0 else math.inf
        # Double blinks take little of the time; the others get the rest of it.
        share = _DOUBLE_CHANCE * sum(_DOUBLE_INTERVAL) / 2
        self._single = max((self._mean - share) / (1 - _DOUBLE_CHANCE) - _SHORTEST_INTERVAL, 0.05)
        self._wait = rng.uniform(0.3, 0.9) * self._mean
        self._twitch = math.inf  # seconds until an incomplete blink

    def advance(self, count: int) -> list[BlinkStart]:
        """The blinks that begin within the next `count` ticks."""
        starts = []
        for tick in range(count):
            self._wait -= _TICK
            self._twitch -= _TICK
            if self._wait <= 0:
                starts.append(BlinkStart(tick))
                self._wait += self._interval()
            elif self._twitch <= 0:
                starts.append(BlinkStart(tick, float(self._rng.uniform(*_PARTIAL_DEPTH))))
                self._twitch = math.inf
        return starts

    def _interval(self) -> float:
        if self._rng.random() < _DOUBLE_CHANCE:
            return float(self._rng.uniform(*_DOUBLE_INTERVAL))
        # A logarithmic normal distribution whose mean is `_single`.
        beyond = self._single * math.exp(_SPREAD * self._rng.standard_normal() - _SPREAD**2 / 2)
        interval = _SHORTEST_INTERVAL + beyond
        if interval > _PARTIAL_ROOM and self._rng.random() < _PARTIAL_CHANCE:
            self._twitch = float(self._rng.uniform(0.3, 0.7)) * interval
        return interval


class BlinkRetimer:
    """Makes a natural train of blinks rarer or denser: some are left out, or others come between them.

    Which ones is decided by `rng`; at the natural rate the train stays as it is. Denser trains keep a rest of
    0.8 s between an added blink and its neighbours, and lose a natural one that would follow within it.

    Args:
        rng: decides.
        per_minute: the wanted rate, 0..60; None keeps the train.
        natural: the rate of what comes in.
    """

    def __init__(self, rng: np.random.Generator, per_minute: float | None, natural: float = NATURAL_BLINKS) -> None:
        self._rng = rng
        self._wanted = natural if per_minute is None else per_minute
        self._kept = min(1.0, self._wanted / max(natural, 1e-6))
        self._since = math.inf  # seconds since the last blink that was added; natural ones do not keep others away
        self._after = math.inf  # seconds since any blink
        # Outside the rests, added and natural blinks together must come as often as asked.
        rest = min(self._wanted / 60 * _SHORTEST_INTERVAL, 0.9)
        self._chance = 0.0
        if self._wanted > natural:
            self._chance = max(0.0, self._wanted / 60 / (1 - rest) - natural / 60) * _TICK

    def advance(self, count: int, starts: Iterable[BlinkStart]) -> list[BlinkStart]:
        """What becomes of the blinks that begin within the next `count` ticks."""
        natural = {start.tick: start for start in starts}
        result = []
        for tick in range(count):
            self._since += _TICK
            self._after += _TICK
            drawn = self._rng.random()  # one for each tick, so that blocks may be cut anywhere
            start = natural.get(tick)
            if start is not None:
                if self._since < _SHORTEST_INTERVAL or drawn >= self._kept:
                    continue
            elif drawn < self._chance and self._after >= _SHORTEST_INTERVAL:
                start = BlinkStart(tick)
                self._since = 0.0
            else:
                continue
            result.append(start)
            self._after = 0.0
        return result


def _smooth(x: NDArray[np.floating]) -> NDArray[np.floating]:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
