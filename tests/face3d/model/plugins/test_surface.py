"""Nearest points, warps and registration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.model.plugins.surface import closest_points, register, rigid_fit, smooth_warp

SQUARE = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
HALVES = np.array([[0, 1, 2], [0, 2, 3]])
coordinate = st.floats(-2, 3, allow_nan=False)


@given(coordinate, coordinate, coordinate)
def test_nearest_point_of_a_square(x: float, y: float, z: float) -> None:
    """Inside, beyond an edge, beyond a corner: the clamped point."""
    found = closest_points(np.array([[x, y, z]]), SQUARE, HALVES)
    np.testing.assert_allclose(found.of(SQUARE)[0], [np.clip(x, 0, 1), np.clip(y, 0, 1), 0], atol=1e-9)
    assert found.barycentric.min() >= 0
    np.testing.assert_allclose(found.barycentric.sum(1), 1)


def test_sheets_that_touch_are_told_apart_by_their_motion() -> None:
    vertices = np.concatenate([SQUARE, SQUARE + np.array([0, 0, 0.1])])
    motion = np.zeros((8, 3))
    motion[4:, 1] = -10
    point = np.array([[0.4, 0.3, 0.0]])
    sheets = np.concatenate([HALVES, HALVES + 4])
    assert closest_points(point, vertices, sheets).of(vertices)[0, 2] == 0
    moved = closest_points(point, vertices, sheets, (np.array([[0.0, -9, 0]]), motion))
    assert moved.of(vertices)[0, 2] == pytest.approx(0.1)


def test_triangles_without_area_do_no_harm() -> None:
    found = closest_points(np.array([[0.5, 1.0, 0]]), SQUARE, np.array([[0, 0, 1], [1, 1, 1]]))
    np.testing.assert_allclose(found.of(SQUARE), [[0.5, 0, 0]])


@pytest.mark.parametrize("scale", [1.0, 1.7])
def test_rigid_fit(scale: float) -> None:
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(0)
    points, rotation, offset = rng.standard_normal((20, 3)), Rotation.from_rotvec([0.3, -1, 0.2]).as_matrix(), [1, 2, 3]
    found = rigid_fit(points, scale * points @ rotation.T + offset, with_scale=scale != 1)
    np.testing.assert_allclose(found[0], rotation, atol=1e-9)
    np.testing.assert_allclose(found[1], offset, atol=1e-9)
    assert found[2] == pytest.approx(scale)


def test_smooth_warp_meets_its_targets_and_keeps_affine_maps() -> None:
    rng = np.random.default_rng(0)
    sources = rng.uniform(-50, 50, (60, 3))
    matrix = np.eye(3) + 0.1 * rng.standard_normal((3, 3))
    warp = smooth_warp(sources, sources @ matrix + 5)
    fresh = rng.uniform(-60, 60, (20, 3))
    np.testing.assert_allclose(warp(fresh), fresh @ matrix + 5, atol=1e-6)


def test_registration_onto_another_person(model: MorphableModel) -> None:
    import torch

    identity = torch.zeros(80)
    identity[:6] = torch.tensor([1.0, -1, 1, 1, -1, 1])
    person = model.neutral(identity)
    skin = model.triangles[torch.isin(model.triangle_parts, torch.tensor([int(Part.SKIN), int(Part.LIPS)]))].numpy()
    ours, truth = (model.landmarks478.of(v)[:468].double().numpy() for v in (model.mean, person))
    found = register(ours, person.double().numpy(), skin)
    error, before = np.linalg.norm(found - truth, axis=1), np.linalg.norm(ours - truth, axis=1)
    assert np.median(error) < 3.5
    assert np.median(error) < 0.6 * np.median(before)
