"""The compiled colours against slow and clear ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.head.skin_kernels import View, affine_maps, composite, shade, skin_layer
from renderers.raster.numba_rasterizer import find_visible

HEIGHT, WIDTH = 24, 30


def random_picture(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


# --- references


def interpolate_reference(
    pixels: np.ndarray, triangle: np.ndarray, values: np.ndarray, x: float, y: float
) -> np.ndarray:  # [C]
    """Values of a triangle's corners at (x, y), by barycentric coordinates."""
    corners = np.concatenate([pixels[triangle].astype(float).T, np.ones((1, 3))])
    return np.linalg.solve(corners, [x, y, 1]) @ values[triangle].astype(float)


def sample_reference(fine: np.ndarray, x: float, y: float) -> np.ndarray:
    """The half grid at (x, y) px, bilinear, continued at its border."""
    x, y = min(max(2 * x - 1, 0), fine.shape[1] - 1), min(max(2 * y - 1, 0), fine.shape[0] - 1)
    c, r = min(int(x), fine.shape[1] - 2), min(int(y), fine.shape[0] - 2)
    fx, fy = x - c, y - r
    f = fine.astype(float)
    upper, lower = f[r, c] * (1 - fx) + f[r, c + 1] * fx, f[r + 1, c] * (1 - fx) + f[r + 1, c + 1] * fx
    return upper * (1 - fy) + lower * fy


def shade_reference(
    face_index: np.ndarray,
    view: View,
    interpolate: Callable[[int, float, float], np.ndarray],
    skin: np.ndarray,
) -> np.ndarray:
    """Pixel by pixel: [h, w, 4] floating."""
    out = np.zeros((*face_index.shape, 4))
    for row, column in zip(*np.nonzero(face_index >= 0), strict=True):
        f = face_index[row, column]
        x, y, gain = interpolate(f, view.left + (column + 0.5) / view.samples, view.top + (row + 0.5) / view.samples)
        *colour, alpha = sample_reference(skin, x, y)
        out[row, column] = *(np.minimum(gain * np.array(colour), 255) * alpha / 255), alpha
    return out


# --- affine maps


@given(st.integers(0, 1000))
def test_affine_maps_interpolate_the_corners(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(0, 300, (6, 2)).astype(np.float32)
    triangles = np.array([[0, 1, 2], [3, 4, 5], [5, 1, 0]], np.int32)
    values = rng.uniform(-50, 50, (6, 4)).astype(np.float32)
    maps = affine_maps(pixels, triangles, values)
    assert maps.shape == (3, 3, 4)
    for f, triangle in enumerate(triangles):
        corners = pixels[triangle].astype(float)
        (ax, ay), (bx, by) = corners[1] - corners[0], corners[2] - corners[0]
        if abs(ax * by - ay * bx) < 100:
            continue  # slivers amplify rounding
        weights = rng.dirichlet([1, 1, 1])
        x, y = weights @ corners
        got = maps[f, 0] + maps[f, 1] * x + maps[f, 2] * y
        np.testing.assert_allclose(got, weights @ values[triangle], atol=0.05)


def test_triangles_seen_edge_on_have_finite_maps() -> None:
    pixels = np.array([[5, 5], [10, 10], [20, 20], [5, 5]], np.float32)
    maps = affine_maps(pixels, np.array([[0, 1, 2], [0, 3, 1], [0, 0, 0]], np.int32), np.ones((4, 2), np.float32))
    assert np.isfinite(maps).all()


# --- shading


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_shading_equals_its_definition(samples: int) -> None:
    """Two triangles over a third of another one, in a view that does not start at the picture's corner."""
    rng = np.random.default_rng(samples)
    view = View(4, 3, samples)
    pixels = np.array([[2, 2], [27, 4], [6, 21], [28, 23], [0, 0], [30, 0], [15, 24]], np.float32)
    triangles = np.array([[0, 1, 2], [1, 3, 2], [4, 5, 6]], np.int32)
    source = rng.uniform(-3, 33, (7, 2))  # some of it outside the photo
    gain = rng.uniform(0.6, 1.3, (7, 1))
    values = np.concatenate([source, gain], 1).astype(np.float32)
    vertices = np.concatenate([(pixels - (view.left, view.top)) * samples, [[200]] * 4 + [[300]] * 3], 1)
    face_index = find_visible(vertices.astype(np.float32), triangles, 18 * samples, 22 * samples)
    assert set(np.unique(face_index)) >= {0, 1}
    mask = np.clip(1.4 - 0.09 * np.mgrid[:HEIGHT, :WIDTH][1], 0, 1).astype(np.float32)
    skin = skin_layer(random_picture(rng), mask)
    got = shade(face_index, view, affine_maps(pixels, triangles, values), skin)
    assert got.dtype == np.uint8
    expected = shade_reference(
        face_index,
        view,
        lambda f, x, y: interpolate_reference(pixels, triangles[f], values, x, y),
        skin,
    )
    error = np.abs(got - expected)
    # Positions count in 1/512 px.
    assert np.quantile(error, 0.99) < 4
    assert error.mean() < 0.7
    assert (got[face_index < 0] == 0).all()


def test_a_photo_drawn_onto_itself_is_the_photo() -> None:
    photo = random_picture(np.random.default_rng(0))
    pixels = np.array([[0, 0], [WIDTH, 0], [0, HEIGHT], [WIDTH, HEIGHT]], np.float32)
    triangles = np.array([[0, 2, 1], [1, 2, 3]], np.int32)
    vertices = np.concatenate([pixels, np.full((4, 1), 100, np.float32)], 1)
    face_index = find_visible(vertices, triangles, HEIGHT, WIDTH)
    fine = skin_layer(photo, np.ones((HEIGHT, WIDTH), np.float32))
    maps = affine_maps(pixels, triangles, np.concatenate([pixels, np.ones((4, 1), np.float32)], 1))
    drawn = shade(face_index, View(0, 0, 1), maps, fine)
    np.testing.assert_array_equal(drawn[:-1, :-1, :3], photo[:-1, :-1])
    # The last half sample is the nearest place before it.
    assert np.abs(drawn[..., :3].astype(int) - photo).max() <= 1
    assert (drawn[..., 3] == 255).all()


# --- putting pictures over each other


@given(st.integers(0, 1000))
def test_compositing_equals_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = random_picture(rng)
    alpha = rng.choice([0, 1, 100, 254, 255], (7, 9, 1))
    colours = rng.integers(0, 256, (7, 9, 3)) * alpha // 255  # premultiplied
    overlay = np.concatenate([colours, alpha], 2).astype(np.uint8)
    result = base.copy()
    composite(result, overlay, 5, 8)
    expected = base.astype(float)
    expected[5:12, 8:17] = colours + expected[5:12, 8:17] * (1 - alpha / 255)
    assert np.abs(result - expected).max() <= 1
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[5:12, 8:17] = False
    np.testing.assert_array_equal(result[outside], base[outside])
    opaque, clear = alpha[..., 0] == 255, alpha[..., 0] == 0
    np.testing.assert_array_equal(result[5:12, 8:17][opaque], overlay[opaque][:, :3])
    np.testing.assert_array_equal(result[5:12, 8:17][clear], base[5:12, 8:17][clear])


def test_rounded_colours_do_not_wrap_around() -> None:
    base = np.full((1, 1, 3), 255, np.uint8)
    composite(base, np.array([[[255, 255, 255, 200]]], np.uint8), 0, 0)
    assert (base == 255).all()
