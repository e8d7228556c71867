"""Rotations in numpy, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from face3d.rotations import matrices_of, vectors_of, yaw_pitch_roll


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-5, 0.3, 1.5, 3.0, np.pi - 1e-7])
def test_equal_to_scipy(size: float) -> None:
    axes = np.random.default_rng(0).normal(size=(50, 3))
    vectors = size * axes / np.linalg.norm(axes, axis=1, keepdims=True)
    matrices = Rotation.from_rotvec(vectors).as_matrix()
    np.testing.assert_allclose(matrices_of(vectors), matrices, atol=1e-14)
    np.testing.assert_allclose(vectors_of(matrices), vectors, atol=1e-9)


@pytest.mark.parametrize("axis", range(3))
def test_half_turns(axis: int) -> None:
    vector = np.pi * np.eye(3)[axis]
    np.testing.assert_allclose(np.abs(vectors_of(matrices_of(vector))), vector, atol=1e-9)


def test_any_leading_shape() -> None:
    vectors = np.random.default_rng(1).normal(size=(2, 3, 3)).astype(np.float32)
    assert matrices_of(vectors).shape == (2, 3, 3, 3)
    np.testing.assert_allclose(vectors_of(matrices_of(vectors)), vectors, atol=1e-6)
    assert vectors_of(np.zeros((0, 3, 3))).shape == (0, 3)


@given(st.tuples(*[st.floats(-1.2, 1.2)] * 3))
def test_angles_of_any_rotation(rotation: tuple[float, float, float]) -> None:
    """scipy's intrinsic rotations about y, then x, then z; its x turns down, ours up."""
    yaw, pitch, roll = yaw_pitch_roll(np.array(rotation))
    expected = Rotation.from_euler("YXZ", [yaw, -pitch, roll]).as_matrix()
    np.testing.assert_allclose(matrices_of(np.array(rotation)), expected, atol=1e-9)


def test_angles_of_many_and_of_the_pole() -> None:
    vectors = np.array([[0, 0.3, 0], [-0.2, 0, 0], [0, 0, 0.1], [-np.pi / 2, 0, 0]])
    expected = [[0.3, 0, 0], [0, 0.2, 0], [0, 0, 0.1]]
    np.testing.assert_allclose(yaw_pitch_roll(vectors)[:3], expected, atol=1e-12)
    assert abs(yaw_pitch_roll(vectors)[3, 1] - np.pi / 2) < 1e-3
