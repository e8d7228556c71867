from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from face3d.detect.detector import FaceDetector
from face3d.detect.face import FaceDetection
from face3d.detect.face_tracker import FaceTracker, crop_of, needed_presence, turn_of

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def tracker() -> FaceTracker:
    return FaceTracker()


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return np.ascontiguousarray(cv2.imread(str(DATA / "astronaut.jpg"))[..., ::-1])


def difference(a: FaceDetection, b: FaceDetection) -> float:
    """Mean landmark distance over the face's size."""
    return float(np.linalg.norm(a.landmarks_px - b.landmarks_px, axis=1).mean() / b.size_px)


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    """Degrees between the rotations of two head matrices."""
    a, b = (m[:3, :3] / np.linalg.norm(m[:3, 0]) for m in (a, b))
    return float(np.degrees(np.arccos(np.clip((np.trace(a @ b.T) - 1) / 2, -1, 1))))


@pytest.mark.parametrize(("scale", "turn"), [(1.0, 0.0), (3.0, 0.0), (1.5, 15.0), (2.0, -30.0)])
def test_agrees_with_the_detector(tracker: FaceTracker, portrait: np.ndarray, scale: float, turn: float) -> None:
    """The detector is the oracle: a search, a measurement in an upright crop, scores and head matrix."""
    side = round(portrait.shape[0] * scale)
    placing = cv2.getRotationMatrix2D((128, 128), turn, scale)
    placing[:, 2] += side / 2 - 128
    image = cv2.warpAffine(portrait, placing, (side, side), flags=cv2.INTER_CUBIC)
    with FaceDetector() as detector:
        (oracle,) = detector.detect(image)
    face = tracker.track(image, oracle.landmarks_px)
    assert face is not None
    assert difference(face, oracle) < 0.006
    assert abs(face.landmarks_z - oracle.landmarks_z).mean() < 0.006 * oracle.size_px
    assert abs(face.scores - oracle.scores).mean() < 0.03
    assert abs(face.scores - oracle.scores).max() < 0.2
    assert np.corrcoef(face.scores, oracle.scores)[0, 1] > 0.98
    assert angle_between(face.head_matrix, oracle.head_matrix) < 2
    assert np.allclose(face.head_matrix[:3, 3], oracle.head_matrix[:3, 3], atol=0.02 * abs(oracle.head_matrix[2, 3]))
    assert np.allclose(face.box, [*face.landmarks_px.min(0), *face.landmarks_px.max(0)])


@pytest.mark.parametrize("shift", [(0.3, 0.0), (0.0, -0.3), (-0.2, 0.2)])
def test_finds_a_face_that_moved_far(
    tracker: FaceTracker, portrait: np.ndarray, astronaut_detection: FaceDetection, shift: tuple[float, float]
) -> None:
    expected = astronaut_detection.landmarks_px + np.float32(shift) * astronaut_detection.size_px
    face = tracker.track(portrait, expected)
    assert face is not None
    assert difference(face, astronaut_detection) < 0.01


def test_the_crop_turns_and_scales_with_the_face(astronaut_detection: FaceDetection) -> None:
    landmarks = astronaut_detection.landmarks_px
    before = crop_of(landmarks)
    turn = np.array([[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]])  # row vectors, clockwise
    after = crop_of(2 * landmarks @ turn)
    assert after.angle == pytest.approx(before.angle + 0.4, abs=1e-5)
    assert after.side == pytest.approx(2 * before.side, rel=1e-5)
    assert np.allclose(after.centre, 2 * np.array(before.centre) @ turn, atol=1e-3)


def test_no_face_where_there_is_none(
    tracker: FaceTracker, portrait: np.ndarray, astronaut_detection: FaceDetection
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, portrait.shape, dtype=np.uint8)
    expected = astronaut_detection.landmarks_px
    left, top, right, bottom = astronaut_detection.box.astype(int)
    hidden = portrait.copy()
    hidden[top - 20 : bottom + 20, left - 20 : right + 20] = (60, 60, 70)
    for image in (noise, hidden, np.zeros_like(portrait)):
        assert tracker.track(image, expected) is None
    outside = expected + np.float32((400, 0))
    assert tracker.track(portrait, outside) is None


def test_a_face_that_turns_away_needs_less(astronaut_detection: FaceDetection) -> None:
    assert turn_of(astronaut_detection.head_matrix) < np.radians(30)
    assert needed_presence(0.2) > needed_presence(0.8) > needed_presence(1.2)
    roll = np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    assert turn_of(3 * roll) == pytest.approx(0)
    yaw = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1.0]])
    assert turn_of(yaw) == pytest.approx(np.pi / 2)


def test_a_head_that_turns_away_is_followed_and_then_lost(tracker: FaceTracker) -> None:
    """A drawn head turns to the side and back to the front of the camera: the landmarks are right or there are none."""
    import torch

    from face3d.camera import Camera, head_to_camera
    from face3d.model.morphable_model import load_default_model
    from renderers.preview.shaded import default_style, render_shaded

    model, camera = load_default_model(), Camera(900.0, (200.0, 200.0), (400, 400))
    vertices = model.neutral(torch.zeros(model.identity_basis.shape[0]))
    translation = torch.tensor([0.0, 0.0, 800.0])
    followed, place = [], None
    for yaw in np.radians(np.arange(0, 181, 7.5)):
        rotation = torch.tensor([0.0, float(yaw), 0.0])
        placed = head_to_camera(vertices, rotation, translation)
        image = render_shaded(placed, model.triangles, camera, model.triangle_parts, default_style())
        true = camera.project(head_to_camera(model.landmarks478.of(vertices), rotation, translation)).numpy()
        place = true if place is None else place
        face = tracker.track(image, place)
        followed.append(face is not None)
        if face is not None:
            place = face.landmarks_px
            assert np.linalg.norm(face.landmarks_px - true, axis=1).mean() < 0.06 * face.size_px
    assert all(followed[:9]), "lost before 60 degrees"
    assert not any(followed[13:]), "followed beyond 90 degrees"
