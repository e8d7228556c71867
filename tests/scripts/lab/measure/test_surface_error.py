"""Distances of one surface to another after their best similarity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from face3d.model.morphable_model import LANDMARKS_7, MorphableModel
from face3d.model.parts import Part
from scripts.lab.measure.surface_error import NOSE_BASE, RADIUS_MM, closest_points, surface_errors


def sphere(count: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Vertices at radius 1, evenly spread (a Fibonacci spiral), and the triangles between them."""
    i = np.arange(count) + 0.5
    z, turn = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    flat = np.sqrt(1 - z**2)
    points = np.stack([flat * np.cos(turn), flat * np.sin(turn), z], 1)
    return points, ConvexHull(points).simplices


def seven() -> np.ndarray:
    """Directions around +z; the fifth is the middle."""
    rows = np.array([[-4, 3], [-2, 3], [2, 3], [4, 3], [0, 0], [-3, -3], [3, -3]]) / 10
    points = np.column_stack([rows, np.ones(7)])
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def face(model: MorphableModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices of the mean head, triangles of its skin, and seven landmarks."""
    points = model.landmarks478.of(model.mean).numpy()[list(LANDMARKS_7)]
    skin = (model.triangle_parts == Part.SKIN) | (model.triangle_parts == Part.LIPS)
    return model.mean.double().numpy(), model.triangles[skin].numpy(), points.astype(float)


def test_spheres_differ_by_a_similarity_only() -> None:
    points, triangles = sphere()
    errors = surface_errors(80 * points, 80 * seven(), 3 * points + 7, triangles, 3 * seven() + 7)
    assert len(errors) > 100
    assert errors.max() < 1e-6


def test_only_the_surroundings_of_the_nose_count() -> None:
    points, triangles = sphere()
    near = np.linalg.norm(80 * points - 80 * seven()[NOSE_BASE], axis=1) < RADIUS_MM
    assert 0 < near.sum() < len(points)
    far_off = np.where(near[:, None], points, 1.5 * points)
    errors = surface_errors(80 * far_off, 80 * seven(), points, triangles, seven())
    assert len(errors) == near.sum()
    assert errors.max() < 1e-6


def test_a_known_bump_is_measured() -> None:
    """4 mm high over a twentieth of the region: left out of the alignment, but not of the errors."""
    points, triangles = sphere()
    known = 80 * points
    near = np.linalg.norm(known - 80 * seven()[NOSE_BASE], axis=1) < RADIUS_MM
    place = seven()[5] * [1, 1, 1]
    distance = np.linalg.norm(points - place, axis=1)
    bump = distance <= np.quantile(distance[near], 0.03)
    known = np.where(bump[:, None], known * 84 / 80, known)
    errors = surface_errors(known, 80 * seven(), points, triangles, seven())
    raised = bump[np.linalg.norm(known - 80 * seven()[NOSE_BASE], axis=1) < RADIUS_MM]
    np.testing.assert_allclose(errors[raised], 4, atol=0.15)
    assert errors[~raised].max() < 0.15


@given(st.integers(0, 10**6))
def test_closest_points_are_the_closest(seed: int) -> None:
    """Against all triangles, sampled densely, of a small mesh."""
    rng = np.random.default_rng(seed)
    vertices, triangles = sphere(8)
    vertices = vertices * rng.uniform(0.8, 1.2, (8, 1))
    points = rng.normal(size=(10, 3)) * 1.5
    nearest, distance = closest_points(points, vertices, triangles)
    steps = np.linspace(0, 1, 60)
    u, v = (grid.ravel() for grid in np.meshgrid(steps, steps))
    inside = u + v <= 1
    shares = np.column_stack([1 - u - v, u, v])[inside]
    samples = np.einsum("sk,tkc->tsc", shares, vertices[triangles]).reshape(-1, 3)
    every = np.linalg.norm(points[:, None] - samples, axis=2).min(1)
    assert (distance <= every + 1e-9).all()
    np.testing.assert_allclose(distance, every, atol=0.05)
    np.testing.assert_allclose(np.linalg.norm(nearest - points, axis=1), distance)
    on_surface = np.linalg.norm(nearest[:, None] - samples, axis=2).min(1)
    assert on_surface.max() < 0.05


def test_corners_edges_and_insides() -> None:
    triangle = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]])
    points = np.array([[0.5, 0.5, 3], [-1, -1, 0], [1, -2, 0], [2, 2, 1], [5, 0, 0]])
    nearest, distance = closest_points(points, triangle, np.array([[0, 1, 2]]))
    np.testing.assert_allclose(
        nearest, np.array([[0.5, 0.5, 0], [0, 0, 0], [1, 0, 0], [1, 1, 0], [2, 0, 0]]), atol=1e-12
    )
    np.testing.assert_allclose(distance, np.sqrt(np.array([9, 2, 4, 3, 9])))


def test_a_face_against_itself_moved(face: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    vertices, triangles, landmarks = face
    known = vertices[np.unique(triangles)[::4]]
    R = Rotation.from_rotvec([0.3, -0.8, 0.2]).as_matrix()
    moved, marks = (0.013 * p @ R.T + [1, 2, 3] for p in (vertices, landmarks))
    assert surface_errors(known, landmarks, moved, triangles, marks).max() < 1e-6


def test_another_person_s_error_does_not_depend_on_the_place(
    model: MorphableModel, face: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    vertices, triangles, landmarks = face
    known = vertices[np.unique(triangles)[::4]]
    identity = torch.zeros(model.identity_size)
    identity[:4] = torch.tensor([1.5, -1.0, 1.0, 1.0])
    other = model.neutral(identity)
    marks = model.landmarks478.of(other).double().numpy()[list(LANDMARKS_7)]
    R = Rotation.from_rotvec([-0.4, 0.5, 1.0]).as_matrix()
    errors = surface_errors(known, landmarks, other.double().numpy(), triangles, marks)
    again = surface_errors(known, landmarks, 40 * other.double().numpy() @ R.T - 9, triangles, 40 * marks @ R.T - 9)
    assert 0.2 < np.median(errors) < 5
    np.testing.assert_allclose(again, errors, atol=1e-6)
