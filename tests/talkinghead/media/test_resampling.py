"""Frames at a constant rate."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkinghead.media.resampling import LONGEST_GAP, at_constant_rate, sensible_rate, steady_times


@pytest.mark.parametrize(
    ("given_rate", "rate"),
    [
        (None, 25),
        (Fraction(0), 25),
        (Fraction(25), 25),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (Fraction("29.9699"), Fraction(30000, 1001)),
        (Fraction("30.01"), 30),
        (Fraction("23.976"), Fraction(24000, 1001)),
        (Fraction("17.3"), Fraction("17.3")),
        (Fraction(90000), 240),
        (Fraction(1, 10), 1),
    ],
)
def test_rates(given_rate: Fraction | None, rate: Fraction) -> None:
    assert sensible_rate(given_rate) == rate


@given(st.integers(1, 60), st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction("17.3")]), st.floats(-5, 5))
def test_a_constant_rate_gives_every_frame_once(count: int, fps: Fraction, start: float) -> None:
    """Whatever the rounding of the time stamps to milliseconds."""
    timed = [(i, round(start + i / fps, 3)) for i in range(count)]
    assert list(at_constant_rate(timed, fps)) == list(range(count))


@given(st.lists(st.floats(0.001, 0.5), max_size=40))
def test_each_tick_gets_the_nearest_frame(steps: list[float]) -> None:
    times = [0.0]
    for step in steps:
        times.append(times[-1] + step)
    fps = Fraction(20)
    ticks = list(at_constant_rate(enumerate_times(times), fps))
    assert len(ticks) == pytest.approx(times[-1] * 20 + 1, abs=1)
    for index, chosen in enumerate(ticks):
        distances = [abs(time - index / 20) for time in times]
        assert distances[chosen] == pytest.approx(min(distances), abs=1e-9)


def enumerate_times(times: list[float]) -> list[tuple[int, float]]:
    return list(enumerate(times))


def test_nothing_gives_nothing() -> None:
    assert list(at_constant_rate([], Fraction(25))) == []


def test_time_stamps_that_leap_or_are_missing() -> None:
    stamps = [0.0, 0.1, None, 0.3, 900.0, 900.1, 5.0, 5.1]
    times = [time for _, time in steady_times(enumerate(stamps), Fraction(10))]
    assert times == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    assert [t for _, t in steady_times([(0, 0.0), (1, LONGEST_GAP)], Fraction(10))] == [0.0, LONGEST_GAP]


def test_no_time_stamps_at_all() -> None:
    times = [time for _, time in steady_times([(i, None) for i in range(4)], Fraction(10))]
    assert times == pytest.approx([0.0, 0.1, 0.2, 0.3])
