"""Grids of the warp around the face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.surround.grid import (
    Grid,
    HarmonicExtension,
    SurroundOptions,
    border_weight,
    expression_weight,
    harmonic_fill,
    inverse_flow,
    near_weight,
    smoothstep,
    triangle_areas,
    unfold,
)

# --- grid and weights


@given(st.integers(8, 900), st.integers(8, 900), st.floats(2, 100), st.integers(1, 4))
def test_grid_spans_the_picture(width: int, height: int, spacing: float, margin: int) -> None:
    grid = Grid.over(width, height, spacing, margin)
    assert grid.shape == (len(grid.y), len(grid.x))
    assert abs(grid.spacing - spacing) <= 0.5
    for axis, size in ((grid.x, width), (grid.y, height)):
        np.testing.assert_array_equal(np.diff(axis), grid.spacing)
        inner = axis[margin:-margin]
        assert inner[0] == grid.spacing / 2
        assert size - grid.spacing / 2 <= inner[-1] < size + grid.spacing / 2
    points = grid.points()
    assert points.shape == (*grid.shape, 2)
    assert points[1, 2].tolist() == [grid.x[2], grid.y[1]]
    assert grid.index(*points[2, 1]) == (2, 1)
    assert grid.index(-1e6, 1e6) == (grid.shape[0] - 1, 0)


def test_nodes_lie_where_resize_puts_samples() -> None:
    """A linear field on the nodes, enlarged by `cv2.resize`, is that field at the pixels' centres."""
    grid = Grid.over(40, 24, 8, margin=1)
    field = (3 * grid.points()[..., 0] - 2 * grid.points()[..., 1]).astype(np.float32)
    full = cv2.resize(field, None, fx=8, fy=8, interpolation=cv2.INTER_LINEAR)[8:-8, 8:-8]
    x, y = np.meshgrid(np.arange(40) + 0.5, np.arange(24) + 0.5)
    np.testing.assert_allclose(full, 3 * x - 2 * y, atol=1e-3)


@pytest.fixture(scope="module")
def scene() -> tuple[Grid, np.ndarray, float]:
    """Grid, nodes on the face, height of the face: a face of 100 px in a picture of 400 x 500."""
    grid = Grid.over(400, 500, 5)
    x, y = np.moveaxis(grid.points(), -1, 0)
    return grid, ((x - 200) / 40) ** 2 + ((y - 180) / 50) ** 2 < 1, 100.0


def at(grid: Grid, field: np.ndarray, x: float, y: float) -> float:
    return float(field[grid.index(x, y)])


def test_near_weight(scene: tuple[Grid, np.ndarray, float]) -> None:
    grid, inside, face = scene
    weight = near_weight(grid, inside, face, SurroundOptions())
    assert (weight[inside] == 1).all()
    assert at(grid, weight, 200, 110) == 1  # hair, 20 px above the face
    assert 0 < at(grid, weight, 290, 180) < 1
    assert weight[[0, -1]].max() == weight[:, [0, -1]].max() == 0


def test_expression_weight_ends(scene: tuple[Grid, np.ndarray, float]) -> None:
    grid, inside, face = scene
    options = SurroundOptions()
    weight = expression_weight(grid, inside, face, options)
    assert (weight[inside] == 1).all()
    assert at(grid, weight, 200, 230 + 0.5 * options.expression_end * face - 5) > 0.9
    assert at(grid, weight, 200, 230 + options.expression_end * face + 6) == 0
    assert 0 < at(grid, weight, 200, 230 + 0.8 * options.expression_end * face) < 1


@pytest.mark.parametrize("held", [(True, False, False, True), (False,) * 4, (True,) * 4])
def test_border_weight(held: tuple[bool, bool, bool, bool]) -> None:
    """0 at the sides that are held, and only there."""
    grid = Grid.over(400, 300, 5)
    weight = border_weight(grid, 400, 300, held, 60.0)
    sides = (weight[:, : grid.margin], weight[: grid.margin], weight[:, -grid.margin :], weight[-grid.margin :])
    for side, hold in zip(sides, held, strict=True):
        assert (side.max() == 0) == hold
    assert at(grid, weight, 200, 150) == 1
    assert at(grid, weight, 2, 150) == (0 if held[0] else 1)
    assert 0 < at(grid, weight, 35, 150) <= 1


