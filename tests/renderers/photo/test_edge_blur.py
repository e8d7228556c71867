"""The blur of a photo's edges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from face3d.fit.photo_fit import PhotoFit
from renderers.photo.edge_blur import edge_blur


@pytest.mark.parametrize("blur", [1.0, 1.5, 2.5])
def test_a_known_blur_is_found(blur: float) -> None:
    fine = np.zeros((640, 640, 3), np.uint8)
    cv2.circle(fine, (320, 320), 180, (230, 200, 180), -1)
    cv2.rectangle(fine, (250, 260), (390, 300), (40, 40, 40), -1)
    picture = cv2.GaussianBlur(fine, (0, 0), blur)
    corners = np.array([[40, 40], [600, 600]], np.float32)
    # Sobel's own smoothing counts as a little blur.
    assert edge_blur(picture, corners) == pytest.approx(blur, rel=0.25)


def test_faces_get_softer(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    landmarks = astronaut_fit.detection.landmarks_px
    sharp = edge_blur(astronaut, landmarks)
    soft = edge_blur(cv2.GaussianBlur(astronaut, (0, 0), 2.0), landmarks)
    assert 0.4 < sharp < 1.3
    assert soft == pytest.approx(np.hypot(sharp, 2.0), rel=0.2)


def test_a_picture_without_edges_has_no_blur() -> None:
    assert edge_blur(np.full((50, 60, 3), 90, np.uint8), np.array([[5, 5], [40, 40]], np.float32)) == 0
