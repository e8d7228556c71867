"""Crops as MediaPipe samples them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from face3d.detect.turned_box import TurnedBox


def ramp() -> np.ndarray:
    """[100, 100, 3]: red is x, green is y, twice."""
    y, x = np.indices((100, 100)) * 2
    return np.stack([x, y, 0 * x], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
def test_positions_are_those_of_pixel_indices(angle: float) -> None:
    box = TurnedBox((50.0, 45.0), (40.0, 30.0), angle)
    sampled = box.sample(ramp(), 64, cv2.BORDER_REPLICATE).astype(float)
    v, u = np.indices((64, 64)).reshape(2, -1)
    expected = 2 * (box.matrix(64) @ np.stack([u, v, np.ones_like(u)]))
    assert abs(sampled[..., :2].reshape(-1, 2) - expected.T).max() < 1


def test_corners_of_the_matrix() -> None:
    matrix = TurnedBox((10.0, 20.0), (4.0, 8.0), np.pi / 2).matrix(16)
    assert np.allclose(matrix @ (8, 8, 1), (10, 20))
    assert np.allclose(matrix @ (16, 8, 1), (10, 22))  # along the width, which points downwards
    assert np.allclose(matrix @ (8, 16, 1), (6, 20))


def test_beyond_the_picture() -> None:
    picture = np.full((20, 20, 3), 200, np.uint8)
    box = TurnedBox((0.0, 10.0), (20.0, 20.0))
    assert (box.sample(picture, 32, cv2.BORDER_REPLICATE) == 200).all()
    assert (box.sample(picture, 32, cv2.BORDER_CONSTANT)[:, :10] == 0).all()
