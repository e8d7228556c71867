"""Depth around the face, and what moves with the head."""

from __future__ import annotations

import numpy as np
import pytest

from renderers.head.hair_shell import head_share, shell_depth
from renderers.surround.grid import Grid, SurroundOptions

GRID = Grid.over(400, 500, 5)


def ball() -> tuple[np.ndarray, np.ndarray]:
    """Depth of a ball of 80 mm radius at 1 m, and where it is."""
    x, y = np.moveaxis(GRID.points(), -1, 0)
    square = 80.0**2 - (x - 200) ** 2 - (y - 200) ** 2
    return (1000 - np.sqrt(np.maximum(square, 0))).astype(np.float32), square > 0


def test_the_shell_is_the_skull_where_that_is_flat_and_flat_elsewhere() -> None:
    skull, covered = ball()
    depth = shell_depth(skull, covered, 1010.0, 5.0, 24)
    middle = np.hypot(*(np.moveaxis(GRID.points(), -1, 0) - np.array([200, 200])[:, None, None])) < 50
    np.testing.assert_allclose(depth[middle], skull[middle], atol=0.1)
    assert abs(depth[0, 0] - 1010) < 2
    assert depth.min() >= skull[covered].min() - 1e-3


def test_the_shell_is_never_steep() -> None:
    skull, covered = ball()
    assert np.abs(np.diff(skull, axis=1))[covered[:, 1:]].max() > 10
    depth = shell_depth(skull, covered, 1010.0, 5.0, 24)
    for axis, steepest in ((0, 3.0), (1, 1.4)):
        assert np.abs(np.diff(depth, axis=axis)).max() <= steepest * 5 + 1e-3


def test_no_skull_in_sight() -> None:
    covered = np.zeros(GRID.shape, bool)
    assert (shell_depth(np.zeros(GRID.shape, np.float32), covered, 900.0, 5.0, 24) == 900).all()


def test_share_falls_along_the_neck() -> None:
    options, chin, face = SurroundOptions(), np.array([200, 230], np.float32), 100.0
    share = head_share(GRID, chin, face, options)
    assert (share[GRID.y < 230 - 100 * (options.neck_start + options.shoulder_lift)] == 1).all()  # hair, ears, hats
    middle = share[:, GRID.index(200, 0)[1]]
    assert middle[GRID.index(0, 228 - 100 * options.neck_start)[0]] == 1
    assert 0 < middle[GRID.index(0, 240)[0]] < 1
    assert (share[GRID.y > 230 + 100 * options.neck_reach] == 0).all()
    assert (np.diff(share, axis=0) <= 0).all()


@pytest.mark.parametrize("side", [-1, 1])
def test_shoulders_begin_higher_than_the_collar(side: int) -> None:
    chin = np.array([200, 230], np.float32)
    share = head_share(GRID, chin, 100.0, SurroundOptions())
    assert share[GRID.index(200 + side * 120, 240)] < share[GRID.index(200, 240)]
