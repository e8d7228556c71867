from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from face3d.detect.face import FaceDetection, disagreement, is_known, roll_matrix, roll_of


def moved(face: FaceDetection, by: tuple[float, float]) -> FaceDetection:
    offset = np.float32(by)
    return replace(face, landmarks_px=face.landmarks_px + offset, box=face.box + np.tile(offset, 2))


def test_centre_and_disagreement(astronaut_detection: FaceDetection) -> None:
    face = astronaut_detection
    other = moved(face, (30, -40))
    assert np.allclose(other.centre - face.centre, (30, -40), atol=1e-3)
    assert disagreement(face, face) == 0
    assert disagreement(face, other) == pytest.approx(50 / face.size_px, rel=1e-4)


def test_the_same_place_is_known(astronaut_detection: FaceDetection) -> None:
    face = astronaut_detection
    assert is_known(moved(face, (10, 10)), [face])
    assert not is_known(moved(face, (face.size_px, 0)), [face])
    assert not is_known(face, [])


def test_roll(astronaut_detection: FaceDetection) -> None:
    landmarks = astronaut_detection.landmarks_px
    turn = np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])  # row vectors, clockwise
    assert roll_of(landmarks @ turn) == pytest.approx(roll_of(landmarks) + 0.3, abs=1e-5)
    matrix = roll_matrix(0.3)
    assert np.allclose(matrix @ roll_matrix(-0.3), np.eye(4), atol=1e-6)
    assert np.allclose(matrix @ (1, 0, 0, 1), (np.cos(0.3), -np.sin(0.3), 0, 1))  # clockwise with +y up
