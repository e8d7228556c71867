"""The 478 landmarks of a moving person without moving the whole mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.camera import Camera, head_to_camera
from face3d.model.landmark_sets import LEFT_IRIS, RIGHT_IRIS
from face3d.model.morphable_model import MorphableModel, eye_matrices
from face3d.parameters import FaceParameters


@dataclass(frozen=True, eq=False)
class LandmarkMotion:
    """A person's landmarks.

    Attributes:
        neutral: [478, 3] mm at rest; expression: [52, 478 * 3] mm at weight 1.
        eye_centers: [2, 3] mm, left then right.
    """

    neutral: Tensor
    expression: Tensor
    eye_centers: Tensor

    @classmethod
    def of(cls, model: MorphableModel, identity: Tensor) -> LandmarkMotion:  # [K]
        """The landmarks of this identity."""
        neutral = model.neutral(identity)
        expression = model.landmarks478.of(model.expression_basis).reshape(52, -1)
        return cls(model.landmarks478.of(neutral), expression, model.eye_centers(neutral))

    def points(self, expression: Tensor, eye_rotation: Tensor) -> Tensor:  # [B, 52], [B, 2, 2] -> [B, 478, 3] mm
        """In the head frame, as `model.landmarks478.of(model.vertices(...))`."""
        moved = self.neutral + (expression @ self.expression).reshape(len(expression), -1, 3)
        matrix = eye_matrices(eye_rotation)
        for side, iris in enumerate((LEFT_IRIS, RIGHT_IRIS)):
            index, center = list(iris), self.eye_centers[side]
            moved[:, index] = (moved[:, index] - center) @ matrix[:, side].transpose(-1, -2) + center
        return moved

    def project(self, parameters: FaceParameters, index: NDArray[np.intp]) -> NDArray[np.float32]:  # [B, 478, 2] px
        """The landmarks of frames `index` in the picture."""
        at = torch.from_numpy(index)
        pose = parameters.rotation[at], parameters.translation[at]
        return self.pixels(parameters.expression[at], parameters.eye_rotation[at], pose, parameters.camera).numpy()

    def pixels(
        self, expression: Tensor, eye_rotation: Tensor, pose: tuple[Tensor, Tensor], camera: Camera
    ) -> Tensor:  # [B, 52], [B, 2, 2], ([B, 3], [B, 3]) -> [B, 478, 2] px
        """The landmarks in the picture of heads at (rotation, translation)."""
        return camera.project(head_to_camera(self.points(expression, eye_rotation), *pose))
