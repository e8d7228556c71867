"""The mouth's window and the rim of the lips' opening."""

from __future__ import annotations

import math

import numpy as np
import pytest

from face3d.model.landmark_sets import LOWER_INNER_LIP, UPPER_INNER_LIP
from renderers.mouth.rim import Rim, coverage
from renderers.mouth.window import CELLS_PER_MM, HEIGHT, WIDTH, MouthWindow, warp_matrix


def lips(opening: float, turn: float = 0.0, size: float = 40.0) -> np.ndarray:
    """[478, 2] landmarks of lips `size` px wide around (100, 80), an ellipse's opening between them."""
    points = np.zeros((478, 2), np.float32)
    x = np.linspace(-1, 1, 11)
    for ring, sign in ((UPPER_INNER_LIP, -1), (LOWER_INNER_LIP, 1)):
        height = sign * opening / 2 * np.sqrt(1 - x**2)
        points[[78, *ring, 308]] = np.stack([size / 2 * x, height], 1)
    cosine, sine = math.cos(turn), math.sin(turn)
    return (points @ np.array([[cosine, sine], [-sine, cosine]]) + (100, 80)).astype(np.float32)


@pytest.mark.parametrize("turn", [0.0, 0.4, -0.2])
@pytest.mark.parametrize("px_per_mm", [0.8, 3.0])
def test_the_window_lies_level_around_the_lips(turn: float, px_per_mm: float) -> None:
    points = lips(10, turn)
    window = MouthWindow.around(points, px_per_mm)
    cells = window.to_cells(points)
    right, left = cells[78], cells[308]
    assert right[1] == pytest.approx(left[1], abs=1e-3)
    assert left[0] - right[0] == pytest.approx(40 / px_per_mm * CELLS_PER_MM, rel=1e-4)
    np.testing.assert_allclose((right + left) / 2, (WIDTH / 2, HEIGHT / 2), atol=1e-2)
    np.testing.assert_allclose(window.to_crop(cells), points, atol=1e-3)


def test_opencv_counts_pixels_from_their_centres() -> None:
    matrix = np.array([[2, 0.5, 3], [-0.5, 2, 1]], np.float32)
    ours = np.array([4.5, 7.5], np.float32)  # the centre of pixel (4, 7)
    there = matrix[:, :2] @ ours + matrix[:, 2]
    opencv = warp_matrix(matrix)
    np.testing.assert_allclose(opencv[:, :2] @ (ours - 0.5) + opencv[:, 2], there - 0.5, atol=1e-5)


def test_the_rim_passes_through_the_landmarks() -> None:
    window = MouthWindow.around(lips(12), 1.0)
    cells = window.to_cells(lips(12))
    rim = Rim.through(cells, 4)
    for ring, curve in ((UPPER_INNER_LIP, rim.upper), (LOWER_INNER_LIP, rim.lower)):
        for x, y in cells[list(ring)]:
            assert np.interp(x * 4 - 0.5, np.arange(WIDTH * 4), curve) == pytest.approx(y * 4, abs=0.8)
    columns = np.nonzero(rim.gap > 0)[0]
    assert columns[0] >= cells[78, 0] * 4 - 1
    assert columns[-1] <= cells[308, 0] * 4 + 1


def test_lips_that_touch_or_overlap_show_nothing() -> None:
    for opening in (0.0, -3.0):
        points = lips(opening)
        rim = Rim.through(MouthWindow.around(points, 1.0).to_cells(points), 2)
        assert rim.rows(2, HEIGHT * 2) == (0, 0)
        assert coverage(rim, 1.0, 2, (0, HEIGHT * 2)).max() == 0


@pytest.mark.parametrize("softness", [1.0, 3.0])
def test_coverage_is_the_openings_area(softness: float) -> None:
    """Whatever the softness, also of slits thinner than a pixel."""
    for opening in (0.2, 1.0, 12.0):
        points = lips(opening)
        rim = Rim.through(MouthWindow.around(points, 1.0).to_cells(points), 2)
        cover = coverage(rim, softness, 2, rim.rows(softness, HEIGHT * 2))
        assert cover.sum() == pytest.approx(rim.gap.sum(), rel=0.02)
        assert cover.max() <= 1
