from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from scripts.lab.face_model.deformation_transfer import Anchors, DeformationTransfer, deformation_gradients


def ball(count: int, seed: int, radius: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A sphere's points and its triangles, counter-clockwise from outside."""
    points = np.random.default_rng(seed).normal(size=(count, 3))
    points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
    triangles = ConvexHull(points).simplices.astype(np.int64)
    corners = points[triangles]
    inward = (np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) * corners.mean(1)).sum(1) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return points, triangles


@pytest.mark.parametrize("seed", range(4))
def test_an_affine_map_is_found_again(seed: int) -> None:
    points, triangles = ball(150, seed, 40.0)
    matrix = np.eye(3) + 0.3 * np.random.default_rng(seed).normal(size=(3, 3))
    anchors = Anchors(np.array([0]), np.array([1.0]))
    solver = DeformationTransfer(points, triangles, anchors)
    moved = solver.solve(np.broadcast_to(matrix, (len(triangles), 3, 3)), points[[0]] @ matrix.T)
    np.testing.assert_allclose(moved, points @ matrix.T, atol=1e-4)


def test_what_is_turned_and_grown_has_that_gradient() -> None:
    points, triangles = ball(200, 1, 30.0)
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    found = deformation_gradients(points, points @ turn.T, triangles)
    np.testing.assert_allclose(found, np.broadcast_to(turn, found.shape), atol=1e-9)


def test_vertices_of_no_triangle_stay() -> None:
    points, triangles = ball(60, 2)
    points = np.concatenate([points, [[5.0, 5.0, 5.0]]])
    solver = DeformationTransfer(points, triangles, Anchors(np.array([0]), np.array([1.0])))
    still = solver.solve(np.broadcast_to(np.eye(3), (len(triangles), 3, 3)), points[[0]])
    np.testing.assert_allclose(still, points, atol=1e-6)
