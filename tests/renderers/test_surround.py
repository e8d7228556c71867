"""The smooth warp around the face."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from renderers.half_grid import half_grid
from renderers.surround import (
    Grid,
    HarmonicExtension,
    SurroundOptions,
    expression_weight,
    inverse_flow,
    rigid_weight,
    warp,
)


def warp_reference(fine: np.ndarray, flow: np.ndarray, grid: Grid, out: np.ndarray, threshold: float) -> np.ndarray:
    """What `warp` does, pixel by pixel in float64."""
    result = out.astype(float)
    height, width = out.shape[:2]
    for row in range(height):
        for column in range(width):
            x, y = (column + 0.5) / (grid.x[1] - grid.x[0]), (row + 0.5) / (grid.y[1] - grid.y[0])
            h, g = min(int(x), len(grid.x) - 2), min(int(y), len(grid.y) - 2)
            fx, fy = x - h, y - g
            top = flow[g, h] * (1 - fx) + flow[g, h + 1] * fx
            bottom = flow[g + 1, h] * (1 - fx) + flow[g + 1, h + 1] * fx
            dx, dy = top * (1 - fy) + bottom * fy
            if max(abs(dx), abs(dy)) < threshold:
                continue
            # On the half grid, pixel centres have even numbers.
            x, y = np.clip(2 * (column + dx), 0, 2 * width - 2), np.clip(2 * (row + dy), 0, 2 * height - 2)
            c, r = min(int(x), 2 * width - 3), min(int(y), 2 * height - 3)
            ax, ay = x - c, y - r
            upper = fine[r, c] * (1 - ax) + fine[r, c + 1] * ax
            lower = fine[r + 1, c] * (1 - ax) + fine[r + 1, c + 1] * ax
            result[row, column] = upper * (1 - ay) + lower * ay
    return result


def smooth_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3))
    soft = gaussian_filter(noise, (2, 2, 0))
    return np.clip(128 + 60 * soft / soft.std(), 0, 255).astype(np.uint8)


# --- grid and weights


@given(st.integers(8, 900), st.integers(8, 900), st.floats(3, 100))
def test_grid_spans_the_picture(width: int, height: int, spacing: float) -> None:
    grid = Grid.over(width, height, spacing)
    assert (grid.x[0], grid.x[-1], grid.y[0], grid.y[-1]) == (0, width, 0, height)
    assert grid.shape == (len(grid.y), len(grid.x))
    assert min(grid.shape) >= 4
    points = grid.points()
    assert points.shape == (*grid.shape, 2)
    assert points[1, 2].tolist() == [grid.x[2], grid.y[1]]
    np.testing.assert_allclose(np.diff(grid.x), width / (len(grid.x) - 1), rtol=1e-3)


@pytest.fixture(scope="module")
def scene() -> tuple[Grid, np.ndarray, float, float]:
    """Grid, nodes on the face, chin row, height of the face: a face of 100 px in a picture of 400 x 500."""
    grid = Grid.over(400, 500, 5)
    x, y = np.moveaxis(grid.points(), -1, 0)
    return grid, ((x - 200) / 40) ** 2 + ((y - 180) / 50) ** 2 < 1, 230.0, 100.0


def at(grid: Grid, field: np.ndarray, x: float, y: float) -> float:
    return float(field[np.abs(grid.y - y).argmin(), np.abs(grid.x - x).argmin()])


def test_rigid_weight(scene: tuple[Grid, np.ndarray, float, float]) -> None:
    """The head and the hair move fully, the shoulders and the picture's far corners not at all."""
    grid, inside, chin, face = scene
    options = SurroundOptions()
    weight = rigid_weight(grid, inside, chin, face, options)
    assert weight.min() == 0
    assert weight.max() == 1
    assert (weight[inside] == 1).all()
    assert at(grid, weight, 200, 110) == 1  # hair, 20 px above the face
    assert weight[[0, -1]].max() == weight[:, [0, -1]].max() == 0  # the photo's edges stay
    assert 0 < at(grid, weight, 200, chin + 20) < 1  # neck
    assert at(grid, weight, 200, chin + options.neck_reach * face + 5) == 0
    assert at(grid, weight, 0, 490) == at(grid, weight, 395, 490) == 0
    down = weight[:, len(grid.x) // 2]
    assert (np.diff(down[grid.y > 180]) <= 1e-6).all()


def test_expression_weight_ends(scene: tuple[Grid, np.ndarray, float, float]) -> None:
    grid, inside, _, face = scene
    options = SurroundOptions()
    weight = expression_weight(grid, inside, face, options)
    assert (weight[inside] == 1).all()
    assert at(grid, weight, 200, 230 + 0.5 * options.expression_end * face - 5) > 0.9
    assert at(grid, weight, 200, 230 + options.expression_end * face + 6) == 0
    assert 0 < at(grid, weight, 200, 230 + 0.8 * options.expression_end * face) < 1


# --- harmonic extension


def test_extension_solves_the_screened_equation() -> None:
    rng = np.random.default_rng(0)
    fixed = np.zeros((12, 15), bool)
    fixed[4:8, 5:10] = True
    screening = 0.05
    extension = HarmonicExtension(fixed, screening)
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
        extension = HarmonicExtension(fixed, screening)
        u = extension(np.ones((len(extension.rim), 1), np.float32))
        assert u.min() >= 0
        assert u.max() == 1
        sums.append(u.sum())
    assert sums[0] > sums[1] > sums[2] > 4


def test_extension_from_the_border() -> None:
    """A face cut by the picture's border: the fixed nodes there keep their values."""
    fixed = np.zeros((10, 10), bool)
    fixed[:5, :5] = True
    extension = HarmonicExtension(fixed, 0.1)
    u = extension(np.ones((len(extension.rim), 1), np.float32))[..., 0]
    assert (u.ravel()[extension.rim] == 1).all()
    assert (u[-1] == 0).all()
    assert (u[:, -1] == 0).all()


# --- warp


def test_inverse_of_a_shift() -> None:
    grid = Grid.over(80, 60, 5)
    shift = np.broadcast_to(np.array([1.5, -2.0], np.float32), (*grid.shape, 2))
    np.testing.assert_allclose(inverse_flow(np.ascontiguousarray(shift), grid), -shift, atol=1e-5)


@pytest.mark.parametrize("size", [1.0, 3.0, 6.0])
def test_inverse_undoes_a_smooth_displacement(size: float) -> None:
    """x + f(x) displaced by u comes back to x: u(x + f) + f = 0."""
    grid = Grid.over(200, 160, 5)
    x, y = np.moveaxis(grid.points(), -1, 0)
    bump = np.exp(-((x - 100) ** 2 + (y - 80) ** 2) / (2 * 30**2))
    displacement = (size * np.stack([bump, -0.7 * bump], -1)).astype(np.float32)
    flow = inverse_flow(displacement, grid)
    there = grid.points() + flow
    bump_there = np.exp(-((there[..., 0] - 100) ** 2 + (there[..., 1] - 80) ** 2) / (2 * 30**2))
    error = flow + size * np.stack([bump_there, -0.7 * bump_there], -1)
    assert np.abs(error).max() < 0.03 * size


@given(st.integers(0, 200), st.integers(8, 40), st.integers(8, 40), st.floats(3, 12), st.floats(0, 6))
def test_warp_equals_its_definition(seed: int, height: int, width: int, spacing: float, size: float) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid.over(width, height, spacing)
    photo = smooth_picture(height, width, seed)
    flow = (size * rng.standard_normal((*grid.shape, 2))).astype(np.float32)
    flow[rng.random(grid.shape) < 0.4] = 0  # some of the picture stands still
    fine, out = half_grid(photo), photo.copy()
    warp(fine, flow, grid, out, threshold=0.06)
    expected = warp_reference(fine, flow, grid, photo, 0.06)
    error = np.abs(out - expected)
    # The kernel counts positions in 1/256 px. A pixel at the threshold itself may go either way: then it moves 0.06 px.
    assert error.mean() < 0.5
    assert np.quantile(error, 0.99) < 2.5
    assert error.max() < 12


def test_covered_pixels_are_left_alone() -> None:
    """What comes from a covered place stays as it is; the rest moves as without."""
    grid, photo = Grid.over(40, 30, 5), smooth_picture(30, 40)
    flow = np.full((*grid.shape, 2), (3, 0), np.float32)
    covered = np.zeros((30, 40), np.uint8)
    covered[10:20, 20:30] = 1
    moved, out = photo.copy(), photo.copy()
    warp(half_grid(photo), flow, grid, moved)
    warp(half_grid(photo), flow, grid, out, covered)
    expected = moved.copy()
    expected[10:20, 17:27] = photo[10:20, 17:27]
    np.testing.assert_array_equal(out, expected)


def test_no_flow_leaves_every_pixel() -> None:
    grid, photo = Grid.over(40, 30, 5), smooth_picture(30, 40)
    out = photo.copy()
    warp(half_grid(photo), np.full((*grid.shape, 2), 0.05, np.float32), grid, out)
    np.testing.assert_array_equal(out, photo)


def test_pixels_that_stand_still_are_bit_identical() -> None:
    grid, photo = Grid.over(100, 80, 5), smooth_picture(80, 100)
    flow = np.zeros((*grid.shape, 2), np.float32)
    flow[6:9, 8:12] = 2.0
    out = photo.copy()
    warp(half_grid(photo), flow, grid, out)
    moved = (out != photo).any(2)
    assert moved.any()
    rows, columns = np.nonzero(moved)
    assert grid.y[5] <= rows.min()
    assert rows.max() < grid.y[9]
    assert grid.x[7] <= columns.min()
    assert columns.max() < grid.x[12]


@pytest.mark.parametrize(("dx", "dy"), [(3, 0), (0, -2), (-4, 5)])
def test_whole_pixels_are_moved_exactly(dx: int, dy: int) -> None:
    """flow says where a pixel comes from; the picture goes on with its border."""
    grid, photo = Grid.over(40, 30, 5), smooth_picture(30, 40)
    out = photo.copy()
    warp(half_grid(photo), np.full((*grid.shape, 2), (dx, dy), np.float32), grid, out)
    rows = np.clip(np.arange(30) + dy, 0, 29)
    columns = np.clip(np.arange(40) + dx, 0, 39)
    np.testing.assert_array_equal(out, photo[rows][:, columns])
