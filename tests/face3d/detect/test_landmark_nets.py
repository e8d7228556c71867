"""The landmark and expression nets on one crop."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from face3d.arkit import ARKIT_INDEX
from face3d.detect.face_tracker import crop_of
from face3d.detect.landmark_nets import CROP_PX, LandmarkNets
from face3d.detect.landmarker import NetLandmarker
from face3d.detect.raw_face import RawFace
from face3d.model.canonical_face import head_matrix

PORTRAIT = np.ascontiguousarray(cv2.imread(str(Path(__file__).parents[2] / "data" / "astronaut.jpg"))[..., ::-1])


@pytest.fixture(scope="module")
def nets() -> LandmarkNets:
    return LandmarkNets()


@pytest.fixture(scope="module")
def raw() -> RawFace:
    """What a look at the whole picture says."""
    (face,) = NetLandmarker(1).look(PORTRAIT)
    return face


def test_scores_do_not_depend_on_scale_and_place(nets: LandmarkNets, raw: RawFace) -> None:
    scores = nets.score(raw.landmarks[:, :2] * np.float32(700) + np.float32(50))
    assert np.allclose(scores, raw.scores, atol=2e-3)
    assert scores[ARKIT_INDEX["mouthSmileLeft"]] > 0.6
    assert scores[ARKIT_INDEX["tongueOut"]] == 0


def test_head_matrix_of_a_face(raw: RawFace) -> None:
    matrix, strangeness = head_matrix(raw.landmarks)
    assert np.allclose(matrix, raw.head_matrix, atol=1e-3 * abs(raw.head_matrix).max())
    assert strangeness < 0.14


def test_landmarks_of_a_crop(nets: LandmarkNets, raw: RawFace) -> None:
    expected = raw.landmarks[:, :2] * PORTRAIT.shape[0]
    crop, matrix = crop_of(expected).resample(PORTRAIT, CROP_PX, cv2.INTER_LINEAR)
    face = nets.run(crop)
    assert face.landmarks.shape == (478, 3)
    found = face.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    size = np.ptp(expected, axis=0).max()
    assert np.linalg.norm(found - expected, axis=1).mean() < 0.01 * size
    assert face.presence > 10


def test_threads_do_not_change_the_result(nets: LandmarkNets) -> None:
    crop = np.random.default_rng(0).integers(0, 256, (CROP_PX, CROP_PX, 3), dtype=np.uint8)
    assert np.allclose(LandmarkNets(threads=2).run(crop).landmarks, nets.run(crop).landmarks, atol=0.02)
