"""Contact sheets of the renderer's benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from face3d.detect.detector import FaceDetection
from face3d.model.landmark_sets import INNER_LIPS
from scripts.lab.renderer.reenactment_score import Target
from scripts.lab.renderer.reenactment_sheets import FACE_PX, MOUTH_PX, evenly, face_strip, mouth_column, save, sheet


@pytest.fixture(scope="module")
def target(astronaut: np.ndarray, astronaut_detection: FaceDetection) -> Target:
    return Target(1, astronaut, astronaut_detection.landmarks_px)


def test_strips_show_real_rows_and_difference(target: Target) -> None:
    strip = face_strip(target, [target.image, target.image // 2])
    assert strip.shape == (FACE_PX, 4 * FACE_PX, 3)
    np.testing.assert_array_equal(strip[:, :FACE_PX], strip[:, FACE_PX : 2 * FACE_PX])
    assert (strip[:, 3 * FACE_PX :] == 128).all()


def test_mouths_are_in_the_middle(target: Target) -> None:
    marked = target.image.copy()
    x, y = target.points[list(INNER_LIPS)].mean(0).astype(int)
    marked[y - 2 : y + 3, x - 2 : x + 3] = (0, 255, 0)
    column = mouth_column(target, [marked])
    assert column.shape == (2 * MOUTH_PX, MOUTH_PX, 3)
    green = np.argwhere((column[MOUTH_PX:] == (0, 255, 0)).all(-1))
    assert np.abs(green.mean(0) - MOUTH_PX / 2).max() < 0.1 * MOUTH_PX


def test_sheets_fill_rows() -> None:
    pieces = [np.full((2, 3, 3), value, np.uint8) for value in (1, 2, 3)]
    result = sheet(pieces, 2)
    assert result.shape == (4, 6, 3)
    assert [result[0, 0, 0], result[0, 3, 0], result[2, 0, 0], result[2, 3, 0]] == [1, 2, 3, 0]


def test_few_of_many_are_spread() -> None:
    pieces = [np.full((1, 1, 3), value, np.uint8) for value in range(9)]
    assert [int(piece[0, 0, 0]) for piece in evenly(pieces, 3)] == [0, 4, 8]
    assert len(evenly(pieces, 40)) == 9


def test_colours_survive_the_file(tmp_path: Path) -> None:
    import cv2

    save(np.full((4, 4, 3), (10, 20, 30), np.uint8), str(tmp_path / "a.png"))
    assert cv2.imread(str(tmp_path / "a.png"))[0, 0].tolist() == [30, 20, 10]
