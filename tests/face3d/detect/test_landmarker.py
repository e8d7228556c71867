"""Our search for faces against MediaPipe's own program, the oracle, where it is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from face3d.arkit import ARKIT_INDEX
from face3d.detect.detector import FaceDetector
from face3d.detect.face import FaceDetection
from face3d.detect.landmarker import open_landmarker
from face3d.detect.raw_face import RawFace
from face3d.detect.view import View
from face3d.errors import InputError
from face3d.model.morphable_model import MorphableModel

ROOT = Path(__file__).parents[3]
PORTRAITS = sorted((ROOT.parent / "shared" / "data" / "photos" / "cc0").glob("*.jpg"))
INNER_EYES, OUTER_EYES = (133, 362), (33, 263)

needs_mediapipe = pytest.mark.skipif(
    importlib.util.find_spec("mediapipe") is None, reason="mediapipe, the oracle, is in the extra [mediapipe]"
)


def read(path: Path) -> np.ndarray:
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


def turned(image: np.ndarray, degrees: float, scale: float) -> np.ndarray:
    height, width = (round(n * scale) for n in image.shape[:2])
    matrix = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), degrees, scale)
    matrix[:, 2] += (width - image.shape[1]) / 2, (height - image.shape[0]) / 2
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC))


@pytest.fixture(scope="module")
def pictures(model: MorphableModel) -> list[np.ndarray]:
    """Drawn people of several sizes, the astronaut in several ways, two at once, a cat, noise."""
    from scripts.lab.face_model.synthetic_faces import FaceSynthesizer, SynthesisOptions

    astronaut = read(ROOT / "tests" / "data" / "astronaut.jpg")
    drawn = [FaceSynthesizer(model, 50 + k, SynthesisOptions(size_px=size)) for k, size in enumerate((160, 320, 640))]
    faces = [synthesizer.sample().image for synthesizer in drawn for _ in range(6)]
    whole = read(ROOT / "examples" / "astronaut.png")
    two = np.concatenate([astronaut, turned(astronaut, 10, 1.0)[:, ::-1]], axis=1)
    ways = [turned(astronaut, *way) for way in ((0, 0.5), (12, 1.0), (-25, 1.5), (40, 2.0), (80, 1.0))]
    tight = np.ascontiguousarray(astronaut[40:200, 90:230])
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    return [*faces, whole, two, *ways, tight, read(ROOT / "tests" / "data" / "cat.jpg"), noise]


def differences(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """[478] distances of corresponding points over the distance of the outer eye corners."""
    a, b = (theirs[i, :2] for i in OUTER_EYES)
    return np.asarray(np.linalg.norm((ours - theirs)[:, :2], axis=1) / np.linalg.norm(a - b))


def match(face: FaceDetection, others: list[FaceDetection]) -> FaceDetection:
    return min(others, key=lambda other: float(np.linalg.norm(other.landmarks_px - face.landmarks_px)))


def compare_looks(images: list[np.ndarray]) -> int:
    """Give both the same small pictures, assert that they say the same, and return how many faces there were."""
    ours, theirs = (open_landmarker(kind, 5) for kind in ("builtin", "mediapipe"))
    seen = 0
    for image in images:
        height, width = image.shape[:2]
        picture, _ = View((width / 2, height / 2), max(width, height)).sample(image, 256)
        found, expected = ours.look(picture), theirs.look(picture)
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert differences(a.landmarks, b.landmarks).max() < 0.005
            assert abs(a.landmarks[:, 2] - b.landmarks[:, 2]).max() < 0.005 * np.ptp(b.landmarks[:, 0])
            assert abs(a.scores - b.scores).max() < 0.02
            assert np.allclose(a.head_matrix, b.head_matrix, atol=3e-3 * abs(b.head_matrix).max())
            seen += 1
    theirs.close()
    return seen


def compare_detections(images: list[np.ndarray]) -> int:
    """Detect with both, assert that they agree, and return how many faces there were.

    A detection is a chain of looks, each where the one before says. Where a place lies between two that it is snapped
    to, the next looks differ, and then the landmarks do as they do for any other crop, by about 0.3 %.
    """
    exact = []
    with FaceDetector() as ours, FaceDetector(kind="mediapipe") as theirs:
        for image in images:
            found, expected = ours.detect(image), theirs.detect(image)
            assert len(found) == len(expected)
            for face in expected:
                own = match(face, found)
                distance, score = differences(own.landmarks_px, face.landmarks_px), abs(own.scores - face.scores).max()
                assert distance.mean() < 0.005
                assert score < 0.1
                exact.append(distance.max() < 0.005 and score < 0.02)
    assert np.mean(exact) > 0.9
    return len(exact)


@needs_mediapipe
def test_one_look_is_mediapipes(pictures: list[np.ndarray]) -> None:
    assert compare_looks(pictures) > 20


@needs_mediapipe
def test_the_detector_finds_the_same_faces_with_both(pictures: list[np.ndarray]) -> None:
    assert compare_detections(pictures) > 22


@needs_mediapipe
@pytest.mark.slow
@pytest.mark.skipif(not PORTRAITS, reason="no portraits beside the checkout")
def test_portraits_of_many_people() -> None:
    images = [read(path) for path in PORTRAITS[::3]]
    assert compare_looks(images) >= len(images)
    assert compare_detections(images) >= len(images)


@needs_mediapipe
def test_mediapipe_says_what_it_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    from face3d.detect import mediapipe_landmarker

    told: list[str] = []
    monkeypatch.setattr(mediapipe_landmarker._log, "info", told.append)
    mediapipe_landmarker._tell_once.cache_clear()
    for _ in range(2):
        open_landmarker("mediapipe", 1).close()
    assert told == [mediapipe_landmarker.TELEMETRY]
    assert "Google" in told[0]


def test_mediapipe_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [n for n in sys.modules if n.split(".")[0] == "mediapipe"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mediapipe", None)  # import raises
    with pytest.raises(InputError, match="--extras mediapipe"):
        FaceDetector(kind="mediapipe")
    with pytest.raises(ValueError, match="detector must be"):
        open_landmarker("other", 1)


@pytest.fixture(scope="module")
def faces() -> Iterator[list[RawFace]]:
    landmarker = open_landmarker("builtin", 5)
    yield landmarker.look(read(ROOT / "tests" / "data" / "astronaut.jpg"))
    landmarker.close()


def test_one_look_without_an_oracle(faces: list[RawFace]) -> None:
    (face,) = faces
    assert face.landmarks.shape == (478, 3)
    left, right = (face.landmarks[i] for i in INNER_EYES[::-1])
    assert 0 < right[0] < left[0] < 1
    assert face.scores[ARKIT_INDEX["mouthSmileLeft"]] > 0.6


def test_no_more_faces_than_asked_for() -> None:
    astronaut = read(ROOT / "tests" / "data" / "astronaut.jpg")
    two = np.zeros((640, 640, 3), np.uint8)
    two[160:480, :320] = two[160:480, 320:] = astronaut
    assert len(open_landmarker("builtin", 2).look(two)) == 2
    assert len(open_landmarker("builtin", 1).look(two)) == 1
