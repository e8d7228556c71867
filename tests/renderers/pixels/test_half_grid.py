"""Pictures with samples between their pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from renderers.pixels.half_grid import half_grid


def random_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def between(image: np.ndarray, axis: int) -> np.ndarray:
    """Slow and clear: Catmull-Rom at 1/2 along one axis, the border repeated, rounded, clipped."""
    lines = np.moveaxis(image, axis, 0).astype(int)
    count = len(lines)
    result = []
    for i in range(count - 1):
        before, after = lines[max(i - 1, 0)], lines[min(i + 2, count - 1)]
        value = (9 * lines[i] + 9 * lines[i + 1] - before - after) / 16
        result += [lines[i], np.clip(np.floor(value + 0.5), 0, 255).astype(int)]
    return np.moveaxis(np.array([*result, lines[-1]]), 0, axis)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_equals_the_definition(height: int, width: int, seed: int) -> None:
    image = random_picture(height, width, seed)
    fine = half_grid(image)
    assert fine.dtype == np.uint8
    assert fine.shape == (2 * height - 1, 2 * width - 1, 3)
    np.testing.assert_array_equal(fine, between(between(image, 0), 1))


def test_even_samples_are_the_pixels() -> None:
    image = random_picture(7, 9)
    np.testing.assert_array_equal(half_grid(image)[::2, ::2], image)


def test_flat_and_linear_pictures() -> None:
    assert (half_grid(np.full((4, 5, 3), 77, np.uint8)) == 77).all()
    ramp = np.repeat(np.tile(np.arange(0, 200, 20, dtype=np.uint8), (4, 1))[..., None], 3, 2)
    np.testing.assert_array_equal(half_grid(ramp)[0, 2:-2, 0], np.arange(20, 170, 10))


def test_overshoot_is_clipped() -> None:
    """Next to a hard edge the interpolation overshoots; it must not wrap around."""
    edge = np.zeros((3, 6, 3), np.uint8)
    edge[:, 3:] = 255
    line = half_grid(edge)[0, :, 0]
    assert (np.diff(line.astype(int)) >= 0).all()


def test_the_picture_is_not_changed() -> None:
    image = random_picture(5, 5)
    before = image.copy()
    half_grid(image)
    np.testing.assert_array_equal(image, before)
