"""BlazeFace: where in a picture there are faces."""

from __future__ import annotations

import numpy as np
import pytest

from face3d.detect.face import FaceDetection
from face3d.detect.face_search import FaceSearch, join_finds


def find_at(x: float, y: float, size: float) -> np.ndarray:
    """[8, 2] a find with its six points on its middle."""
    return np.array([(x, y), (size, size), *[(x, y)] * 6])


def test_finds_of_one_face_are_joined_by_their_scores() -> None:
    finds = np.stack([find_at(0.30, 0.3, 0.2), find_at(0.32, 0.3, 0.2), find_at(0.8, 0.8, 0.1)])
    first, second = join_finds(finds, np.array([0.6, 0.9, 0.7]))
    assert first[0] == pytest.approx(((0.6 * 0.30 + 0.9 * 0.32) / 1.5, 0.3))
    assert np.allclose(second, finds[2])


def test_the_surest_comes_first_and_boxes_without_an_area_are_none() -> None:
    finds = np.stack([find_at(0.2, 0.2, 0.1), find_at(0.7, 0.7, 0.1), find_at(0.5, 0.5, -0.1)])
    joined = join_finds(finds, np.array([0.7, 0.8, 0.95]))
    assert np.allclose([f[0] for f in joined], [(0.7, 0.7), (0.2, 0.2)])
    assert join_finds(finds[:0], np.zeros(0)) == []


def test_the_crop_lies_on_the_face_and_turns_with_it(astronaut: np.ndarray, astronaut_detection: FaceDetection) -> None:
    search = FaceSearch()
    (box,) = search.find(astronaut, 5)
    assert np.linalg.norm(np.array(box.centre) - astronaut_detection.centre) < 0.15 * astronaut_detection.size_px
    assert 1.2 < box.size[0] / astronaut_detection.size_px < 1.9
    turned = np.ascontiguousarray(np.rot90(astronaut))  # anti-clockwise
    (other,) = search.find(turned, 5)
    assert other.angle == pytest.approx(box.angle - np.pi / 2, abs=0.3)


def test_a_black_picture_of_any_size_has_no_face() -> None:
    search = FaceSearch()
    for side in (1, 64, 333):
        assert search.find(np.zeros((side, side, 3), np.uint8), 5) == []
