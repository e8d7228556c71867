"""The frame of coordinates of an eye and its lids' curves."""

from __future__ import annotations

import numpy as np
import pytest

from face3d.detect.detector import FaceDetection
from renderers.eyes.opening import EYES, STEPS, EyeOpening


@pytest.fixture(scope="module")
def landmarks(astronaut_detection: FaceDetection) -> np.ndarray:
    return astronaut_detection.landmarks_px


def at(opening: EyeOpening, s: np.ndarray, v: np.ndarray) -> np.ndarray:
    """[N, 2] px of coordinates."""
    return opening.axes[:2] + s[:, None] * opening.axes[2:4] + v[:, None] * opening.axes[4:6]


@pytest.mark.parametrize("side", [0, 1])
def test_corners_are_zero_and_one(landmarks: np.ndarray, side: int) -> None:
    opening = EyeOpening.of(landmarks, side)
    inner, outer, *_ = EYES[side]
    np.testing.assert_allclose(opening.local(landmarks[[inner, outer]]), [[0, 0], [1, 0]], atol=1e-4)
    assert opening.width_px == pytest.approx(np.linalg.norm(landmarks[outer] - landmarks[inner]), rel=1e-5)
    assert opening.axes[5] > 0.8  # v points down


@pytest.mark.parametrize("side", [0, 1])
def test_curves_pass_through_the_lids_points(landmarks: np.ndarray, side: int) -> None:
    opening = EyeOpening.of(landmarks, side)
    for points, curve in zip(EYES[side][2:], (opening.upper, opening.lower), strict=True):
        local = opening.local(landmarks[list(points)])
        read = np.interp(local[:, 0], np.linspace(0, 1, STEPS), curve)
        np.testing.assert_allclose(read, local[:, 1], atol=0.25)
        assert curve[0] == curve[-1] == 0


def test_coordinates_turn_with_the_face(landmarks: np.ndarray) -> None:
    angle = 0.6
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    straight, turned = EyeOpening.of(landmarks, 0), EyeOpening.of((landmarks @ turn.T).astype(np.float32), 0)
    np.testing.assert_allclose(turned.upper, straight.upper, atol=1e-2)
    np.testing.assert_allclose(turned.lower, straight.lower, atol=1e-2)


def test_positions_come_back(landmarks: np.ndarray) -> None:
    opening = EyeOpening.of(landmarks, 1)
    s, v = np.array([-0.2, 0.3, 1.1]), np.array([4.0, -2.0, 0.5])
    np.testing.assert_allclose(opening.local(at(opening, s, v).astype(np.float32)), np.stack([s, v], 1), atol=1e-4)


def test_lids_never_cross(landmarks: np.ndarray) -> None:
    points = landmarks.copy()
    points[list(EYES[0][2]), 1] += 30  # the upper lid hangs below the lower one
    opening = EyeOpening.of(points, 0)
    assert (opening.lower >= opening.upper).all()
    assert float((opening.lower - opening.upper).max()) == pytest.approx(0, abs=1e-4)


def test_points_in_one_place() -> None:
    opening = EyeOpening.of(np.zeros((478, 2), np.float32), 0)
    assert np.isfinite(opening.upper).all()
    assert np.isfinite(opening.local(np.ones((1, 2), np.float32))).all()
