"""Eyeball rotation from the iris points."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from face3d.camera import Camera, head_to_camera
from face3d.fit.gaze import LARGEST_GAZE, LEFT_IRIS_CENTER, RIGHT_IRIS_CENTER, conjugate, eye_rotation_from_iris
from face3d.model.morphable_model import MorphableModel

CAMERA = Camera(1400.0, (310.0, 255.0), (640, 480))
TRANSLATION = torch.tensor([40.0, -30.0, 800.0])


def see(
    model: MorphableModel, identity: torch.Tensor, rotation: torch.Tensor, eyes: torch.Tensor | None
) -> np.ndarray:  # [478, 2] px
    vertices = model.vertices(identity, torch.zeros(52), eyes)
    return CAMERA.project(head_to_camera(model.landmarks478.of(vertices), rotation, TRANSLATION)).numpy()


@pytest.mark.parametrize("seed", range(6))
def test_recovers_known_rotations(model: MorphableModel, seed: int) -> None:
    """Of different people, head poses and two eyes that look in different directions."""
    generator = torch.Generator().manual_seed(seed)
    identity = torch.randn(model.identity_size, generator=generator)
    rotation = 0.25 * torch.randn(3, generator=generator)
    eyes = torch.rand(2, 2, generator=generator) - 0.5
    found = eye_rotation_from_iris(model, identity, rotation, TRANSLATION, CAMERA, see(model, identity, rotation, eyes))
    torch.testing.assert_close(found, eyes, rtol=0, atol=math.radians(1.5))


def test_eyes_at_rest(model: MorphableModel) -> None:
    identity, rotation = torch.zeros(5), torch.tensor([0.1, -0.2, 0.05])
    found = eye_rotation_from_iris(model, identity, rotation, TRANSLATION, CAMERA, see(model, identity, rotation, None))
    assert found.shape == (2, 2)
    assert found.abs().max() < 2e-3


@pytest.mark.parametrize(
    ("shift", "index", "sign"), [((4, 0), 1, 1), ((-4, 0), 1, -1), ((0, 4), 0, 1), ((0, -4), 0, -1)]
)
def test_signs_in_the_picture(model: MorphableModel, shift: tuple[int, int], index: int, sign: int) -> None:
    """An iris to the picture's right looks to the subject's left (+yaw), one farther down looks down (+pitch)."""
    identity, rotation = torch.zeros(1), torch.zeros(3)
    points = see(model, identity, rotation, None)
    points[[LEFT_IRIS_CENTER, RIGHT_IRIS_CENTER]] += shift
    found = eye_rotation_from_iris(model, identity, rotation, TRANSLATION, CAMERA, points)
    assert (found[:, index] * sign > 0.1).all()
    assert (found[:, 1 - index].abs() < 0.02).all()


def test_impossible_positions_give_the_largest_rotation(model: MorphableModel) -> None:
    """An iris outside the eyeball's outline (a false detection) neither fails nor turns the eye inside out."""
    identity, rotation = torch.zeros(1), torch.zeros(3)
    points = see(model, identity, rotation, None)
    points[LEFT_IRIS_CENTER] += (200, 0)
    points[RIGHT_IRIS_CENTER] += (0, -200)
    found = eye_rotation_from_iris(model, identity, rotation, TRANSLATION, CAMERA, points)
    assert found[0, 1] == LARGEST_GAZE
    assert found[1, 0] == -LARGEST_GAZE
    assert found.abs().max() <= LARGEST_GAZE


def test_the_turned_pole_projects_onto_the_iris(model: MorphableModel) -> None:
    """The definition, checked with shifted points that no rotation of ours made."""
    identity = 0.5 * torch.randn(model.identity_size, generator=torch.Generator().manual_seed(3))
    rotation = torch.tensor([0.05, 0.15, -0.1])
    points = see(model, identity, rotation, None)
    points[[LEFT_IRIS_CENTER, RIGHT_IRIS_CENTER]] += ((5.0, -2.5), (-3.0, 3.5))
    eyes = eye_rotation_from_iris(model, identity, rotation, TRANSLATION, CAMERA, points)
    again = see(model, identity, rotation, eyes)
    for iris in (LEFT_IRIS_CENTER, RIGHT_IRIS_CENTER):
        assert np.linalg.norm(again[iris] - points[iris]) < 0.6  # of a shift of about 5 px


def test_eyes_move_together() -> None:
    """Pitch is shared, eyes that seem to look apart are made parallel, converging ones are left as they are."""
    apart = torch.tensor([[0.10, 0.05], [0.00, -0.05]])
    torch.testing.assert_close(conjugate(apart), torch.tensor([[0.05, 0.0], [0.05, 0.0]]))
    near = torch.tensor([[[-0.1, 0.0], [-0.1, 0.1]]])
    torch.testing.assert_close(conjugate(near), near)
