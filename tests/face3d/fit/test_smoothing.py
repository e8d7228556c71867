from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face3d.fit.smoothing import SmoothingOptions, smooth, solve_banded

ONE = np.ones(1)


def smooth_one(values: np.ndarray, noise: float, agility: float, present: np.ndarray | None = None) -> np.ndarray:
    present = np.ones(len(values), bool) if present is None else present
    return smooth(values[:, None], noise * ONE, agility * ONE, present)[:, 0]


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 40), st.integers(0, 2**31), st.floats(-4, 4))
def test_banded_solution_is_the_dense_one(length: int, seed: int, exponent: float) -> None:
    rng = np.random.default_rng(seed)
    measured = rng.normal(size=length)
    weight = (rng.random(length) < 0.7).astype(float)
    weight[[0, -1]] = 1
    stiffness = 10**exponent * rng.uniform(0.5, 2, length - 2)
    second = np.diff(np.eye(length), 2, axis=0)
    dense = np.linalg.solve(np.diag(weight) + second.T * stiffness @ second, weight * measured)
    assert np.allclose(solve_banded(measured, weight, stiffness), dense, rtol=1e-6, atol=1e-6 * abs(dense).max())


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 60), st.integers(0, 2**31), st.floats(-3, 3), st.floats(-3, 3), st.floats(0.01, 1), st.floats(1, 50)
)
def test_a_line_stays_a_line_over_gaps_too(
    length: int, seed: int, start: float, slope: float, noise: float, ratio: float
) -> None:
    present = np.random.default_rng(seed).random(length) < 0.6
    present[[0, -1]] = True
    line = start + slope * np.arange(length)
    values = np.where(present, line, np.nan)
    assert np.allclose(smooth_one(values, noise, noise / ratio, present), line, atol=1e-5 * (1 + abs(line).max()))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 10), st.floats(-5, 5))
def test_units_and_offsets_do_not_matter(seed: int, scale: float, offset: float) -> None:
    values = np.random.default_rng(seed).normal(size=30).cumsum()
    expected = offset + scale * smooth_one(values, 0.5, 0.1)
    assert np.allclose(smooth_one(offset + scale * values, 0.5 * scale, 0.1 * scale), expected, atol=1e-6 * scale)


def test_the_ends_hold_the_outermost_values() -> None:
    present = np.zeros(12, bool)
    present[4:8] = True
    result = smooth_one(np.where(present, np.arange(12.0), np.nan), 0.1, 0.1, present)
    assert np.allclose(result, [4, 4, 4, 4, 4, 5, 6, 7, 7, 7, 7, 7], atol=1e-6)


def test_one_frame() -> None:
    present = np.array([False, True, False])
    assert smooth_one(np.array([np.nan, 2.0, np.nan]), 0.1, 0.1, present).tolist() == [2, 2, 2]


def test_jitter_is_removed_where_nothing_moves() -> None:
    noise = np.random.default_rng(0).normal(size=500)
    result = smooth_one(noise, 1.0, 0.1)
    assert result.std() < 0.5
    assert np.diff(result, 2).var() < np.diff(noise, 2).var() / 50


def test_columns_do_not_mix() -> None:
    rng = np.random.default_rng(1)
    values, noise, agility = rng.normal(size=(40, 3)), np.array([1.0, 0.2, 3.0]), np.array([0.1, 0.2, 0.01])
    together = smooth(values, noise, agility, np.ones(40, bool))
    for c in range(3):
        assert np.allclose(together[:, c], smooth_one(values[:, c], noise[c], agility[c]))


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_closures_survive(frames: int) -> None:
    """The lips meet for a few frames while they are open before and after; the noise is 2 % of the opening."""
    rng = np.random.default_rng(2)
    opening = np.ones(80)
    closed = slice(40, 40 + frames)
    opening[closed] = 0
    measured = opening + 0.02 * rng.normal(size=80)
    result = smooth_one(measured, 0.02, 0.002)
    assert abs(result[closed]).max() < 0.1
    assert abs(result - opening).mean() < abs(measured - opening).mean()
    assert np.diff(result[:35], 2).std() < np.diff(measured[:35], 2).std() / 5


def test_a_slow_turn_is_followed() -> None:
    angle = 0.6 * np.sin(np.arange(100) / 12)
    measured = angle + 0.005 * np.random.default_rng(3).normal(size=100)
    result = smooth_one(measured, 0.005, 0.0005)
    assert abs(result - angle).std() < 0.005


def test_no_rounds_is_the_plain_smoother() -> None:
    values = np.random.default_rng(4).normal(size=(20, 1)) * 10
    plain = smooth(values, ONE, ONE / 4, np.ones(20, bool), SmoothingOptions(rounds=0))
    assert np.allclose(plain[:, 0], solve_banded(values[:, 0], np.ones(20), np.full(18, 16.0)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"noise": np.zeros(2)}, "noise must be finite and > 0"),
        ({"agility": np.array([1, np.nan])}, "agility must be finite and > 0"),
        ({"noise": np.ones(3)}, r"noise must be \[2\]"),
        ({"present": np.zeros(5, bool)}, "no frame is present"),
        ({"present": np.ones(4, bool)}, "do not fit"),
        ({"values": np.full((5, 2), np.nan)}, "must be finite"),
    ],
)
def test_bad_arguments(change: dict[str, np.ndarray], message: str) -> None:
    good = {"values": np.zeros((5, 2)), "noise": np.ones(2), "agility": np.ones(2), "present": np.ones(5, bool)}
    with pytest.raises(ValueError, match=message):
        smooth(**{**good, **change})