@given(st.floats(0, 1), st.floats(0, 1))
def test_smoothstep_rises(a: float, b: float) -> None:
    low, high = smoothstep(np.array(sorted((a, b))))
    assert 0 <= low <= high <= 1
    assert smoothstep(np.array([0.0, 0.5, 1.0])).tolist() == [0, 0.5, 1]


# --- harmonic extension


def test_extension_solves_the_screened_equation() -> None:
    rng = np.random.default_rng(0)
    fixed = np.zeros((12, 15), bool)
    fixed[4:8, 5:10] = True
    screening = 0.05
    extension = HarmonicExtension.of(fixed, screening)
    values = rng.standard_normal((len(extension.rim), 2)).astype(np.float32)
    u = extension(values)
    assert u.shape == (12, 15, 2)
    np.testing.assert_array_equal(u.reshape(-1, 2)[extension.rim], values)
    assert set(extension.rim) <= set(np.flatnonzero(fixed))
    assert len(extension.rim) == 2 * 4 + 2 * 3  # the outermost of the 4 x 5 fixed nodes
    for row in range(1, 11):
        for column in range(1, 14):
            if not fixed[row, column]:
                around = u[row - 1, column] + u[row + 1, column] + u[row, column - 1] + u[row, column + 1]
                np.testing.assert_allclose((4 + screening) * u[row, column], around, atol=1e-5)
    border = np.concatenate([u[0], u[-1], u[:, 0], u[:, -1]])
    assert (border == 0).all()


def test_extension_keeps_between_its_values_and_fades_with_screening() -> None:
    fixed = np.zeros((30, 30), bool)
    fixed[14:16, 14:16] = True
    sums = []
    for screening in (0.0, 0.1, 1.0):
        extension = HarmonicExtension.of(fixed, screening)
        u = extension(np.ones((len(extension.rim), 1), np.float32))
        assert u.min() >= 0
        assert u.max() == 1
        sums.append(u.sum())
    assert sums[0] > sums[1] > sums[2] > 4


def test_extension_from_the_border() -> None:
    """A face cut by the picture's border: the fixed nodes there keep their values."""
    fixed = np.zeros((10, 10), bool)
    fixed[:5, :5] = True
    extension = HarmonicExtension.of(fixed, 0.1)
    u = extension(np.ones((len(extension.rim), 1), np.float32))[..., 0]
    assert (u.ravel()[extension.rim] == 1).all()
    assert (u[-1] == 0).all()
    assert (u[:, -1] == 0).all()


def test_fill_keeps_known_values_and_is_harmonic() -> None:
    rng = np.random.default_rng(1)
    fixed = rng.random((9, 11)) < 0.2
    values = rng.standard_normal((9, 11))
    u = harmonic_fill(values, fixed, 0.03)
    np.testing.assert_array_equal(u[fixed], values[fixed])
    for row in range(1, 8):
        for column in range(1, 10):
            if not fixed[row, column]:
                around = u[row - 1, column] + u[row + 1, column] + u[row, column - 1] + u[row, column + 1]
                np.testing.assert_allclose(4.03 * u[row, column], around, atol=1e-9)
    np.testing.assert_allclose(harmonic_fill(np.full((9, 11), 2.0), fixed, 0.0), 2, atol=1e-9)


# --- places and flow


@given(st.integers(0, 10_000), st.floats(0, 1.2))
def test_unfolded_grids_do_not_fold(seed: int, size: float) -> None:
    """Whatever smooth displacement comes in, up to several spacings per node."""
    grid = Grid.over(160, 120, 8)
    noise = np.random.default_rng(seed).standard_normal((*grid.shape, 2)).astype(np.float32)
    displacement = size * grid.spacing * cv2.GaussianBlur(noise, (0, 0), 2.0) / 0.15
    displacement[[0, -1]] = displacement[:, [0, -1]] = 0
    places = unfold(grid.points() + displacement, grid, (9, 11))
    assert triangle_areas(places)[1:-1, 1:-1].min() > 0
    assert np.isfinite(places).all()


