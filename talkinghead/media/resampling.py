"""Pictures with time stamps at a constant rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

# A header's mean rate is off by a part of a frame over the whole video.
COMMON_RATES = tuple(
    Fraction(n) for n in (10, 12, 15, 20, "24000/1001", 24, 25, "30000/1001", 30, 48, 50, "60000/1001", 60, 100, 120)
)
RATE_TOLERANCE = 0.002
LONGEST_GAP = 10.0  # s; more is an error in the time stamps, not a still picture, unless the sound says otherwise
MOST_BACKWARDS = (
    0.25  # s; by less, stamps run backwards because a recorder's clock jitters, not because a recording ends
)
_FASTEST = 0.1  # the share of steps that may be shorter than a frame by chance
_STEP, _ROUNDING = 0.4, 2.5e-3  # steps are alike within this share of one; s by which they then still differ if exact
# How many steps are looked at together, so that jitter evens out, and the share by which their means may differ.
_RUN, _SAME_RATE = 10, 0.12


def sensible_rate(rate: Fraction | None, tolerance: float = RATE_TOLERANCE) -> Fraction:
    """The constant rate to use for a video whose frames come at `rate` (None or 0: not known), give or take a share."""
    if not rate:
        return Fraction(25)
    if tolerance > RATE_TOLERANCE:  # too coarse to tell 29.97 from 30: the plain number is meant
        candidates: Sequence[Fraction] = [common for common in COMMON_RATES if common.denominator == 1]
    else:
        candidates = COMMON_RATES
    near = min(candidates, key=lambda common: abs(common - rate))
    if abs(near - rate) <= tolerance * rate:
        return near
    return min(Fraction(240), max(Fraction(1), rate)).limit_denominator(1001)


def rate_of_steps(times: Sequence[float]) -> tuple[Fraction, float] | None:
    """The fastest rate that a video keeps up, and how far it may be off as a share of it; None: too few frames.

    Recorders drop frames on a bad line or while nothing moves, so that the mean says little; browsers' stamps jitter
    by half a frame, so that single steps say little too.

    Args:
        times: the frames' time stamps in order, s; equal ones count as one; longer steps than `LONGEST_GAP` are left
            out.
    """
    stamps = np.unique(np.asarray(times, np.float64))
    steps = np.diff(stamps)
    steps = steps[steps <= LONGEST_GAP]
    if len(steps) < 2:
        return None
    shortest = float(np.quantile(steps, _FASTEST, method="lower"))
    alike = steps[np.abs(steps - shortest) < _STEP * shortest]
    if np.ptp(alike) <= _ROUNDING:
        return Fraction(1 / float(alike.mean())).limit_denominator(100_000), 1e-3 / float(alike.sum())
    return _rate_of_jittered(stamps)


def _rate_of_jittered(stamps: NDArray[np.float64]) -> tuple[Fraction, float]:
    """As :func:`rate_of_steps`, from the longest stretch in which the mean of some steps is nearly the shortest."""
    run = min(_RUN, len(stamps) - 1)
    means = (stamps[run:] - stamps[:-run]) / run
    steady = np.flatnonzero(means <= np.quantile(means, _FASTEST, method="lower") * (1 + _SAME_RATE))
    stretches = np.split(steady, np.flatnonzero(np.diff(steady) > 1) + 1)
    longest = max(stretches, key=len)
    first, last = int(longest[0]), int(longest[-1]) + run
    seconds = float(stamps[last] - stamps[first])
    step = seconds / (last - first)
    jitter = float(np.abs(stamps[first : last + 1] - stamps[first] - step * np.arange(last - first + 1)).max())
    return Fraction(1 / step).limit_denominator(100_000), 2 * jitter / seconds


def steady_times(
    stamps: Iterable[tuple[T, float | None]], fps: Fraction, still: Sequence[float] = ()
) -> Iterator[tuple[T, float]]:
    """Time stamps in seconds that never run backwards or leap: where they do, or are missing, a frame's length goes on.

    Joined recordings, and streams cut out of a broadcast, have such leaps.

    Args:
        stamps: items with their time stamps, s.
        fps: frames per second.
        still: time stamps before which the picture stood still for longer than `LONGEST_GAP`, s: no leaps.
    """
    step, shift, last = float(1 / fps), 0.0, None
    for item, stamp in stamps:
        time = last + step if stamp is None and last is not None else (stamp or 0.0) + shift
        if last is not None:
            gap = time - last
            if -MOST_BACKWARDS < gap <= 0:
                time = last
            elif gap <= 0 or (gap > LONGEST_GAP and not _is_among(stamp, still)):
                shift += last + step - time
                time = last + step
        last = time
        yield item, time


def _is_among(stamp: float | None, stamps: Sequence[float]) -> bool:
    return stamp is not None and any(abs(stamp - other) < 1e-3 for other in stamps)


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
