"""The landmarks of a moving person, against the whole mesh."""

from __future__ import annotations

import numpy as np
import torch

from face3d.camera import Camera, head_to_camera
from face3d.model.landmark_motion import LandmarkMotion
from face3d.model.morphable_model import MorphableModel
from face3d.parameters import FaceParameters

COUNT = 5


def make_parameters(model: MorphableModel) -> FaceParameters:
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    return FaceParameters(
        identity=0.5 * normal(model.identity_size),
        expression=torch.rand((COUNT, 52), generator=generator),
        rotation=0.3 * normal(COUNT, 3),
        translation=torch.tensor([10.0, -20.0, 800.0]) + 10 * normal(COUNT, 3),
        eye_rotation=0.3 * normal(COUNT, 2, 2),
        confidence=torch.ones(COUNT),
        fps=25.0,
        camera=Camera(1200.0, (320.0, 240.0), (640, 480)),
    )


def test_points_are_those_of_the_mesh(model: MorphableModel) -> None:
    p = make_parameters(model)
    points = LandmarkMotion.of(model, p.identity).points(p.expression, p.eye_rotation)
    expected = model.landmarks478.of(model.vertices(p.identity, p.expression, p.eye_rotation))
    assert points.shape == (COUNT, 478, 3)
    torch.testing.assert_close(points, expected, atol=2e-3, rtol=0)


def test_the_neutral_face_is_not_changed(model: MorphableModel) -> None:
    """Frames are copies: turning the eyes of one leaves the person alone."""
    p = make_parameters(model)
    motion = LandmarkMotion.of(model, p.identity)
    before = motion.neutral.clone()
    motion.points(p.expression, p.eye_rotation)
    assert (motion.neutral == before).all()


def test_projects_the_chosen_frames(model: MorphableModel) -> None:
    p = make_parameters(model)
    index = np.array([3, 0])
    pixels = LandmarkMotion.of(model, p.identity).project(p, index)
    expected = model.landmarks478.of(model.vertices(p.identity, p.expression, p.eye_rotation))
    expected = p.camera.project(head_to_camera(expected, p.rotation, p.translation))[index]
    assert pixels.shape == (2, 478, 2)
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, expected, atol=5e-3)
