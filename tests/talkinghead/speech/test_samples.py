"""Sound in arrays as mono 16 kHz."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face3d.errors import InputError
from talkinghead.speech.samples import mono_16k, to_mono


@given(
    rate=st.sampled_from([4_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 400_000]),
    count=st.integers(0, 5_000),
    cuts=st.lists(st.integers(0, 5_000), max_size=4),
)
def test_the_length_is_exact_and_does_not_depend_on_the_cuts(rate: int, count: int, cuts: list[int]) -> None:
    sound = np.sin(np.arange(count) / 9).astype(np.float32)
    whole = np.concatenate([np.zeros(0, np.float32), *mono_16k([sound], rate)])
    pieces = np.concatenate([np.zeros(0, np.float32), *mono_16k(np.split(sound, sorted(cuts)), rate)])
    assert len(whole) == len(pieces) == math.ceil(count * 16_000 / rate)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole, pieces, atol=1e-5)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_a_tone_keeps_its_pitch_level_and_place(rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
    found = np.concatenate(list(mono_16k([tone], rate)))
    expected = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    np.testing.assert_allclose(found[500:-500], expected[500:-500], atol=0.01)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([-(2**15), 0, 2**14], np.int16), [-1, 0, 0.5]),
        (np.array([-(2**31), 0, 2**30], np.int32), [-1, 0, 0.5]),
        (np.array([0, 128, 192], np.uint8), [-1, 0, 0.5]),
        (np.array([-128, 0, 64], np.int8), [-1, 0, 0.5]),
        (np.array([-1, 0, 0.5], np.float16), [-1, 0, 0.5]),
        (np.array([-1, 0, 0.5], ">f4"), [-1, 0, 0.5]),
        (np.array([-(2**15), 0, 2**14], ">i2"), [-1, 0, 0.5]),
        (np.array([[1, 0], [0, 0]] * 5), "int64"),
        (np.tile([[1.0, 0.0]], (9, 1)), [0.5] * 9),
        (np.tile([[1.0], [0.0]], (1, 9)), [0.5] * 9),
        (np.tile([[1.0]], (1, 9)), [1.0] * 9),
        (np.zeros(0), []),
        (np.array([0.0, np.inf]), "infinite"),
        (np.array([0.0, np.nan]), "NaN"),
        (np.array([2.0**14]), "divide"),
        (np.array([True, False]), "bool"),
        (np.array([1j]), "complex"),
        (np.zeros((9, 9)), "at most 8 channels"),
        (np.zeros((0, 9)), "shape"),
        (np.zeros((2, 9, 1)), "shape"),
        (np.float32(1), "shape"),
        ([[1.0], [1.0, 2.0]], "cannot be made an array"),
        ("sound.wav", "floating-point samples"),
        (None, "floating-point samples"),
    ],
    ids=str,
)
def test_kinds_of_numbers_and_shapes(values: object, expected: list[float] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            to_mono(values)
    else:
        assert to_mono(values).tolist() == expected
