"""Mouths painted over the astronaut's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.fit.photo_fit import PhotoFit
from face3d.model.landmark_sets import INNER_LIPS, LOWER_INNER_LIP, UPPER_INNER_LIP
from face3d.model.morphable_model import MorphableModel
from renderers.head.driven_mesh import DrivenFrame, DrivenMesh
from renderers.mouth.painter import MouthPainter
from renderers.photo.layers import build_layers, polygon_mask

LIGHT = np.array([0.2126, 0.7152, 0.0722])


@pytest.fixture(scope="module")
def mesh(model: MorphableModel, astronaut_fit: PhotoFit) -> DrivenMesh:
    return DrivenMesh(model, astronaut_fit.parameters, astronaut_fit.detection.landmarks_px)


@pytest.fixture(scope="module")
def painter(mesh: DrivenMesh, astronaut: np.ndarray, astronaut_fit: PhotoFit) -> MouthPainter:
    landmarks = astronaut_fit.detection.landmarks_px
    return MouthPainter(astronaut, mesh, landmarks, np.zeros(2, np.float32), build_layers(astronaut, landmarks))


def drive(mesh: DrivenMesh, **changes: float) -> tuple[DrivenFrame, np.ndarray]:
    expression = torch.zeros(52)
    for name, value in changes.items():
        expression[ARKIT_INDEX[name]] = value
    frame = mesh.drive(expression, torch.zeros(3), torch.zeros(2, 2))
    return frame, mesh.model.landmarks478.of(torch.from_numpy(frame.pixels[:, :2])).numpy()


def painted(painter: MouthPainter, astronaut: np.ndarray, frame: DrivenFrame, points: np.ndarray) -> np.ndarray:
    crop = astronaut.copy()
    painter.draw(crop, frame, points)
    return crop


def test_closed_lips_stay_as_they_are(painter: MouthPainter, mesh: DrivenMesh, astronaut: np.ndarray) -> None:
    frame, points = drive(mesh, jawOpen=0.1)
    points[list(LOWER_INNER_LIP)] = points[list(UPPER_INNER_LIP)]
    np.testing.assert_array_equal(painted(painter, astronaut, frame, points), astronaut)


def test_only_the_opening_is_painted(painter: MouthPainter, mesh: DrivenMesh, astronaut: np.ndarray) -> None:
    frame, points = drive(mesh, jawOpen=0.5)
    crop = painted(painter, astronaut, frame, points)
    changed = (crop != astronaut).any(2)
    assert not changed[~polygon_mask((320, 320), points[list(INNER_LIPS)], 3)].any()
    inner = polygon_mask((320, 320), points[list(INNER_LIPS)], -2)
    assert changed[inner].mean() > 0.95


def test_teeth_above_and_a_darker_throat(painter: MouthPainter, mesh: DrivenMesh, astronaut: np.ndarray) -> None:
    frame, points = drive(mesh, jawOpen=0.6)
    crop = painted(painter, astronaut, frame, points)
    x = int(points[13, 0])
    column = crop[int(points[13, 1]) : int(points[14, 1]), x - 3 : x + 4].mean(1) @ LIGHT
    third = len(column) // 3
    assert column[:third].max() > 1.5 * column[third : 2 * third].min()


def test_hardly_open_lips_show_no_bright_slices(painter: MouthPainter, mesh: DrivenMesh, astronaut: np.ndarray) -> None:
    frame, points = drive(mesh, jawOpen=0.03)
    crop = painted(painter, astronaut, frame, points)
    changed = (crop != astronaut).any(2)
    lips = astronaut[polygon_mask((320, 320), points[list(INNER_LIPS)], 4)] @ LIGHT
    assert not changed.any() or (crop[changed] @ LIGHT).max() < np.quantile(lips, 0.95)


def test_the_photos_own_teeth_come_back(
    painter: MouthPainter, mesh: DrivenMesh, astronaut: np.ndarray, astronaut_fit: PhotoFit
) -> None:
    points = astronaut_fit.detection.landmarks_px
    crop = painted(painter, astronaut, mesh.undriven(), points)
    inner = polygon_mask((320, 320), points[list(INNER_LIPS)], -2)
    bright = inner & (astronaut @ LIGHT > 150)
    assert bright.sum() > 30
    assert np.abs(crop[bright].astype(float) - astronaut[bright]).mean() < 25


def test_a_mouth_outside_the_picture(painter: MouthPainter, mesh: DrivenMesh, astronaut: np.ndarray) -> None:
    frame, points = drive(mesh, jawOpen=0.5)
    np.testing.assert_array_equal(painted(painter, astronaut, frame, points + np.float32(2000)), astronaut)


def test_small_motion_makes_small_changes(painter: MouthPainter, mesh: DrivenMesh, astronaut: np.ndarray) -> None:
    pictures = [painted(painter, astronaut, *drive(mesh, jawOpen=0.4 + 0.005 * i)).astype(float) for i in range(6)]
    inner = polygon_mask((320, 320), drive(mesh, jawOpen=0.4)[1][list(INNER_LIPS)], -3)
    steps = [np.abs(b - a)[inner].mean() for a, b in itertools.pairwise(pictures)]
    assert max(steps) < 8
