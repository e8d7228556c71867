"""Smooth fields from a few known points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face3d.model.mesh_field import MeshField, graph_laplacian


def grid_triangles(rows: int, columns: int, first: int = 0) -> np.ndarray:
    index = first + np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, 1:].ravel(), index[1:, :-1].ravel()
    return np.concatenate([np.stack([a, d, c], 1), np.stack([a, c, b], 1)])


ROWS, COLUMNS = 9, 11
SHEET = grid_triangles(ROWS, COLUMNS)
COUNT = ROWS * COLUMNS


def field(landmarks: np.ndarray, trust: float = 1e6, pull: float = 1e-8, triangles: np.ndarray = SHEET) -> MeshField:
    """Landmarks exactly at vertices."""
    corners = np.stack([landmarks, landmarks, landmarks], 1)
    weights = np.tile([1.0, 0, 0], (len(landmarks), 1))
    return MeshField(triangles, int(triangles.max()) + 1, corners, weights, np.full(len(landmarks), trust), pull)


def test_laplacian() -> None:
    """Of two triangles that share an edge: a row is 1 on the diagonal and -1/degree at the neighbours."""
    laplacian = graph_laplacian(np.array([[0, 1, 2], [1, 3, 2]]), 5).toarray()
    expected = np.eye(5)
    expected[0, [1, 2]] = expected[3, [1, 2]] = -1 / 2
    expected[1, [0, 2, 3]] = expected[2, [0, 1, 3]] = -1 / 3
    np.testing.assert_allclose(laplacian, expected)  # vertex 4 has no neighbour


@given(st.integers(0, 1000))
def test_laplacian_of_constants_is_zero(seed: int) -> None:
    triangles = np.random.default_rng(seed).integers(0, 12, (15, 3))
    triangles = triangles[[len(set(t)) == 3 for t in triangles.tolist()]]
    laplacian = graph_laplacian(triangles, 12)
    used = np.isin(np.arange(12), triangles)
    np.testing.assert_allclose((laplacian @ np.ones(12))[used], 0, atol=1e-12)


def test_values_are_met_at_trusted_landmarks() -> None:
    landmarks = np.array([0, 17, 50, 98])
    values = np.random.default_rng(0).standard_normal((4, 2))
    np.testing.assert_allclose(field(landmarks).spread(values)[landmarks], values, atol=1e-3)


def test_values_inside_triangles_are_met() -> None:
    triangle = SHEET[[3, 60, 110]]
    weights = np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3], [1 / 3, 1 / 3, 1 / 3]])
    values = np.array([[1.0, 0], [-2, 3], [4, 4]])
    spread = MeshField(SHEET, COUNT, triangle, weights, np.full(3, 1e6), 1e-8).spread(values)
    np.testing.assert_allclose((spread[triangle] * weights[..., None]).sum(1), values, atol=1e-3)


def test_equals_the_dense_minimiser() -> None:
    """The definition, written with dense matrices and solved as least squares."""
    rng = np.random.default_rng(0)
    triangle, weights = SHEET[rng.integers(0, len(SHEET), 6)], rng.dirichlet([1, 1, 1], 6)
    trust, pull, values = rng.uniform(0.3, 30, 6), 0.02, rng.standard_normal((6, 2))
    reader = np.zeros((6, COUNT))
    for i in range(6):
        np.add.at(reader[i], triangle[i], weights[i])
    rows = [np.sqrt(trust)[:, None] * reader, graph_laplacian(SHEET, COUNT).toarray(), np.sqrt(pull) * np.eye(COUNT)]
    right = [np.sqrt(trust)[:, None] * values, np.zeros((COUNT, 2)), np.zeros((COUNT, 2))]
    expected = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=None)[0]
    got = MeshField(SHEET, COUNT, triangle, weights, trust, pull).spread(values)
    np.testing.assert_allclose(got, expected, atol=1e-8)


def test_equal_values_give_a_constant_field() -> None:
    spread = field(np.array([0, 40, 98])).spread(np.full((3, 1), 2.5))
    np.testing.assert_allclose(spread, 2.5, atol=1e-3)


def test_spreading_is_linear() -> None:
    spreader = field(np.array([0, 40, 98]), trust=2.0, pull=0.01)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3, 2))
    np.testing.assert_allclose(spreader.spread(2 * a - b), 2 * spreader.spread(a) - spreader.spread(b), atol=1e-10)


@pytest.mark.parametrize(("pull", "half_way"), [(1e-6, (0.5, 2.0)), (0.5, (-0.1, 0.1))])
def test_the_pull_limits_the_reach(pull: float, half_way: tuple[float, float]) -> None:
    corner, middle, far = 0, 4 * COLUMNS + 4, COUNT - 1
    spread = field(np.array([corner]), pull=pull).spread(np.ones((1, 1)))[:, 0]
    assert half_way[0] < spread[middle] < half_way[1]
    assert abs(spread[far]) <= abs(spread[middle]) + 1e-3 or pull < 1e-3


def test_less_trust_gives_way() -> None:
    """Where neighbouring values contradict each other, the one that is trusted more wins."""
    triangle, weights = SHEET[[50, 50]], np.tile([1 / 3, 1 / 3, 1 / 3], (2, 1))
    spread = MeshField(SHEET, COUNT, triangle, weights, np.array([30.0, 0.3]), 1e-6).spread(np.array([[1.0], [-1.0]]))
    assert spread[SHEET[50]].mean() == pytest.approx((30 - 0.3) / 30.3, abs=0.01)


def test_components_do_not_leak_into_each_other() -> None:
    """Two sheets, such as two lips, however close they lie in space."""
    both = np.concatenate([SHEET, grid_triangles(ROWS, COLUMNS, COUNT)])
    spread = field(np.array([40]), triangles=both, pull=1e-4).spread(np.ones((1, 1)))[:, 0]
    assert spread[40] == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(spread[COUNT:], 0, atol=1e-12)
