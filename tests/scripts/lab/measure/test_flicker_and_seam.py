"""What flickers and what has a seam must be told from what has not."""

from __future__ import annotations

import numpy as np
import pytest

from face3d.detect.detector import FaceDetection
from face3d.model.landmark_sets import FACE_OVAL
from scripts.lab.measure.flicker import flicker
from scripts.lab.measure.landmark_warp import LandmarkWarp, triangulate
from scripts.lab.measure.regions import polygon
from scripts.lab.measure.seam import RINGS, edge_gradient_ratio, ring_gradients


@pytest.fixture(scope="module")
def points(astronaut_detection: FaceDetection) -> np.ndarray:
    return astronaut_detection.landmarks_px


def test_motion_is_no_flicker(astronaut: np.ndarray, points: np.ndarray) -> None:
    moved = (points - points.mean(0)) * 1.05 + points.mean(0) + (3.0, -2.0)
    frame = LandmarkWarp(astronaut, points)(moved)
    triangles = triangulate(points)
    explained = flicker(frame, astronaut, moved, points, triangles)
    unexplained = flicker(frame, astronaut, points, points, triangles)
    assert explained < 2
    assert unexplained > 20 * explained


def test_flicker_is_the_variance_of_noise(astronaut: np.ndarray, points: np.ndarray) -> None:
    grey = np.full_like(astronaut, 128)
    noise = np.random.default_rng(2).normal(0, 10, grey.shape[:2])
    noisy = (grey + np.round(noise)[..., None]).astype(np.uint8)
    assert flicker(noisy, grey, points, points, triangulate(points)) == pytest.approx(100, rel=0.05)


def test_a_seam_shows_in_its_ring(astronaut: np.ndarray, points: np.ndarray) -> None:
    oval = points[list(FACE_OVAL)]
    inner = polygon(oval.mean(0) + 0.9 * (oval - oval.mean(0)), (320, 320))
    seamed = astronaut.copy()
    seamed[inner] = (seamed[inner] * 0.8).astype(np.uint8)
    ratios = ring_gradients(seamed, points) / ring_gradients(astronaut, points)
    assert RINGS[int(ratios.argmax())] == 0.9
    assert ratios.max() > 1.5


def test_the_gradient_across_a_ring_is_that_of_the_picture(points: np.ndarray) -> None:
    ramp = np.repeat(np.arange(320) // 2, 3).reshape(1, 320, 3).repeat(320, 0).astype(np.uint8)
    oval = points[list(FACE_OVAL)]
    # A slope of 1/2 along x, seen across normals of all directions: less than 1/2, and for a circle 1/pi on average.
    assert np.ptp(oval[:, 0]) < np.ptp(oval[:, 1])
    np.testing.assert_allclose(ring_gradients(ramp, points), 0.35, atol=0.03)


def test_rings_outside_the_picture_do_not_count(astronaut: np.ndarray, points: np.ndarray) -> None:
    assert np.isnan(ring_gradients(astronaut, points + 1000)).all()
    half = ring_gradients(astronaut, points + np.array([320 - points[4, 0], 0]))
    assert np.isfinite(half).all()


def test_where_the_change_ends(astronaut: np.ndarray) -> None:
    assert edge_gradient_ratio(astronaut, astronaut) == 1
    pasted = astronaut.copy()
    pasted[100:200, 100:200] = np.clip(pasted[100:200, 100:200].astype(int) + 60, 0, 255)
    faded = astronaut.copy()
    weight = np.clip(1 - np.hypot(*(np.mgrid[:320, :320] - 150)) / 60, 0, 1)[..., None]
    faded = np.clip(np.round(faded + 60 * weight), 0, 255).astype(np.uint8)
    assert edge_gradient_ratio(pasted, astronaut) > 1.5
    assert edge_gradient_ratio(faded, astronaut) < 1.1
