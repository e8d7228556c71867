"""The photo in two layers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.head.skin_kernels import composite
from renderers.photo.fill_behind import fill_behind, fill_smoothly, split_layers


def disc(height: int, width: int, radius: float) -> np.ndarray:
    """A soft matte in the picture's middle."""
    y, x = np.mgrid[:height, :width]
    return np.clip(radius - np.hypot(x - width / 2, y - height / 2) + 0.5, 0, 1).astype(np.float32)


def test_a_plain_wall_goes_on_behind_the_person() -> None:
    matte = disc(80, 100, 20)
    wall = np.broadcast_to(np.linspace(60, 160, 100)[None, :, None], (80, 100, 3))
    photo = np.round(wall + (np.array([200, 30, 20]) - wall) * matte[..., None]).astype(np.uint8)
    filled = fill_behind(photo, matte, 12)
    np.testing.assert_array_equal(filled[matte == 0], photo[matte == 0])
    near = (matte > 0.9) & (disc(80, 100, 12) == 0)
    assert np.abs(filled - wall)[near].max() < 25
    assert np.abs(filled - wall)[near].mean() < 8


def test_grain_goes_on_behind_the_person() -> None:
    matte = disc(100, 100, 30)
    photo = np.random.default_rng(0).integers(90, 160, (100, 100, 3)).astype(np.uint8)
    photo[matte > 0] = 0
    filled = fill_behind(photo, matte, 12)
    near = (matte == 1) & (disc(100, 100, 22) == 0)
    assert photo[matte == 0].std() * 0.6 < filled[near].std() < photo[matte == 0].std() * 1.2
    assert abs(filled[near].mean() - photo[matte == 0].mean()) < 6


def test_lines_go_straight_on_behind_the_person() -> None:
    """A shelf's edge meets the person at an angle; mirrored it would turn back."""
    matte = disc(120, 160, 25)
    shelf = np.where(np.arange(120)[:, None, None] < 70, 60, 200) + np.zeros((120, 160, 3))
    photo = shelf.astype(np.uint8)
    photo[matte > 0] = (250, 20, 20)
    filled = fill_behind(photo, matte, 20).astype(float)
    near = (matte > 0.9) & (disc(120, 160, 18) == 0)
    error = np.abs(filled - shelf).max(-1)[near]
    assert np.median(error) < 8
    assert (error > 70).mean() < 0.1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_to_fill_or_to_fill_from(value: float) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    np.testing.assert_array_equal(fill_behind(photo, np.full((30, 40), value, np.float32), 8), photo)


@given(st.integers(0, 1000), st.integers(3, 40), st.integers(3, 40), st.floats(0.02, 1))
def test_smooth_fill_keeps_what_is_known(seed: int, height: int, width: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    photo, known = rng.integers(0, 256, (height, width, 3)).astype(np.uint8), rng.random((height, width)) < share
    known[0, 0] = True
    filled = fill_smoothly(photo, known)
    np.testing.assert_allclose(filled[known], photo[known], atol=1e-3)
    assert np.isfinite(filled).all()
    plain = fill_smoothly(np.full((height, width, 3), 77, np.uint8), known)
    np.testing.assert_allclose(plain, 77, atol=0.1)


@given(st.integers(0, 1000), st.booleans())
def test_layers_give_the_photo_back(seed: int, smooth: bool) -> None:
    """To the last bit, whatever the matte and the background are."""
    rng = np.random.default_rng(seed)
    photo, background = rng.integers(0, 256, (2, 24, 31, 3)).astype(np.uint8)
    if smooth:
        background = cv2.blur(photo, (3, 3))
    matte = np.clip(rng.normal(0.5, 1, (24, 31)), 0, 1).astype(np.float32)
    layers = split_layers(photo, matte, background)
    out = layers.background.copy()
    composite(out, layers.person, 0, 0)
    np.testing.assert_array_equal(out, photo)
    assert (layers.person[..., 3] >= np.floor(255 * matte)).all()


def test_background_alone_has_no_person() -> None:
    photo = np.full((20, 20, 3), 90, np.uint8)
    layers = split_layers(photo, np.zeros((20, 20), np.float32), photo.copy())
    assert not layers.person.any()
