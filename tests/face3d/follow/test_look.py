from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from face3d.detect.face import FaceDetection
from face3d.follow.look import Gallery, Look, look_at

PORTRAIT = np.ascontiguousarray(cv2.imread(str(Path(__file__).parents[2] / "data" / "astronaut.jpg"))[..., ::-1])


def test_exposure_place_and_size_do_not_matter(astronaut_detection: FaceDetection) -> None:
    look = look_at(PORTRAIT, astronaut_detection)
    assert look.difference(look) == pytest.approx(0, abs=1e-5)
    darker = (PORTRAIT * 0.6).astype(np.uint8)
    assert look.difference(look_at(darker, astronaut_detection)) < 0.06
    larger = cv2.resize(PORTRAIT, None, fx=1.7, fy=1.7, interpolation=cv2.INTER_CUBIC)
    moved = replace(astronaut_detection, landmarks_px=astronaut_detection.landmarks_px * np.float32(1.7))
    assert look.difference(look_at(larger, moved)) < 0.05


def test_others_differ(astronaut_detection: FaceDetection) -> None:
    look = look_at(PORTRAIT, astronaut_detection)
    width = PORTRAIT.shape[1]
    mirrored = replace(
        astronaut_detection, landmarks_px=(astronaut_detection.landmarks_px * (-1, 1) + (width, 0)).astype(np.float32)
    )
    # The mirrored landmarks have the eyes swapped; only their box and roll matter here, so swap them back.
    points = mirrored.landmarks_px.copy()
    points[[33, 263]] = points[[263, 33]]
    other = look_at(np.ascontiguousarray(PORTRAIT[:, ::-1]), replace(mirrored, landmarks_px=points))
    assert look.difference(other) > 0.42
    green = PORTRAIT.copy()
    green[..., 1] = np.minimum(255, green[..., 1] * 1.6)
    assert look.difference(look_at(green, astronaut_detection)) > 0.2


def test_a_gallery_keeps_the_first_and_the_latest_looks() -> None:
    rng = np.random.default_rng(0)

    def look() -> Look:
        pattern = rng.normal(size=144).astype(np.float32)
        return Look((pattern - pattern.mean()) / pattern.std(), np.zeros(3, np.float32))

    looks = [look() for _ in range(5)]
    gallery = Gallery(looks[0], size=3)
    for other in looks[1:]:
        gallery.add(other)
    known = [gallery.difference(other) < 0.01 for other in looks]
    assert known == [True, False, False, True, True]
