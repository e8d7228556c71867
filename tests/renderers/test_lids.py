"""Closing eyelids."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from face3d.detection import FaceDetection
from face3d.landmark_sets import LEFT_EYE, LEFT_UPPER_LID, RIGHT_EYE, RIGHT_UPPER_LID
from renderers.half_grid import half_grid
from renderers.lids import ClosingLids, _fade
from renderers.photo_layers import PhotoLayers, build_layers, polygon_mask


@pytest.fixture(scope="module")
def landmarks(astronaut_detection: FaceDetection) -> np.ndarray:
    return astronaut_detection.landmarks_px


@pytest.fixture(scope="module")
def layers(astronaut: np.ndarray, landmarks: np.ndarray) -> PhotoLayers:
    return build_layers(astronaut, landmarks)


@pytest.fixture
def lids(layers: PhotoLayers, landmarks: np.ndarray) -> ClosingLids:
    return ClosingLids(layers, landmarks)


def eye_mask(landmarks: np.ndarray, ring: tuple[int, ...], grow: float) -> np.ndarray:
    """On the half grid."""
    mask = polygon_mask((320, 320), landmarks[list(ring)], grow)
    return np.kron(mask, np.ones((2, 2), bool))[:639, :639]


def test_fading_is_smooth_and_monotonic() -> None:
    values = [_fade(c) for c in np.linspace(-0.5, 1.5, 81)]
    assert values[0] == 0
    assert values[-1] == 1
    assert all(0 <= b - a < 0.1 for a, b in pairwise(values))
    assert _fade(0.5) == pytest.approx(0.5)


def test_open_eyes_show_the_skin_layer(lids: ClosingLids, layers: PhotoLayers) -> None:
    np.testing.assert_array_equal(lids.skin((0.0, 0.0)), half_grid(layers.skin))
    np.testing.assert_array_equal(lids.skin((0.2, 0.2)), half_grid(layers.skin))


def test_shut_eyes_show_the_lids_layer(lids: ClosingLids, layers: PhotoLayers, landmarks: np.ndarray) -> None:
    skin = lids.skin((1.0, 1.0))
    expected = half_grid(layers.lids)
    for ring in (LEFT_EYE, RIGHT_EYE):
        eye = eye_mask(landmarks, ring, 3)
        np.testing.assert_array_equal(skin[eye], expected[eye])


def test_each_eye_closes_alone(lids: ClosingLids, layers: PhotoLayers, landmarks: np.ndarray) -> None:
    """(left, right), the subject's: the left eye is on the picture's right."""
    skin, still = lids.skin((1.0, 0.0)), half_grid(layers.skin)
    moved = (skin != still).any(2)
    assert moved[eye_mask(landmarks, LEFT_EYE, 0)].mean() > 0.5
    assert not moved[eye_mask(landmarks, RIGHT_EYE, 3)].any()
    assert np.nonzero(moved)[1].mean() > 320


def test_half_closed_is_a_mixture(lids: ClosingLids, layers: PhotoLayers, landmarks: np.ndarray) -> None:
    skin = lids.skin((0.5, 0.5)).astype(float)
    mixture = (half_grid(layers.skin).astype(float) + half_grid(layers.lids)) / 2
    eye = eye_mask(landmarks, RIGHT_EYE, 3)
    np.testing.assert_allclose(skin[eye], mixture[eye], atol=1)


def test_opening_again_leaves_no_trace(lids: ClosingLids, layers: PhotoLayers) -> None:
    """The buffer is reused from frame to frame."""
    for closure in (1.0, 0.4, 0.9):
        lids.skin((closure, closure))
    np.testing.assert_array_equal(lids.skin((0.0, 0.0)), half_grid(layers.skin))


def test_lash_lines(lids: ClosingLids, astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    shut, half, wide = (astronaut.copy() for _ in range(3))
    lids.draw_lashes(shut, landmarks, (1.0, 0.0))
    lids.draw_lashes(half, landmarks, (0.5, 0.0))
    lids.draw_lashes(wide, landmarks, (0.1, 0.1))
    np.testing.assert_array_equal(wide, astronaut)
    x, y = np.floor(landmarks[list(LEFT_UPPER_LID)]).astype(int).T
    dark, middle, light = (int(image[y, x].sum()) for image in (shut, half, astronaut))
    assert dark < middle < light
    rows, columns = np.nonzero((shut != astronaut).any(2))
    points = landmarks[list(LEFT_UPPER_LID)]
    assert (columns > points[:, 0].min() - 15).all()
    assert (np.abs(rows - points[:, 1].mean()) < 15).all()
    x, y = np.floor(landmarks[list(RIGHT_UPPER_LID)]).astype(int).T
    np.testing.assert_array_equal(shut[y, x], astronaut[y, x])


def test_lashes_are_dark_and_as_brown_as_the_photos_own(lids: ClosingLids, astronaut: np.ndarray) -> None:
    red, green, blue = lids._lash_rgb
    assert 70 >= red > 1.1 * green > 1.1 * blue


@pytest.mark.parametrize("shift", [(-130, 0), (160, 0), (0, -90), (1000, 1000)])
def test_eyes_outside_the_picture(astronaut: np.ndarray, landmarks: np.ndarray, shift: tuple[int, int]) -> None:
    points = landmarks + np.array(shift, np.float32)
    lids = ClosingLids(build_layers(astronaut, landmarks), points)
    assert lids.skin((1.0, 1.0)).shape == (639, 639, 3)
    crop = astronaut.copy()
    lids.draw_lashes(crop, points, (1.0, 1.0))
    assert crop.shape == astronaut.shape
