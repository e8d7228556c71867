"""The person moves over the background."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from renderers.photo.fill_behind import Layers, split_layers
from renderers.surround.grid import Grid
from renderers.surround.layer_kernels import LayerWarp, _cover

HEIGHT, WIDTH = 90, 130


def picture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (HEIGHT, WIDTH, 3))
    soft = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return np.clip(128 + 60 * soft / soft.std(), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def grid() -> Grid:
    return Grid.over(WIDTH, HEIGHT, 7)


@pytest.fixture(scope="module")
def layers() -> tuple[np.ndarray, Layers]:
    """A photo of a soft disc before a wall."""
    wall, person = picture(1), picture(2)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    matte = np.clip((22 - np.hypot(x - 60, y - 45)) / 3, 0, 1).astype(np.float32)
    photo = np.round(wall + (person.astype(float) - wall) * matte[..., None]).astype(np.uint8)
    return photo, split_layers(photo, matte, wall)


def shift(grid: Grid, dx: float, dy: float) -> np.ndarray:
    return np.broadcast_to(np.array([dx, dy], np.float32), (*grid.shape, 2)).copy()


def test_still_is_the_photo(grid: Grid, layers: tuple[np.ndarray, Layers]) -> None:
    photo, taken = layers
    np.testing.assert_array_equal(LayerWarp(photo, taken, grid, 30)(shift(grid, 0, 0)), photo)
    np.testing.assert_array_equal(LayerWarp(photo, taken, grid, 30)(shift(grid, 0.005, 0.005)), photo)


@pytest.mark.parametrize(("dx", "dy"), [(5, 0), (-8, 3), (0, -11)])
def test_whole_pixels_are_moved_exactly(grid: Grid, layers: tuple[np.ndarray, Layers], dx: int, dy: int) -> None:
    """The person by (-dx, -dy), the background not at all."""
    photo, taken = layers
    out = LayerWarp(photo, taken, grid, 30)(shift(grid, dx, dy))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    # Beyond the border, too, there is no person.
    source = taken.person[np.clip(rows + dy, 0, HEIGHT - 1), np.clip(columns + dx, 0, WIDTH - 1)].astype(int)
    expected = source[..., :3] + (taken.background * (255 - source[..., 3:]) + 127) // 255
    assert np.abs(out.astype(int) - expected).max() <= 1
    assert (out != photo).any()


def test_fractions_of_pixels(grid: Grid, layers: tuple[np.ndarray, Layers]) -> None:
    """Near what a cubic interpolation of the person gives."""
    photo, taken = layers
    out = LayerWarp(photo, taken, grid, 30)(shift(grid, 0.3, -0.6))
    maps = np.stack(np.meshgrid(np.arange(WIDTH) + 0.3, np.arange(HEIGHT) - 0.6), -1).astype(np.float32)
    moved = cv2.remap(taken.person, maps, None, cv2.INTER_CUBIC).astype(float)
    expected = moved[..., :3] + taken.background * (1 - moved[..., 3:] / 255)
    error = np.abs(out - expected)[4:-4, 4:-4]
    assert error.mean() < 0.6
    assert error.max() < 12


def test_background_stands_still(grid: Grid, layers: tuple[np.ndarray, Layers]) -> None:
    photo, taken = layers
    out = LayerWarp(photo, taken, grid, 30)(shift(grid, 4, 4))
    reached = cv2.dilate((taken.person[..., 3] > 0).astype(np.uint8), np.ones((13, 13))).astype(bool)
    np.testing.assert_array_equal(out[~reached], photo[~reached])


def test_people_cut_by_the_border_do_not_end_there(grid: Grid) -> None:
    """Beyond the photo's border, the person goes on mirrored."""
    photo = picture(3)
    taken = Layers(np.zeros_like(photo), np.dstack([photo, np.full((HEIGHT, WIDTH), 255, np.uint8)]))
    out = LayerWarp(photo, taken, grid, 30)(shift(grid, 0, 6))
    np.testing.assert_array_equal(out[:-6], photo[6:])
    np.testing.assert_array_equal(out[-6:], photo[-2:-8:-1])


def test_large_pictures_are_sampled_directly(
    grid: Grid, layers: tuple[np.ndarray, Layers], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, taken = layers
    fine = LayerWarp(photo, taken, grid, 30)(shift(grid, 3.4, 2.0))
    monkeypatch.setattr("renderers.surround.layer_kernels._LARGE_PX", 100)
    coarse = LayerWarp(photo, taken, grid, 30)(shift(grid, 3.4, 2.0))
    error = np.abs(coarse.astype(int) - fine)
    assert 0 < error.mean() < 1.5


@pytest.mark.parametrize("count", [1, 2, 5, 16, 31, 33, 64, 100, 255, 256])
def test_covering_writes_its_pixels_only(count: int) -> None:
    """Compilers have been seen to turn such loops into vector code that writes beyond the array."""
    rng = np.random.default_rng(count)
    pixels = rng.integers(0, 256, (count, 4)).astype(np.uint8)
    pixels[:, :3] = np.minimum(pixels[:, :3], pixels[:, 3:])  # premultiplied
    pixels[::3, 3] = 255
    behind = rng.integers(0, 256, (count, 3)).astype(np.uint8)
    guarded = np.full((count + 40, 3), 77, np.uint8)
    _cover(pixels.view(np.uint32)[:, 0], behind, guarded[20 : 20 + count])
    expected = np.minimum(255, pixels[:, :3] + (behind * (255 - pixels[:, 3:].astype(int)) + 127) // 255)
    np.testing.assert_array_equal(guarded[20 : 20 + count], expected)
    assert (guarded[:20] == 77).all()
    assert (guarded[20 + count :] == 77).all()
