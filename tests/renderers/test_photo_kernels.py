"""The compiled colours against slow and clear ones."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.half_grid import half_grid
from renderers.kinds import Kind
from renderers.photo_kernels import (
    ATTRIBUTES,
    CAVITY_DEPTH,
    TEETH_DEPTH,
    TONGUE_DEPTH,
    MouthColours,
    Pictures,
    View,
    affine_maps,
    composite,
    shade,
)
from renderers.rasterize_numba import find_visible

HEIGHT, WIDTH = 24, 30
MOUTH = MouthColours(
    teeth=np.array([230, 220, 200], np.float32),
    gums=np.array([150, 80, 75], np.float32),
    tongue=np.array([140, 75, 70], np.float32),
    cavity=np.array([60, 25, 20], np.float32),
    upper_gaps=np.array([0, 8.5, 15], np.float32),
    lower_gaps=np.array([0, 5, 10.5], np.float32),
)


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


def mask_reference(mask: np.ndarray, x: float, y: float) -> float:
    """The pixel that holds (x, y), the nearest one outside."""
    return float(mask[min(max(math.floor(y), 0), HEIGHT - 1), min(max(math.floor(x), 0), WIDTH - 1)])


def tooth_reference(arc: float, height: float, gaps: np.ndarray) -> tuple[float, float]:
    """Brightness of the enamel and share of the gums."""
    distance = min(abs(abs(arc) - g) for g in gaps)
    line = math.exp(-((distance / 0.25) ** 2))
    gums = 1 / (1 + math.exp(40 * (height - 0.22 - 0.12 * math.exp(-((distance / 0.9) ** 2)))))
    edge = 1 - 0.12 * max(0, height - 0.8) / 0.2
    return (1 - 0.15 * line) * edge * (1 - 0.10 * math.exp(-distance / 0.9)), gums


def mouth_reference(kind: int, attributes: np.ndarray) -> np.ndarray:
    arc, height, light, depth = attributes
    depth = max(0, depth)
    if kind == Kind.MOUTH:
        return MOUTH.cavity * math.exp(-depth / CAVITY_DEPTH)
    if kind == Kind.TONGUE:
        return MOUTH.tongue * light * math.exp(-depth / TONGUE_DEPTH)
    enamel, gum = tooth_reference(arc, height, MOUTH.upper_gaps if kind == Kind.UPPER_TEETH else MOUTH.lower_gaps)
    return (MOUTH.teeth * enamel * (1 - gum) + MOUTH.gums * gum) * light * math.exp(-depth / TEETH_DEPTH)


def shade_reference(
    face_index: np.ndarray,
    view: View,
    kinds: np.ndarray,
    interpolate: Callable[[int, float, float], np.ndarray],
    pictures: Pictures,
    masks: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Pixel by pixel: [h, w, 4] floating."""
    out = np.zeros((*face_index.shape, 4))
    for row, column in zip(*np.nonzero(face_index >= 0), strict=True):
        f = face_index[row, column]
        kind = kinds[f]
        x, y, *attributes = interpolate(
            f, view.left + (column + 0.5) / view.samples, view.top + (row + 0.5) / view.samples
        )
        alpha = mask_reference(masks[0], x, y) if kind in (Kind.SKIN, Kind.EYE) else 1.0
        if kind == Kind.SKIN:
            colour = sample_reference(pictures.skin, x, y)
        elif kind == Kind.EYE:
            colour = sample_reference(pictures.eye, x, y)
        else:
            colour = mouth_reference(kind, np.array(attributes))
            if kind == Kind.UPPER_TEETH:
                shown = mask_reference(masks[1], x, y)
                colour = colour + shown * (sample_reference(pictures.mouth, x, y) - colour)
        out[row, column] = *(colour * alpha), 255 * alpha
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


