"""Eyeball rotation from the iris points: the ray through the iris centre meets the eyeball."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.camera import HEAD_TO_CAMERA_DIAGONAL, Camera, axis_angle_to_matrix
from face3d.landmark_sets import LEFT_IRIS, RIGHT_IRIS
from face3d.morphable_model import MorphableModel

LEFT_IRIS_CENTER, RIGHT_IRIS_CENTER = LEFT_IRIS[0], RIGHT_IRIS[0]
LARGEST_GAZE = 0.7  # rad


def eye_rotation_from_iris(
    model: MorphableModel,
    identity: Tensor,  # [K]
    rotation: Tensor,  # [3] rad
    translation: Tensor,  # [3] mm
    camera: Camera,
    landmarks_px: NDArray[np.float32],  # [478, 2]
) -> Tensor:  # [2, 2] (pitch, yaw) of the left, then the right eye, rad
    """Turn each eyeball so that the pole of its iris projects onto the detected iris centre."""
    neutral = model.neutral(identity)
    centers = model.eye_centers(neutral)
    poles = model.landmarks478.of(neutral)[[LEFT_IRIS_CENTER, RIGHT_IRIS_CENTER]]
    to_head = axis_angle_to_matrix(rotation).T * torch.tensor(HEAD_TO_CAMERA_DIAGONAL)
    eye = to_head @ -translation  # the camera's position in the head frame
    result = []
    for side, index in enumerate((LEFT_IRIS_CENTER, RIGHT_IRIS_CENTER)):
        x, y = (landmarks_px[index] - np.asarray(camera.principal_point_px)) / camera.focal_px
        ray = to_head @ torch.tensor([float(x), float(y), 1.0])
        ray = ray / ray.norm()
        # The identity may tilt the pole a little off +z: measure the turn from the pole at rest.
        rest = poles[side] - centers[side]
        look = _meet_sphere(eye, ray, centers[side], rest.norm()) - centers[side]
        result.append(_pitch_yaw(look) - _pitch_yaw(rest))
    return torch.stack(result).clamp(-LARGEST_GAZE, LARGEST_GAZE)


def _meet_sphere(origin: Tensor, ray: Tensor, center: Tensor, radius: Tensor) -> Tensor:
    """The first point of the ray on the sphere, or the sphere's point nearest to a ray that misses it."""
    along = ((center - origin) * ray).sum()
    offset = origin + along * ray - center
    square = radius**2 - (offset * offset).sum()
    if square <= 0:
        return center + offset * (radius / offset.norm())
    return origin + (along - square.sqrt()) * ray


def _pitch_yaw(direction: Tensor) -> Tensor:
    """(pitch, yaw) with `direction` = Ry(yaw) Rx(pitch) z."""
    x, y, z = direction / direction.norm()
    return torch.stack([-torch.asin(y.clamp(-1, 1)), torch.atan2(x, z)])
