"""Photos of one tone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.fit.photo_fit import PhotoFit
from renderers.photo.toning import Toning
from renderers.photo_avatar import PhotoAvatar
from renderers.pose import Pose


def grey(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def sepia(picture: np.ndarray) -> np.ndarray:
    return np.clip(grey(picture) * np.array([1.0, 0.84, 0.66]), 0, 255).astype(np.uint8)


def test_colours_have_no_toning(astronaut: np.ndarray) -> None:
    assert Toning.of(astronaut) is None


@pytest.mark.parametrize("tone", [grey, sepia])
def test_colours_painted_into_one_tone_take_it(astronaut: np.ndarray, tone) -> None:  # type: ignore[no-untyped-def]
    photo = tone(astronaut)
    toning = Toning.of(photo)
    assert toning is not None
    painted = photo.copy()
    painted[40:60, 50:80] = (150, 60, 50)
    box = slice(30, 70), slice(40, 90)
    toning.apply(painted, box)
    assert Toning.of(painted[box]) is not None
    np.testing.assert_allclose(painted[30:40, 40:90].astype(int), photo[30:40, 40:90], atol=2)
    np.testing.assert_array_equal(painted[:30], photo[:30])


def test_a_plain_backdrop_does_not_make_one_tone(astronaut: np.ndarray) -> None:
    """However much of the picture it is."""
    photo = np.full((600, 600, 3), (90, 110, 140), np.uint8)
    photo[200:360, 200:360] = astronaut[20:180, 60:220]
    assert Toning.of(photo) is None


@pytest.mark.parametrize("tone", [grey, sepia])
def test_brightnesses_next_to_each_other_look_alike(astronaut: np.ndarray, tone) -> None:  # type: ignore[no-untyped-def]
    """Also those of which the photo has only a few pixels, which have another colour: a stamp in a coarse print."""
    photo = tone(astronaut // 8 * 8)
    photo[5:15, 5:15] = np.random.default_rng(0).integers(0, 256, (10, 10, 3))
    toning = Toning.of(photo)
    assert toning is not None
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, 2)
    toning.apply(ramp, (slice(0, 256), slice(0, 1)))
    assert np.abs(np.diff(ramp.astype(int), axis=0)).max() <= 4


def test_a_box_beyond_the_picture() -> None:
    photo = np.full((20, 20, 3), 128, np.uint8)
    toning = Toning.of(photo)
    assert toning is not None
    toning.apply(photo, (slice(25, 30), slice(0, 5)))
    assert (photo == 128).all()


def test_a_grey_photo_speaks_in_grey(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    avatar = PhotoAvatar(grey(astronaut), astronaut_fit.parameters, astronaut_fit.detection.landmarks_px)
    expression = torch.zeros(52)
    expression[ARKIT_INDEX["jawOpen"]] = 0.6
    frame = avatar.render(Pose(expression, torch.tensor([0.0, 0.2, 0.0]))).astype(int)
    assert np.ptp(frame, axis=2).max() <= 1
