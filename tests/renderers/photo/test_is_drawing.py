"""Drawings are told from pictures with light and shade."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from face3d.detect.detector import FaceDetector
from face3d.fit.photo_fit import PhotoFit
from renderers.photo.is_drawing import looks_drawn


def drawing(filled: bool, paper: float) -> np.ndarray:
    """A face as a child draws it, [700, 600, 3], on paper whose grain has this strength."""
    image = np.full((700, 600, 3), 255, np.uint8)
    if filled:
        cv2.ellipse(image, (300, 360), (180, 240), 0, 0, 360, (255, 224, 189), -1)
    cv2.ellipse(image, (300, 360), (180, 240), 0, 0, 360, (0, 0, 0), 6, cv2.LINE_AA)
    for x in (220, 380):
        cv2.ellipse(image, (x, 315), (45, 25), 0, 0, 360, (255, 255, 255), -1)
        cv2.ellipse(image, (x, 315), (45, 25), 0, 0, 360, (0, 0, 0), 5, cv2.LINE_AA)
        cv2.circle(image, (x, 315), 18, (60, 90, 160), -1)
        cv2.ellipse(image, (x, 270), (55, 30), 0, 200, 340, (60, 30, 10), 9, cv2.LINE_AA)
    cv2.polylines(image, [np.array([[300, 330], [280, 430], [315, 435]])], False, (0, 0, 0), 5, cv2.LINE_AA)
    cv2.ellipse(image, (300, 485), (90, 55), 0, 20, 160, (200, 30, 30), 10, cv2.LINE_AA)
    if filled:
        cv2.ellipse(image, (300, 510), (70, 30), 0, 0, 360, (200, 60, 60), -1, cv2.LINE_AA)
        for i in range(40):
            cv2.line(image, (120 + 9 * i, 200), (110 + 9 * i, 100), (80, 50, 20), 5, cv2.LINE_AA)
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, image.shape[:2]), (0, 0), 2) * paper
    return np.clip(image + grain[..., None], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("paper", [0.0, 40.0])
def test_drawings(filled: bool, paper: float) -> None:
    picture = drawing(filled, paper)
    with FaceDetector(max_faces=1) as detector:
        (face, *_) = detector.detect(picture)
    assert looks_drawn(picture, face.landmarks_px)


@pytest.mark.parametrize("kind", ["photo", "grey", "dark", "small", "large", "painted"])
def test_everything_with_light_and_shade(kind: str, astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    image, landmarks = astronaut, astronaut_fit.detection.landmarks_px
    if kind == "grey":
        image = np.repeat(image.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    elif kind == "dark":
        image = (image * 0.12).astype(np.uint8)
    elif kind == "painted":
        image = cv2.stylization(np.ascontiguousarray(image), sigma_s=60, sigma_r=0.45)
    elif kind in ("small", "large"):
        scale = 0.6 if kind == "small" else 4.0
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        landmarks = landmarks * np.float32(scale)
    assert not looks_drawn(image, landmarks)
