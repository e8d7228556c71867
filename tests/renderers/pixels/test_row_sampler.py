"""Rows read between pixels, against the bilinear formula."""

from __future__ import annotations

import numpy as np
import pytest

from renderers.pixels.row_sampler import CHUNK, PLACES, pixel_pairs, read_row, row_buffers

HEIGHT, WIDTH = 21, 34


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)


def read(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:  # [n] px each -> [n, 4]
    places = (np.ascontiguousarray(PLACES * a, np.float32) for a in (x, y))
    line = read_row(pixel_pairs(image), image.shape[:2], *places, row_buffers())
    return line.copy().view(np.uint8).reshape(-1, 4)


def bilinear_reference(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = np.clip(x, 0, WIDTH - 1), np.clip(y, 0, HEIGHT - 1)
    c, r = np.minimum(x.astype(int), WIDTH - 2), np.minimum(y.astype(int), HEIGHT - 2)
    fx, fy = (x - c)[:, None], (y - r)[:, None]
    f = image.astype(float)
    upper, lower = f[r, c] * (1 - fx) + f[r, c + 1] * fx, f[r + 1, c] * (1 - fx) + f[r + 1, c + 1] * fx
    return upper * (1 - fy) + lower * fy


@pytest.mark.parametrize("count", [1, 15, 16, 17, 100, CHUNK])
def test_rows_equal_their_definition(count: int) -> None:
    """To rounding, inside the picture and beyond it; at its last pixels, to the nearest place before."""
    rng, image = np.random.default_rng(count), picture(count)
    x, y = (np.round(rng.uniform(-3, n + 3, count) * PLACES) / PLACES for n in (WIDTH, HEIGHT))
    np.testing.assert_allclose(read(image, x, y), bilinear_reference(image, x, y), atol=2 * 255 / PLACES)
    inside = (x < WIDTH - 1) & (y < HEIGHT - 1)
    got, expected = read(image, x, y)[inside], bilinear_reference(image, x, y)[inside]
    np.testing.assert_allclose(got, expected, atol=0.55)


def test_whole_pixels_are_exact() -> None:
    image = picture(0)
    x, y = np.arange(WIDTH - 1.0), np.full(WIDTH - 1, 7.0)
    np.testing.assert_array_equal(read(image, x, y), image[7, :-1])


def test_nothing_beyond_the_buffers_is_written() -> None:
    """Vector code that takes one step too many would."""
    image = picture(1)
    for count in (1, 7, 33, 250):
        buffers = row_buffers()
        for buffer in buffers:
            buffer.fill(77)
        x = np.linspace(0, PLACES * (WIDTH - 1), count, dtype=np.float32)
        read_row(pixel_pairs(image), image.shape[:2], x, x, buffers)
        for buffer in buffers:
            assert (buffer[..., count:] == 77).all()


def test_unusable_pictures() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        pixel_pairs(picture(0)[:, ::2])
    with pytest.raises(ValueError, match="contiguous"):
        pixel_pairs(picture(0)[..., :3].copy())