@pytest.mark.parametrize("kind", list(Kind), ids=lambda k: k.name)
@pytest.mark.parametrize("samples", [1, 2, 3])
def test_shading_equals_its_definition(kind: Kind, samples: int) -> None:
    """Two triangles of the kind over a third of another one, in a view that does not start at the picture's corner."""
    rng = np.random.default_rng(int(kind))
    view = View(4, 3, samples)
    pixels = np.array([[2, 2], [27, 4], [6, 21], [28, 23], [0, 0], [30, 0], [15, 24]], np.float32)
    triangles = np.array([[0, 1, 2], [1, 3, 2], [4, 5, 6]], np.int32)
    kinds = np.array([kind, kind, Kind.SKIN], np.int32)
    source = rng.uniform(-3, 33, (7, 2))  # some of it outside the photo
    attributes = np.stack(
        [rng.uniform(-20, 20, 7), rng.uniform(0, 1, 7), rng.uniform(0.6, 1, 7), rng.uniform(-5, 30, 7)], 1
    )
    assert attributes.shape[1] == ATTRIBUTES
    values = np.concatenate([source, attributes], 1).astype(np.float32)
    vertices = np.concatenate([(pixels - (view.left, view.top)) * samples, [[200]] * 4 + [[300]] * 3], 1)
    face_index = find_visible(vertices.astype(np.float32), triangles, 18 * samples, 22 * samples)
    assert set(np.unique(face_index)) >= {0, 1}
    pictures = Pictures(*(half_grid(random_picture(rng)) for _ in range(3)))
    # Masks of large steps would turn a rounded position into a large error: make them smooth.
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    masks = (
        np.clip(1.4 - 0.09 * x, 0, 1).astype(np.float32),
        np.clip(0.07 * y - 0.3, 0, 1).astype(np.float32),
    )
    got = shade(face_index, view, kinds, affine_maps(pixels, triangles, values), pictures, masks, MOUTH)
    assert got.dtype == np.uint8
    expected = shade_reference(
        face_index,
        view,
        kinds,
        lambda f, x, y: interpolate_reference(pixels, triangles[f], values, x, y),
        pictures,
        masks,
    )
    error = np.abs(got - expected)
    # Positions count in 1/256 px. Next to a pixel's border a rounded position may read the neighbour in the mask.
    assert np.quantile(error, 0.99) < 4
    assert error.mean() < 0.7
    assert (got[face_index < 0] == 0).all()


def test_a_photo_drawn_onto_itself_is_the_photo() -> None:
    photo = random_picture(np.random.default_rng(0))
    pixels = np.array([[0, 0], [WIDTH, 0], [0, HEIGHT], [WIDTH, HEIGHT]], np.float32)
    triangles = np.array([[0, 2, 1], [1, 2, 3]], np.int32)
    values = np.concatenate([pixels, np.zeros((4, ATTRIBUTES), np.float32)], 1)
    vertices = np.concatenate([pixels, np.full((4, 1), 100, np.float32)], 1)
    face_index = find_visible(vertices, triangles, HEIGHT, WIDTH)
    fine = half_grid(photo)
    ones, zeros = np.ones((HEIGHT, WIDTH), np.float32), np.zeros((HEIGHT, WIDTH), np.float32)
    maps = affine_maps(pixels, triangles, values)
    drawn = shade(
        face_index, View(0, 0, 1), np.zeros(2, np.int32), maps, Pictures(fine, fine, fine), (ones, zeros), MOUTH
    )
    np.testing.assert_array_equal(drawn[..., :3], photo)
    assert (drawn[..., 3] == 255).all()


def test_teeth_look_like_teeth() -> None:
    """Bright in the middle of a tooth, darker in the gaps, pink at the gums, darker farther back."""

    def colour(arc: float, height: float, depth: float = 0.0) -> np.ndarray:
        values = np.array([[5, 5, arc, height, 1.0, depth]] * 3, np.float32)
        pixels = np.array([[0, 0], [12, 0], [0, 12]], np.float32)
        maps = affine_maps(pixels, np.array([[0, 1, 2]], np.int32), values)
        zeros = np.zeros((HEIGHT, WIDTH), np.float32)
        fine = np.zeros((2 * HEIGHT - 1, 2 * WIDTH - 1, 3), np.uint8)
        kinds = np.array([Kind.UPPER_TEETH], np.int32)
        index = np.zeros((1, 1), np.int32)
        return shade(index, View(2, 2, 1), kinds, maps, Pictures(fine, fine, fine), (zeros, zeros), MOUTH)[0, 0, :3]

    middle, gap, gums, back = colour(4.2, 0.6), colour(8.5, 0.6), colour(4.2, 0.02), colour(4.2, 0.6, 40.0)
    assert middle.sum() > gap.sum() + 40
    assert middle.sum() > back.sum() + 200
    np.testing.assert_allclose(gums, MOUTH.gums, atol=3)
    np.testing.assert_allclose(colour(-4.2, 0.6), middle, atol=1)  # both sides alike


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
