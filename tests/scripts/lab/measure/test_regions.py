"""Parts of a face box by landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from face3d.detect.detector import FaceDetection
from face3d.model.landmark_sets import INNER_LIPS, LOWER_INNER_LIP
from scripts.lab.measure.regions import (
    Box,
    face_box,
    lip_opening,
    mouth_interior,
    polygon,
    regions,
    unit,
)

SIZE = (320, 320)


@pytest.fixture(scope="module")
def points(astronaut_detection: FaceDetection) -> np.ndarray:
    return astronaut_detection.landmarks_px


def test_box_has_a_margin_and_stays_in_the_picture(points: np.ndarray) -> None:
    box = face_box(points, SIZE)
    assert box.left == np.floor(points[:, 0].min()) - 10
    assert box.bottom == np.ceil(points[:, 1].max()) + 10
    assert face_box(points, (200, 200)).right <= 200
    assert Box(1, 2, 5, 6).grown(3, (7, 20)) == Box(0, 0, 7, 9)


def test_unit_makes_the_larger_side_256(points: np.ndarray) -> None:
    sides = np.ptp(points, axis=0) + 20
    assert unit(points) * sides.max() == pytest.approx(256)


def test_polygon_covers_its_area() -> None:
    mask = polygon(np.array([[2.0, 3.0], [12.0, 3.0], [12.0, 8.0], [2.0, 8.0]]), (20, 10))
    assert mask[3:8, 2:12].all()
    # The rim's pixels belong to it.
    assert 50 <= mask.sum() <= 66


def test_regions_cut_the_box_into_parts(points: np.ndarray) -> None:
    parts = regions(points, SIZE)
    box = np.zeros((320, 320), bool)
    box[face_box(points, SIZE).window] = True
    np.testing.assert_array_equal(sum(part.astype(int) for part in parts.values()), box)
    assert all(part.any() for part in parts.values())


@pytest.mark.parametrize(
    ("landmark", "part"), [(13, "lips"), (159, "eyes"), (386, "eyes"), (4, "face"), (0, "lips"), (152, "face")]
)
def test_what_lies_where(points: np.ndarray, landmark: int, part: str) -> None:
    x, y = points[landmark].astype(int)
    near = regions(points, SIZE)[part][y - 1 : y + 2, x - 1 : x + 2]
    assert near.any()


def test_above_is_above(points: np.ndarray) -> None:
    parts = regions(points, SIZE)
    rows = {name: np.flatnonzero(parts[name].any(1)) for name in ("above", "below")}
    assert rows["above"].mean() < points[4, 1] < rows["below"].mean()


def test_opening_grows_with_the_lower_lip(points: np.ndarray) -> None:
    opened = points.copy()
    opened[list(LOWER_INNER_LIP), 1] += 8
    width = np.linalg.norm(points[33] - points[263])
    assert lip_opening(opened) - lip_opening(points) == pytest.approx(8 / width, rel=0.05)
    assert mouth_interior(opened, SIZE).sum() > mouth_interior(points, SIZE).sum()
    x, y = opened[list(INNER_LIPS)].mean(0).astype(int)
    assert mouth_interior(opened, SIZE)[y, x]
