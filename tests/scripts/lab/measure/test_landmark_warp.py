"""The piecewise-linear warp."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.lab.measure.landmark_warp import LandmarkWarp, resample, source_positions, triangulate

SIZE = (60, 50)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    random = np.random.default_rng(5)
    corners = [[10, 10], [50, 10], [50, 40], [10, 40]]
    return np.concatenate([corners, random.uniform((14, 14), (46, 36), (20, 2))])


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    return np.stack([2 * x + 20, 3 * y + 30, x + y], -1).astype(np.uint8)


def test_an_affine_motion_is_exact(points: np.ndarray) -> None:
    matrix, shift = np.array([[1.05, 0.1], [-0.08, 0.95]]), np.array([1.5, -2.0])
    target = points @ matrix.T + shift
    positions, covered = source_positions(points, target, triangulate(points), SIZE)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    places = np.stack([x, y], -1)
    expected = (places - shift) @ np.linalg.inv(matrix).T
    np.testing.assert_allclose(positions[covered], expected[covered], atol=1e-4)
    np.testing.assert_array_equal(positions[~covered], places[~covered].astype(np.float32))
    assert covered.sum() == pytest.approx(40 * 30 * np.linalg.det(matrix), rel=0.03)


def test_landmarks_go_where_they_are_sent(points: np.ndarray) -> None:
    target = points + np.random.default_rng(6).uniform(-0.8, 0.8, points.shape)
    positions, covered = source_positions(points, target, triangulate(points), SIZE)
    for source, there in zip(points[4:], target[4:], strict=True):
        x, y = np.floor(there).astype(int)
        assert covered[y, x]
        # The centre of the landmark's pixel is at most half a pixel off in x and y.
        assert np.abs(positions[y, x] - source).max() < 1.2


def test_unmoved_points_give_the_photo(points: np.ndarray, photo: np.ndarray) -> None:
    for anchored in (False, True):
        np.testing.assert_array_equal(LandmarkWarp(photo, points, anchored)(points), photo)


def test_outside_the_photo_stands_still_unless_anchored(points: np.ndarray, photo: np.ndarray) -> None:
    moved = points + np.array([4, 0])
    still = LandmarkWarp(photo, points)(moved)
    np.testing.assert_array_equal(still[:8], photo[:8])
    np.testing.assert_array_equal(still[12:38, 16:52], photo[12:38, 12:48])
    stretched = LandmarkWarp(photo, points, anchored=True)(moved)
    assert (stretched[25, 2:8] != photo[25, 2:8]).any()
    np.testing.assert_allclose(stretched[:, 0].astype(int), photo[:, 0], atol=2)


def test_triangles_without_area_do_no_harm(photo: np.ndarray) -> None:
    square = np.array([[10.0, 10], [50, 10], [50, 40], [10, 40]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    flat = square.copy()
    flat[1] = (30, 25)  # on the diagonal: the first triangle has no area left
    positions, covered = source_positions(square, flat, triangles, SIZE)
    assert np.isfinite(positions).all()
    assert covered.any()
    assert resample(photo, positions).shape == photo.shape
