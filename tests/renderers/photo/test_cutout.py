"""Cutting head and shoulders out of a photo."""

from __future__ import annotations

import numpy as np
import pytest

from face3d.fit.photo_fit import PhotoFit
from renderers.head.skin_kernels import composite
from renderers.photo.cutout import cut_out, cut_out_small, working_factor
from renderers.pixels.region import Region


@pytest.fixture(scope="module")
def landmarks(astronaut_fit: PhotoFit) -> np.ndarray:
    return astronaut_fit.detection.landmarks_px


def test_the_layers_are_the_photo(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    cutout = cut_out(astronaut, landmarks)
    np.testing.assert_array_equal(cutout.photo, astronaut[cutout.region.window])
    np.testing.assert_allclose(cutout.landmarks + cutout.region.origin, landmarks)
    assert cutout.outlined
    assert cutout.reach > 0
    picture = cutout.layers.background.copy()
    composite(picture, cutout.layers.person, 0, 0)
    np.testing.assert_array_equal(picture, cutout.photo)


def test_without_an_outline_all_is_the_person(
    astronaut: np.ndarray, landmarks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderers.photo.cutout.person_matte", lambda image, points: None)
    cutout = cut_out(astronaut, landmarks)
    assert not cutout.outlined
    assert (cutout.layers.person[..., 3] == 255).all()
    np.testing.assert_array_equal(cutout.layers.person[..., :3], cutout.photo)


def test_large_faces_are_cut_out_of_a_smaller_photo(
    astronaut: np.ndarray, landmarks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cut_out_small(astronaut, landmarks)
    assert working_factor(landmarks) == 1
    monkeypatch.setattr("renderers.photo.cutout.WORKING_FACE_PX", np.linalg.norm(landmarks[152] - landmarks[10]) / 2)
    assert working_factor(landmarks) == 2
    half = cut_out_small(astronaut, landmarks)
    np.testing.assert_allclose(half.landmarks + half.region.origin, landmarks / 2, rtol=1e-5)
    np.testing.assert_allclose(np.array(half.photo.shape[:2]) * 2, whole.photo.shape[:2], atol=6)


def test_a_face_outside_the_picture(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    with pytest.raises(ValueError, match="outside the picture"):
        cut_out(astronaut, landmarks + 5000)


@pytest.mark.parametrize(
    ("region", "even"),
    [
        (Region(3, 5, 4, 4), Region(2, 4, 6, 5)),
        (Region(2, 4, 6, 4), Region(2, 4, 6, 4)),
        (Region(0, 0, 11, 9), Region(0, 0, 11, 9)),
    ],
)
def test_even_borders(region: Region, even: Region) -> None:
    assert region.even(11, 9) == even


def test_a_region_around_points() -> None:
    points = np.array([[2.5, 3.5], [6.2, 4.0]], np.float32)
    assert Region.around(points, 1, 100, 100) == Region(1, 2, 7, 3)
    assert Region.around(points, 1, 5, 100) == Region(1, 2, 4, 3)
    assert Region.around(points + 200, 1, 100, 100) is None
