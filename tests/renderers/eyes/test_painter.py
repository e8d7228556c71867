"""Eyes painted into frames of the driven astronaut."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.camera import axis_angle_to_matrix
from face3d.fit.photo_fit import PhotoFit
from face3d.model.landmark_sets import LEFT_EYE, RIGHT_EYE
from face3d.model.morphable_model import MorphableModel
from renderers.eyes.opening import EYES
from renderers.eyes.painter import EyePainter, rotation_between
from renderers.head.driven_mesh import DrivenFrame, DrivenMesh
from renderers.photo.layers import build_layers, polygon_mask

LIGHT = np.array([0.2126, 0.7152, 0.0722])


@pytest.fixture(scope="module")
def mesh(model: MorphableModel, astronaut_fit: PhotoFit) -> DrivenMesh:
    return DrivenMesh(model, astronaut_fit.parameters, astronaut_fit.detection.landmarks_px)


@pytest.fixture(scope="module")
def painter(astronaut: np.ndarray, astronaut_fit: PhotoFit, mesh: DrivenMesh) -> EyePainter:
    skin = build_layers(astronaut, astronaut_fit.detection.landmarks_px).skin
    return EyePainter(astronaut, skin, mesh, np.zeros(2, np.float32))


def landmarks_of(model: MorphableModel, frame: DrivenFrame) -> np.ndarray:
    return model.landmarks478.of(torch.from_numpy(frame.pixels[:, :2])).numpy()


def painted(
    painter: EyePainter, mesh: DrivenMesh, gaze: tuple[float, float] = (0, 0), **weights: float
) -> tuple[np.ndarray, np.ndarray]:
    """The bare skin of the photo with the eyes of a frame on it (the skin itself does not move), and the landmarks."""
    expression = mesh.expression.clone()
    for name, value in weights.items():
        expression[ARKIT_INDEX[name]] = value
    frame = mesh.drive(expression, torch.zeros(3), torch.tensor([gaze, gaze]))
    points = landmarks_of(mesh.model, frame)
    crop = painter.skin.copy()
    painter.draw(crop, frame, points)
    return crop, points


def test_undriven_eyes_are_the_photo(painter: EyePainter, mesh: DrivenMesh, astronaut: np.ndarray) -> None:
    crop, points = painted(painter, mesh)
    for ring in (LEFT_EYE, RIGHT_EYE):
        around = polygon_mask((320, 320), points[list(ring)], 5)
        assert np.abs(crop[around].astype(int) - astronaut[around]).max() <= 3


def test_a_blink_leaves_no_eye_to_see(painter: EyePainter, mesh: DrivenMesh) -> None:
    """Shut eyes look the same whatever is behind the lids."""
    ahead, _ = painted(painter, mesh, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    aside, _ = painted(painter, mesh, (0.2, 0.5), eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    np.testing.assert_array_equal(ahead, aside)


def test_a_closing_lid_is_not_cut_off(painter: EyePainter, mesh: DrivenMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    shut, _ = painted(painter, mesh, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    monkeypatch.setattr("renderers.eyes.painter.UP_DOWN", 40.0)
    larger, _ = painted(painter, mesh, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    np.testing.assert_array_equal(shut, larger)


def test_each_eye_closes_alone(painter: EyePainter, mesh: DrivenMesh) -> None:
    still, points = painted(painter, mesh)
    wink, _ = painted(painter, mesh, eyeBlinkLeft=1.0)
    left, right = (polygon_mask((320, 320), points[list(ring)]) for ring in (LEFT_EYE, RIGHT_EYE))
    assert np.abs(wink[left].astype(int) - still[left]).mean() > 20
    assert np.abs(wink[right].astype(int) - still[right]).max() <= 4


def test_lashes_go_with_the_lid(painter: EyePainter, mesh: DrivenMesh) -> None:
    for blink in (0.5, 1.0):
        crop, points = painted(painter, mesh, eyeBlinkLeft=blink)
        x, y = np.floor(points[EYES[0][2][3]]).astype(int)
        column = crop[y - 8 : y + 3, x] @ LIGHT
        assert column[-5:].min() < column[:3].mean() - 15


@pytest.mark.parametrize("yaw", [-0.3, 0.3])
def test_the_iris_moves_farther_than_its_catch_light(painter: EyePainter, yaw: float) -> None:
    eye = painter.state.eyes[0]
    turn = axis_angle_to_matrix(torch.tensor([0.0, yaw, 0.0])).numpy()
    iris = (turn @ eye.ball.iris - eye.ball.iris)[:2] * eye.ball.sphere.radius
    assert abs(iris[0]) > 2
    assert painter.glint_shift(eye.ball, turn, eye.ball.sphere.radius) == pytest.approx(iris / 2, abs=1e-3)


def test_looking_aside_moves_the_dark(painter: EyePainter, mesh: DrivenMesh) -> None:
    """Positive yaw looks to the subject's left, the picture's right."""
    places = []
    for yaw in (-0.3, 0.0, 0.3):
        crop, points = painted(painter, mesh, (0, yaw))
        mask = polygon_mask((320, 320), points[list(LEFT_EYE)], -1)
        columns = np.nonzero(mask)[1]
        dark = np.maximum(110 - crop[mask] @ LIGHT, 0)
        places.append((columns * dark).sum() / dark.sum())
    assert places[0] + 1 < places[1] < places[2] - 1


@pytest.mark.parametrize("shift", [-200.0, 170.0, 5000.0])
def test_eyes_outside_the_crop(astronaut: np.ndarray, mesh: DrivenMesh, shift: float) -> None:
    origin = np.array([shift, 0], np.float32)
    painter = EyePainter(astronaut, astronaut, mesh, origin)
    frame = mesh.drive(mesh.expression, torch.tensor([0.0, 0.2, 0.0]), torch.full((2, 2), 0.2))
    crop = astronaut.copy()
    painter.draw(crop, frame, landmarks_of(mesh.model, frame) - origin)
    assert crop.shape == astronaut.shape


def test_rotations_are_recovered() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(40, 3)).astype(np.float32)
    turn = axis_angle_to_matrix(torch.tensor([0.3, -0.4, 0.1])).numpy()
    np.testing.assert_allclose(rotation_between(points, points @ turn.T + [5, 6, 7]), turn, atol=1e-5)
