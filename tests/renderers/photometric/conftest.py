"""A face of known shape in known light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.camera import Camera, head_to_camera
from face3d.model.morphable_model import MorphableModel
from face3d.parameters import FaceParameters
from renderers.photometric import Photo, RefineOptions, Refiner
from renderers.photometric.colour import to_srgb
from renderers.raster.rasterizer import get_rasterizer
from tests.renderers.photometric.brightness import render_brightness

CAMERA = Camera(520.0, (96.0, 96.0), (192, 192))
# A lamp at the upper left in even light.
LIGHT = torch.tensor([2.2, -0.7, -1.0, -0.6, 0.1, 0.1, 0.0, 0.1, 0.0])
OPTIONS = RefineOptions(levels=((96, 2), (192, 1)), residual_modes=40, albedo_modes=40, tone=1.0, texture_size=128)


@dataclass(frozen=True)
class Sitter:
    """A photo, its true parameters and the landmarks that a perfect detector would find."""

    image: NDArray[np.uint8]
    truth: FaceParameters
    landmarks_px: NDArray[np.float32]

    def photo(self, **changes: Tensor) -> Photo:
        """With a start that differs from the truth."""
        return Photo(self.image, replace(self.truth, shape_residual=None, **changes), self.landmarks_px)


def sit(model: MorphableModel, rotation: tuple[float, float, float] = (0.05, 0.2, 0.0), seed: int = 0) -> Sitter:
    """Render somebody: a random identity and a smooth albedo."""
    generator = torch.Generator().manual_seed(seed)
    truth = FaceParameters(
        identity=0.7 * torch.randn(model.identity_size, generator=generator),
        expression=torch.zeros(1, 52),
        rotation=torch.tensor([rotation]),
        translation=torch.tensor([[0.0, 10.0, 700.0]]),
        eye_rotation=torch.zeros(1, 2, 2),
        confidence=torch.ones(1),
        fps=25.0,
        camera=CAMERA,
    )
    head = model.vertices(truth.identity, truth.expression[0])
    points = head_to_camera(head, truth.rotation[0], truth.translation[0])
    albedo = -0.9 + 0.1 * torch.sin(model.mean[:, 1] / 25)
    brightness, _ = render_brightness(get_rasterizer(), points, model.triangles, CAMERA, albedo, LIGHT)
    landmarks = CAMERA.project(model.landmarks478.of(points)).numpy()
    tint = np.array([1.1, 1.0, 0.9])
    return Sitter(to_srgb(brightness.numpy()[..., None] * tint), truth, landmarks)


@pytest.fixture(scope="session")
def refiner(model: MorphableModel) -> Refiner:
    return Refiner(OPTIONS, model)


@pytest.fixture(scope="session")
def sitter(model: MorphableModel) -> Sitter:
    return sit(model)
