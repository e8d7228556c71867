"""Bare lids and the strips of lashes on them."""

from __future__ import annotations

import numpy as np
import pytest

from face3d.detect.detector import FaceDetection
from face3d.model.landmark_sets import LEFT_EYE, RIGHT_EYE
from renderers.eyes.lids import LashStrips, bare_lids, lash_strips, skin_grain
from renderers.eyes.opening import EyeOpening
from renderers.photo.layers import build_layers, face_height, polygon_mask

LIGHT = np.array([0.2126, 0.7152, 0.0722])
WINDOW = (120, 100, 200, 140)


@pytest.fixture(scope="module")
def landmarks(astronaut_detection: FaceDetection) -> np.ndarray:
    return astronaut_detection.landmarks_px


@pytest.fixture(scope="module")
def openings(landmarks: np.ndarray) -> list[EyeOpening]:
    return [EyeOpening.of(landmarks, side) for side in (0, 1)]


@pytest.fixture(scope="module")
def skin(astronaut: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    return build_layers(astronaut, landmarks).skin


def test_bare_lids_lose_their_dark_lines(skin: np.ndarray, openings: list[EyeOpening], landmarks: np.ndarray) -> None:
    unit = face_height(landmarks) / 256
    bare, _ = bare_lids(skin, openings, unit)
    eyes = [polygon_mask((320, 320), landmarks[list(ring)]) for ring in (LEFT_EYE, RIGHT_EYE)]
    for eye in eyes:
        before, after = skin[eye] @ LIGHT, bare[eye] @ LIGHT
        assert after.mean() > before.mean() + 5
        assert after.std() < before.std()
    far = ~polygon_mask((320, 320), landmarks[list(LEFT_EYE)], 12) & ~polygon_mask(
        (320, 320), landmarks[list(RIGHT_EYE)], 12
    )
    np.testing.assert_array_equal(bare[far], skin[far])


def test_plain_lids_have_no_structure(openings: list[EyeOpening], landmarks: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (320, 320, 3), dtype=np.uint8)
    _, plain = bare_lids(noise, openings, 2.0)
    around = polygon_mask((320, 320), landmarks[list(LEFT_EYE)], 12)
    assert plain[around].std() < 0.25 * noise[around].std()


def test_strips_make_the_photo_of_bare_lids(openings: list[EyeOpening]) -> None:
    """Both strips laid over the picture that they were made for: the photo, exactly."""
    rng = np.random.default_rng(0)
    photo, bare = (rng.integers(0, 256, (40, 80, 3), dtype=np.uint8) for _ in range(2))
    strips = lash_strips(photo, bare, openings[0], WINDOW, 0.5)
    got = bare * strips.upper[..., :3] * strips.lower[..., :3] + strips.upper[..., 3:] + strips.lower[..., 3:]
    np.testing.assert_allclose(got, photo, atol=2.1)
    for strip in (strips.upper, strips.lower):
        assert strip[..., :3].max() <= 1
        assert strip[..., :3].min() > 0


def test_equal_pictures_need_no_strips(openings: list[EyeOpening]) -> None:
    photo = np.full((40, 80, 3), 90, np.uint8)
    strips, empty = lash_strips(photo, photo + 1, openings[0], WINDOW, 0.5), LashStrips.empty((40, 80))
    np.testing.assert_array_equal(strips.upper, empty.upper)
    np.testing.assert_array_equal(strips.lower, empty.lower)


def test_grain_is_fine_and_tiles(astronaut: np.ndarray, openings: list[EyeOpening], landmarks: np.ndarray) -> None:
    grain = skin_grain(astronaut, openings[1], face_height(landmarks) / 256)
    assert grain.shape[0] == grain.shape[1]
    assert 0 < np.abs(grain).max() <= 0.08 + 1e-6
    assert abs(grain.mean()) < 0.02
    np.testing.assert_array_equal(grain[:, 0], grain[:, -1])
    np.testing.assert_array_equal(grain[0], grain[-1])


@pytest.mark.parametrize("shift", [(-130, 0), (160, 0), (0, -90), (1000, 1000)])
def test_eyes_outside_the_picture(skin: np.ndarray, landmarks: np.ndarray, shift: tuple[int, int]) -> None:
    points = landmarks + np.array(shift, np.float32)
    moved = [EyeOpening.of(points, side) for side in (0, 1)]
    assert [picture.shape for picture in bare_lids(skin, moved, 0.5)] == [skin.shape] * 2
    assert np.isfinite(skin_grain(skin, moved[0], 0.5)).all()
