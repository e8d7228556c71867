from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.canonical_face import head_matrix

cv2 = pytest.importorskip("cv2")
pytest.importorskip("mediapipe")
from face3d.landmark_nets import CROP_PX, LandmarkNets  # noqa: E402
from face3d.landmarker import RawFace, close_landmarker, create_landmarker, run_landmarker  # noqa: E402
from face3d.tracking import crop_of  # noqa: E402

PORTRAIT = np.ascontiguousarray(cv2.imread(str(Path(__file__).parents[1] / "data" / "astronaut.jpg"))[..., ::-1])


@pytest.fixture(scope="module")
def nets() -> LandmarkNets:
    return LandmarkNets()


@pytest.fixture(scope="module")
def raw() -> Iterator[RawFace]:
    """What MediaPipe's own graph says of a square picture."""
    landmarker = create_landmarker(1)
    (face,) = run_landmarker(landmarker, PORTRAIT)
    yield face
    close_landmarker(landmarker)


def test_scores_are_mediapipes_given_its_landmarks(nets: LandmarkNets, raw: RawFace) -> None:
    scores = nets.score(raw.landmarks[:, :2] * np.float32(PORTRAIT.shape[0]))
    expected = [raw.scores.get(name, 0.0) for name in ARKIT_NAMES]
    assert np.allclose(scores, expected, atol=2e-3)
    assert scores[ARKIT_INDEX["mouthSmileLeft"]] > 0.6
    assert scores[ARKIT_INDEX["tongueOut"]] == 0


def test_head_matrix_is_mediapipes_given_its_landmarks(raw: RawFace) -> None:
    matrix, strangeness = head_matrix(raw.landmarks)
    assert np.allclose(matrix, raw.head_matrix, atol=2e-3 * abs(raw.head_matrix).max())
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
