"""The posed head without torch, against the model and the camera."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from face3d.camera import Camera, axis_angle_to_matrix, head_to_camera
from face3d.model.morphable_model import MorphableModel
from renderers.head.posed_head import PosedHead, place, rotation_matrix, weighted_sum


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_rotations_are_those_of_the_camera_module(generator: torch.Generator) -> None:
    for scale in (0.0, 1e-7, 1e-3, 1.0):
        rotation = scale * torch.randn(3, generator=generator, dtype=torch.float64)
        np.testing.assert_allclose(
            rotation_matrix(rotation.numpy()), axis_angle_to_matrix(rotation).numpy(), atol=1e-9 * max(scale, 1e-3)
        )


def test_vertices_are_the_models(model: MorphableModel, generator: torch.Generator) -> None:
    """To a hundred thousandth of a millimetre or so: sums are taken in another order."""
    identity = torch.randn(model.identity_size, generator=generator)
    head = PosedHead(model, identity)
    for _ in range(3):
        expression = torch.rand(52, generator=generator) * (torch.rand(52, generator=generator) < 0.5)
        eyes = 0.3 * torch.randn(2, 2, generator=generator)
        expected = model.vertices(identity, expression, eyes).numpy()
        np.testing.assert_allclose(head.vertices(expression.numpy(), eyes.numpy()), expected, atol=1e-4)
    at_rest = head.vertices(np.zeros(52, np.float32), np.zeros((2, 2), np.float32))
    np.testing.assert_allclose(at_rest, model.neutral(identity).numpy(), atol=1e-5)


def test_a_face_that_is_posed_leaves_the_next_alone(model: MorphableModel) -> None:
    head, ahead = PosedHead(model, torch.zeros(model.identity_size)), np.zeros((2, 2), np.float32)
    before = head.vertices(np.zeros(52, np.float32), ahead)
    head.vertices(np.ones(52, np.float32), ahead + 0.2)
    np.testing.assert_array_equal(head.vertices(np.zeros(52, np.float32), ahead), before)


def test_weighted_sum() -> None:
    rng = np.random.default_rng(0)
    start, fields = rng.standard_normal((3001, 2)).astype(np.float32), rng.standard_normal((5, 3001, 2))
    weights = np.array([0.5, 0.0, -2.0, 1.0, 0.25])
    expected = start + np.tensordot(weights, fields, 1)
    np.testing.assert_allclose(weighted_sum(start, fields.astype(np.float32), weights), expected, atol=1e-5)


def test_place_is_the_cameras(generator: torch.Generator) -> None:
    head, offset = 80 * torch.randn(50, 3, generator=generator), torch.randn(50, 2, generator=generator)
    rotation, translation = torch.tensor([0.1, -0.3, 0.05]), torch.tensor([20.0, -10.0, 700.0])
    relative = axis_angle_to_matrix(torch.tensor([0.0, 0.2, 0.1]))
    camera = Camera(900.0, (300.0, 250.0), (640, 480))
    expected = head_to_camera(head, rotation, translation) + offset @ relative[:, :2].T
    matrix = np.diag([1.0, -1, -1]) @ rotation_matrix(rotation.numpy())
    placed, pixels = place(
        head.numpy(), offset.numpy(), matrix, translation.numpy(), relative.numpy(), (900.0, 300.0, 250.0)
    )
    np.testing.assert_allclose(placed, expected.numpy(), atol=2e-4)
    np.testing.assert_allclose(pixels[:, :2], camera.project(expected).numpy(), atol=1e-3)
    np.testing.assert_array_equal(pixels[:, 2], placed[:, 2])
