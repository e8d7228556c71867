from __future__ import annotations

import cv2
import numpy as np

from face3d.follow.cuts import ContentChange


def scene(seed: int, shift: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 10, 3), dtype=np.uint8)
    return np.roll(cv2.resize(coarse, (640, 360), interpolation=cv2.INTER_CUBIC), shift, axis=1)


def test_movement_is_little_and_another_scene_much() -> None:
    content = ContentChange()
    assert content.step(scene(0)) == 0
    assert max(content.step(scene(0, 4 * k)) for k in range(1, 6)) < 0.05
    assert content.step(scene(1)) > 0.3
    assert content.step(scene(1)) < 1e-5


def test_brightness_contrast_flashes_and_fades_are_no_change() -> None:
    content = ContentChange()
    content.step(scene(0))
    assert content.step((scene(0) * 0.5 + 60).astype(np.uint8)) < 0.01
    content.step(scene(1))  # a strange frame
    assert content.step(scene(0)) < 1e-5
    assert content.step(np.full((360, 640, 3), 255, np.uint8)) == 0
    assert content.step(scene(0)) < 1e-5
    content.step(np.zeros((360, 640, 3), np.uint8))
    assert content.step(scene(2)) > 0.3


def test_small_pictures() -> None:
    content = ContentChange()
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (3, 2, 3), dtype=np.uint8) for _ in range(2))
    assert content.step(first) == 0
    assert content.step(first) < 1e-5
    assert content.step(second) > 0.3
