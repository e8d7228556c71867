"""Thin dark lines."""

from __future__ import annotations

import numpy as np
import pytest

from renderers.pixels.soft_line import draw_soft_line

BLACK = np.zeros(3, np.float32)


def white(height: int = 40, width: int = 60) -> np.ndarray:
    return np.full((height, width, 3), 255, np.uint8)


def line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, np.float32)


@pytest.mark.parametrize("width", [1.5, 3.0, 6.0])
def test_darkens_along_the_line_only(width: float) -> None:
    picture = white(40, 90)
    draw_soft_line(picture, line((-50, 20), (50, 20)), BLACK, width, 1.0)
    darkness = 255 - picture[:, 30, 0].astype(float)
    assert darkness.argmax() in (19, 20)
    middle = (darkness * (np.arange(40) + 0.5)).sum() / darkness.sum()
    assert middle == pytest.approx(20, abs=0.06)  # pixel centres at half-integers
    assert darkness.sum() / 255 == pytest.approx(width, rel=0.3)
    assert darkness[np.abs(np.arange(40) + 0.5 - 20) > 2 * width + 2].max() == 0
    assert (picture[:, 53 + int(2 * width) :] == 255).all()


# The edges are so soft that the middle keeps erf(1 / sqrt(2)) of the strength.
PEAK = 0.683


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.7, 1.0])
def test_strength(strength: float) -> None:
    picture = white()
    draw_soft_line(picture, line((10, 20), (50, 20)), BLACK, 8.0, strength)
    assert picture[20, 30, 0] == pytest.approx(255 * (1 - PEAK * strength), abs=8)


def test_colour() -> None:
    picture = np.full((40, 60, 3), (10, 200, 100), np.uint8)
    draw_soft_line(picture, line((10, 20), (50, 20)), np.array([90, 40, 60], np.float32), 8.0, 1.0)
    expected = (1 - PEAK) * np.array([10, 200, 100]) + PEAK * np.array([90, 40, 60])
    np.testing.assert_allclose(picture[20, 30], expected, atol=6)


@pytest.mark.parametrize(
    "points",
    [((-50, -50), (-30, -40)), ((100, 10), (150, 20)), ((20, 100), (40, 120))],
    ids=["above left", "right", "below"],
)
def test_lines_outside_leave_the_picture_alone(points: tuple[tuple[float, float], ...]) -> None:
    picture = white()
    draw_soft_line(picture, line(*points), BLACK, 3.0, 1.0)
    assert (picture == 255).all()


def test_lines_across_the_border_are_drawn_where_they_show() -> None:
    whole, cut = white(80, 120), white(40, 60)
    draw_soft_line(whole, line((30, 35), (75, 50)), BLACK, 3.0, 1.0)
    draw_soft_line(cut, line((0, 5), (45, 20)), BLACK, 3.0, 1.0)
    # Away from the border, where the blur sees less of the line, the cut picture is the same.
    assert np.abs(cut[6:, 6:].astype(int) - whole[30:70, 30:90][6:, 6:]).max() <= 2
    assert cut.min() < 100
