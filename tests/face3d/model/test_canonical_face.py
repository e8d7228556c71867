from __future__ import annotations

import numpy as np
import pytest

from face3d.model.canonical_face import canonical_face, head_matrix


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    return (
        np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    )


def screen_landmarks(turn: np.ndarray, distance: float) -> np.ndarray:
    """[478, 3] as a detector with weak-perspective depth would place the canonical face; others at its middle."""
    face = canonical_face()
    points = (face.points + face.center) @ turn.T - (0, 0, distance)
    height = 2 * np.tan(np.radians(63) / 2)
    result = np.zeros((478, 3))
    xy = points[:, :2] / -points[:, 2:] / height
    depth = -points[:, 2] / distance / height
    result[:] = (0.5, 0.5, depth.mean())
    result[face.indices] = np.column_stack([0.5 + xy[:, 0], 0.5 - xy[:, 1], depth])
    return result


def test_the_canonical_face_is_a_face() -> None:
    face = canonical_face()
    points = face.points + face.center
    assert len(face.indices) == len(points) == len(face.weights)
    assert face.weights.sum() == pytest.approx(1)
    assert (face.weights > 0).all()
    at = {int(i): p for i, p in zip(face.indices, points, strict=True)}
    right_eye, left_eye, brow, nose = at[33], at[263], at[10], at[4]
    assert np.allclose(left_eye, right_eye * (-1, 1, 1), atol=1e-5)
    assert 8 < left_eye[0] - right_eye[0] < 10  # cm
    assert brow[1] > left_eye[1] > nose[1]
    assert nose[2] > left_eye[2]


@pytest.mark.parametrize("angles", [(0, 0, 0), (0.5, 0, 0), (-0.3, 0.25, 0.1), (0, -0.4, 0.6)])
def test_head_matrix_finds_the_pose(angles: tuple[float, float, float]) -> None:
    turn = rotation(*angles)
    matrix, strangeness = head_matrix(screen_landmarks(turn, 45.0))
    assert np.allclose(
        matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3) * np.linalg.det(matrix[:3, :3]) ** (2 / 3), atol=1e-4
    )
    found = matrix[:3, :3] / np.linalg.norm(matrix[:3, 0])
    assert np.degrees(np.arccos(np.clip((np.trace(found @ turn.T) - 1) / 2, -1, 1))) < 3
    assert matrix[2, 3] == pytest.approx(-45, rel=0.1)
    assert strangeness < 0.06


def test_shuffled_landmarks_are_strange() -> None:
    landmarks = screen_landmarks(np.eye(3), 45.0)
    indices = canonical_face().indices
    landmarks[indices] = landmarks[np.random.default_rng(0).permutation(indices)]
    assert head_matrix(landmarks)[1] > 0.5