def test_unfold_leaves_good_grids_alone() -> None:
    grid = Grid.over(160, 120, 8)
    x, y = np.moveaxis(grid.points(), -1, 0)
    places = np.stack([x + 3 * np.sin(y / 30), y - 4 * np.cos(x / 40)], -1).astype(np.float32)
    np.testing.assert_allclose(unfold(places, grid, (9, 11)), places, atol=1e-4)


def test_unfold_pushes_outwards() -> None:
    """A face that slides over what lies beside it: the face stays where it is, the rest makes way."""
    grid = Grid.over(160, 80, 8)
    places = grid.points()
    places[:, 11:14, 0] += 30  # nodes 11..13 pass 14..16
    fixed = unfold(places, grid, (5, 10))
    np.testing.assert_allclose(fixed[2:-2, 11:13, 0], places[2:-2, 11:13, 0], atol=2.1)
    assert (np.diff(fixed[..., 0], axis=1) > 0).all()
    np.testing.assert_allclose(fixed[:, 19:], places[:, 19:], atol=1e-3)


def test_triangle_areas() -> None:
    places = np.array([[[0, 0], [2, 0]], [[0, 3], [2, 4]]], np.float32)
    np.testing.assert_allclose(triangle_areas(places), [[[6, 8]]])


def inverse_reference(places: np.ndarray, grid: Grid) -> np.ndarray:
    """Where nodes come from, by Newton's method on the bilinear map; NaN where it does not converge."""
    flow = np.full(places.shape, np.nan)
    unit = (places - grid.points()[0, 0]) / grid.spacing
    for row, column in np.ndindex(grid.shape):
        at_ = np.array([column, row], float)
        for _ in range(30):
            c = np.clip(np.floor(at_), 0, np.array(grid.shape[::-1]) - 2).astype(int)
            fx, fy = at_ - c
            corners = [unit[c[1] + j, c[0] + i] for j in (0, 1) for i in (0, 1)]
            value = (corners[0] * (1 - fx) + corners[1] * fx) * (1 - fy) + (
                corners[2] * (1 - fx) + corners[3] * fx
            ) * fy
            along_x = (corners[1] - corners[0]) * (1 - fy) + (corners[3] - corners[2]) * fy
            along_y = (corners[2] - corners[0]) * (1 - fx) + (corners[3] - corners[1]) * fx
            at_ = at_ - np.linalg.solve(np.stack([along_x, along_y], 1), value - (column, row))
        if (at_ >= 0).all() and (at_ <= np.array(grid.shape[::-1]) - 1).all():
            flow[row, column] = (at_ - (column, row)) * grid.spacing
    return flow


@pytest.mark.parametrize("size", [1.0, 4.0, 12.0])
def test_inverse_undoes_a_smooth_displacement(size: float) -> None:
    grid = Grid.over(200, 160, 5)
    x, y = np.moveaxis(grid.points(), -1, 0)
    bump = np.exp(-((x - 100) ** 2 + (y - 80) ** 2) / (2 * 30**2))
    places = (grid.points() + size * np.stack([bump, -0.7 * bump], -1)).astype(np.float32)
    flow, expected = inverse_flow(places, grid), inverse_reference(places, grid)
    assert np.isfinite(expected).mean() > 0.95
    error = np.abs(flow - expected)[np.isfinite(expected)]
    assert error.max() < 0.04 * size  # triangles against bilinear patches


def test_inverse_of_a_shift() -> None:
    """Also where the moved grid does not reach."""
    grid = Grid.over(80, 60, 5)
    shift = np.array([1.5, -12.0], np.float32)
    np.testing.assert_allclose(
        inverse_flow(grid.points() + shift, grid), np.broadcast_to(-shift, (*grid.shape, 2)), atol=1e-4
    )


def test_nothing_moves_exactly() -> None:
    grid = Grid.over(80, 60, 5)
    assert np.abs(inverse_flow(grid.points(), grid)).max() < 1e-5
