"""The shadow between closed lips."""

from __future__ import annotations

import numpy as np
import pytest

from face3d.detect.detector import FaceDetection
from face3d.model.landmark_sets import LOWER_INNER_LIP, OUTER_LIPS, UPPER_INNER_LIP
from renderers.mouth.lip_seam import LipSeam
from renderers.photo.layers import PhotoLayers, build_layers, polygon_mask


@pytest.fixture(scope="module")
def landmarks(astronaut_detection: FaceDetection) -> np.ndarray:
    return astronaut_detection.landmarks_px


@pytest.fixture(scope="module")
def layers(astronaut: np.ndarray, landmarks: np.ndarray) -> PhotoLayers:
    return build_layers(astronaut, landmarks)


def draw(layers: PhotoLayers, landmarks: np.ndarray, own_mm: float, now_mm: float) -> np.ndarray:
    """[h, w] how much darker the skin layer becomes."""
    crop = layers.skin.copy()
    LipSeam(layers, landmarks, own_mm).draw(crop, landmarks, now_mm)
    return layers.skin.astype(int).sum(2) - crop.astype(int).sum(2)


def test_closed_lips_of_an_open_photo_get_a_seam(layers: PhotoLayers, landmarks: np.ndarray) -> None:
    darker = draw(layers, landmarks, own_mm=5.0, now_mm=0.0)
    assert darker.min() >= 0
    lips = polygon_mask((320, 320), landmarks[list(OUTER_LIPS)], 4)
    assert darker[~lips].max() == 0
    middle = (landmarks[list(UPPER_INNER_LIP)] + landmarks[list(LOWER_INNER_LIP)]) / 2
    x, y = np.floor(middle).astype(int).T
    assert (darker[y, x] > 30).all()
    darkest = darker[:, x[4]].argmax()  # in the column of the mouth's middle
    assert abs(darkest + 0.5 - middle[4, 1]) < 1.5


@pytest.mark.parametrize(("own", "now"), [(0.0, 0.0), (1.0, 0.0), (5.0, 1.5), (5.0, 10.0)])
def test_no_seam_where_the_photo_has_one_or_lips_are_open(
    layers: PhotoLayers, landmarks: np.ndarray, own: float, now: float
) -> None:
    assert draw(layers, landmarks, own, now).max() == 0


def test_the_seam_fades_in(layers: PhotoLayers, landmarks: np.ndarray) -> None:
    by_opening = [draw(layers, landmarks, 5.0, now).sum() for now in (1.4, 1.0, 0.5, 0.0)]
    assert 0 < by_opening[0] < by_opening[1] < by_opening[2] < by_opening[3]
    by_photo = [draw(layers, landmarks, own, 0.0).sum() for own in (1.2, 1.8, 2.5)]
    assert 0 < by_photo[0] < by_photo[1] < by_photo[2]
    assert draw(layers, landmarks, 9.0, 0.0).sum() == by_photo[2]


def test_lips_outside_the_picture(layers: PhotoLayers, landmarks: np.ndarray) -> None:
    outside = landmarks + 1000
    crop = layers.skin.copy()
    LipSeam(layers, outside, 5.0).draw(crop, outside, 0.0)
    np.testing.assert_array_equal(crop, layers.skin)
