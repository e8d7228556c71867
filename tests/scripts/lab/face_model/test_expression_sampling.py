"""Random expressions of synthetic faces."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES, EYE_LOOK_CHANNELS
from scripts.lab.face_model.expression_sampling import BLENDS, OPPOSITES, UNITS, sample_expression

SEEDS = st.integers(0, 2**32 - 1)


def channels_of(unit: str) -> list[int]:
    names = (unit, unit + "Left", unit + "Right")
    return [ARKIT_INDEX[name] for name in names if name in ARKIT_INDEX]


def many(count: int = 400) -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.stack([sample_expression(rng) for _ in range(count)])


@given(SEEDS)
def test_a_sample_is_a_possible_face(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(20):
        weights = sample_expression(rng)
        assert weights.shape == (52,)
        assert weights.min() >= 0
        assert weights.max() <= 1
        assert not weights[list(EYE_LOOK_CHANNELS)].any()
        for first, second in OPPOSITES:
            assert not (weights[channels_of(first)].any() and weights[channels_of(second)].any()), (first, second)


@given(SEEDS)
def test_a_seed_gives_one_face(seed: int) -> None:
    first, again = (sample_expression(np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_units_cover_all_but_the_eyes() -> None:
    covered = [channel for unit in UNITS for channel in channels_of(unit)]
    assert sorted(covered) == sorted(set(range(52)) - set(EYE_LOOK_CHANNELS))
    for unit in [unit for pair in OPPOSITES for unit in pair] + [unit for blend in BLENDS for unit, _ in blend]:
        assert unit in UNITS


def test_every_channel_is_drawn() -> None:
    drawn = many().max(0) > 0
    missing = [name for i, name in enumerate(ARKIT_NAMES) if not drawn[i] and i not in EYE_LOOK_CHANNELS]
    assert missing == []


def test_some_rest_and_some_are_one_sided() -> None:
    faces = many()
    rest = (faces.max(1) == 0).mean()
    assert 0.07 < rest < 0.2
    pairs = [(ARKIT_INDEX[n], ARKIT_INDEX[n.replace("Left", "Right")]) for n in ("eyeBlinkLeft", "mouthSmileLeft")]
    both = np.concatenate([faces[:, pair] for pair in pairs])
    both = both[both.max(1) > 0]
    assert 0.03 < (both.min(1) == 0).mean() < 0.25
    assert (both[:, 0] == both[:, 1]).mean() > 0.4
