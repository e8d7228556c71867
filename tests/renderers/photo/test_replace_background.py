"""Other backgrounds: the person stays, nothing of the old background does."""

from __future__ import annotations

import numpy as np
import pytest

from renderers.photo import replace_background as backdrop
from renderers.photo.replace_background import Backdrop, replace_background, unmix

GREEN = (0, 177, 64)


def test_one_colour(astronaut: np.ndarray, landmarks: np.ndarray, matte: np.ndarray) -> None:
    result = replace_background(astronaut, landmarks, Backdrop(GREEN))
    assert result is not None
    assert result.shape == astronaut.shape
    np.testing.assert_array_equal(result[matte == 1], astronaut[matte == 1])
    assert (matte < 0.02).mean() > 0.1
    assert (result[matte < 0.02] == GREEN).all()


def test_out_of_focus(astronaut: np.ndarray, landmarks: np.ndarray, matte: np.ndarray) -> None:
    result = replace_background(astronaut, landmarks, Backdrop())
    assert result is not None
    np.testing.assert_array_equal(result[matte == 1], astronaut[matte == 1])
    far = matte < 0.02
    inner = far[1:, 1:] & far[:-1, 1:] & far[1:, :-1]

    def roughness(picture: np.ndarray) -> float:
        grey = picture.astype(float).mean(2)
        return float(np.abs(grey[1:, 1:] - grey[:-1, 1:])[inner].mean())

    assert roughness(result) < 0.2 * roughness(astronaut)
    assert np.abs(result[far].mean(0) - astronaut[far].mean(0)).max() < 25, "the same colours on the whole"


def test_the_old_background_does_not_shine_through() -> None:
    """A pixel that is half hair, half white wall is hair, and what of the wall is left is not the hair's colour."""
    hair, wall = np.array([40.0, 25, 15]), np.array([250.0, 250, 250])
    shares = np.array([0.1, 0.5, 0.9, 1.0], np.float32)
    pixels = (shares[:, None] * hair + (1 - shares[:, None]) * wall).astype(np.float32)
    near = np.tile(hair, (4, 1)).astype(np.float32)
    own = unmix(pixels, shares, np.tile(wall, (4, 1)).astype(np.float32), near)
    np.testing.assert_allclose(own, near, atol=0.5)


def test_wrong_shares_give_possible_colours() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.uniform(0, 255, (50, 3)).astype(np.float32) for _ in range(3)]
    own = unmix(pictures[0], rng.uniform(0, 1, 50).astype(np.float32), pictures[1], pictures[2])
    assert own.min() >= 0
    assert own.max() <= 255


def test_strips_do_not_show(astronaut: np.ndarray, landmarks: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = replace_background(astronaut, landmarks, Backdrop())
    monkeypatch.setattr(backdrop, "_STRIP", 37)
    np.testing.assert_array_equal(replace_background(astronaut, landmarks, Backdrop()), whole)


def test_no_person_to_be_seen(landmarks: np.ndarray) -> None:
    assert replace_background(np.full((320, 320, 3), 128, np.uint8), landmarks, Backdrop(GREEN)) is None
