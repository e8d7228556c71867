"""Pictures with time stamps at a constant rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

T = TypeVar("T")

# A header's mean rate is off by a part of a frame over the whole video.
COMMON_RATES = tuple(
    Fraction(n) for n in (10, 12, 15, 20, "24000/1001", 24, 25, "30000/1001", 30, 48, 50, "60000/1001", 60, 100, 120)
)
RATE_TOLERANCE = 0.002
LONGEST_GAP = 10.0  # s; more is an error in the time stamps, not a still picture


def sensible_rate(rate: Fraction | None) -> Fraction:
    """The constant rate to use for a video whose frames come at `rate` on average (None or 0: not known)."""
    if not rate:
        return Fraction(25)
    near = min(COMMON_RATES, key=lambda common: abs(common - rate))
    if abs(near - rate) <= RATE_TOLERANCE * rate:
        return near
    return min(Fraction(240), max(Fraction(1), rate)).limit_denominator(1001)


def steady_times(stamps: Iterable[tuple[T, float | None]], fps: Fraction) -> Iterator[tuple[T, float]]:
    """Time stamps in seconds that never run backwards or leap: where they do, or are missing, a frame's length goes on.

    Joined recordings, and streams cut out of a broadcast, have such leaps.
    """
    step, shift, last = float(1 / fps), 0.0, None
    for item, stamp in stamps:
        time = last + step if stamp is None and last is not None else (stamp or 0.0) + shift
        if last is not None and not 0 < time - last <= LONGEST_GAP:
            if stamp is not None:
                shift += last + step - time
            time = last + step
        last = time
        yield item, time


def at_constant_rate(
    timed: Iterable[tuple[T, float]],  # in order of time, s
    fps: Fraction,
) -> Iterator[T]:
    """For each tick of a clock, 1 / `fps` apart from the first item on, the item that is nearest in time.

    The last item lasts for one tick.
    """
    previous: tuple[T, float] | None = None
    tick, start = 0, 0.0
    for item, time in timed:
        if previous is None:
            start = time
        else:
            while start + float(tick / fps) <= (previous[1] + time) / 2:
                yield previous[0]
                tick += 1
        previous = (item, time)
    if previous is not None:
        while start + float(tick / fps) < previous[1] + 0.5 / float(fps):
            yield previous[0]
            tick += 1
