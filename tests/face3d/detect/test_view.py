from __future__ import annotations

import cv2
import numpy as np
import pytest

from face3d.detect.view import View


def test_view_matrix_and_samples_agree() -> None:
    """A linear ramp sampled through a turned view equals the ramp at the positions that the matrix gives."""
    ramp = np.repeat(np.tile(np.arange(200, dtype=np.uint8), (200, 1))[..., None], 3, 2)
    picture, matrix = View((100.0, 100.0), 100.0, 0.3).sample(ramp, 512)
    x, y = np.meshgrid(np.arange(100) + 0.5, np.arange(100) + 0.5)
    expected = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] - 0.5
    assert abs(picture[..., 0] - expected).max() < 1


@pytest.mark.parametrize("size", [32, 64])
def test_shrinking_does_not_alias(size: int) -> None:
    """A fine chequerboard becomes grey, not a coarse one."""
    rows, columns = np.indices((512, 512))
    board = np.repeat((255 * ((rows + columns) % 2)).astype(np.uint8)[..., None], 3, 2)
    picture, _ = View((256.0, 256.0), 500.0).resample(board, size, cv2.INTER_LINEAR)
    assert abs(picture[4:-4, 4:-4].astype(int) - 127).max() < 12


def test_black_outside() -> None:
    picture, matrix = View((0.0, 0.0), 100.0).sample(np.full((80, 80, 3), 200, np.uint8), 512)
    assert picture.shape == (100, 100, 3)
    assert np.allclose(matrix, [[1, 0, -50], [0, 1, -50]])
    assert picture[:45].max() == 0
    assert picture[55:, 55:].min() == 200
