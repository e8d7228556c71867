"""Eyeball rotation from the iris points: the ray through the iris centre meets the eyeball."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.camera import HEAD_TO_CAMERA_DIAGONAL, Camera, axis_angle_to_matrix
from face3d.model.landmark_sets import LEFT_IRIS, RIGHT_IRIS
from face3d.model.morphable_model import MorphableModel

LEFT_IRIS_CENTER, RIGHT_IRIS_CENTER = LEFT_IRIS[0], RIGHT_IRIS[0]
LARGEST_GAZE = 0.7  # rad
LARGEST_VERGENCE = 0.2  # rad, at something 30 cm away


def eye_rotation_from_iris(
    model: MorphableModel,
    identity: Tensor,  # [K]
    rotation: Tensor,  # [..., 3] rad
    translation: Tensor,  # [..., 3] mm
    camera: Camera,
    landmarks_px: NDArray[np.float32],  # [..., 478, 2]
) -> Tensor:  # [..., 2, 2] (pitch, yaw) of the left, then the right eye, rad
    """Turn each eyeball so that the pole of its iris projects onto the detected iris centre."""
    neutral = model.neutral(identity)
    centers = model.eye_centers(neutral)
    poles = model.landmarks478.of(neutral)[[LEFT_IRIS_CENTER, RIGHT_IRIS_CENTER]]
    from_head = rotation.new_tensor(HEAD_TO_CAMERA_DIAGONAL)[:, None] * axis_angle_to_matrix(rotation)
    eye = -(translation[..., None, :] @ from_head).squeeze(-2)  # the camera's position in the head frame
    result = []
    for side, index in enumerate((LEFT_IRIS_CENTER, RIGHT_IRIS_CENTER)):
        iris = torch.tensor(landmarks_px[..., index, :], dtype=rotation.dtype)
        flat = (iris - rotation.new_tensor(camera.principal_point_px)) / camera.focal_px
        ray = torch.cat([flat, torch.ones_like(flat[..., :1])], -1)
        ray = torch.nn.functional.normalize((ray[..., None, :] @ from_head).squeeze(-2), dim=-1)
        # The identity may tilt the pole a little off +z: measure the turn from the pole at rest.
        rest = poles[side] - centers[side]
        look = _meet_sphere(eye, ray, centers[side], rest.norm()) - centers[side]
        result.append(_pitch_yaw(look) - _pitch_yaw(rest))
    return torch.stack(result, -2).clamp(-LARGEST_GAZE, LARGEST_GAZE)


def conjugate(eyes: Tensor) -> Tensor:  # [..., 2, 2] rad -> [..., 2, 2] rad
    """The nearest rotations of a pair of healthy eyes: they share their pitch and never diverge.

    Irises are detected to about a degree, and the eyeballs' places in the head are known no better than the identity.
    """
    pitch = eyes[..., 0].mean(-1, keepdim=True).expand_as(eyes[..., 0])
    left, right = eyes[..., 0, 1], eyes[..., 1, 1]
    middle, apart = (left + right) / 2, (left - right).clamp(-LARGEST_VERGENCE, 0)
    return torch.stack([pitch, torch.stack([middle + apart / 2, middle - apart / 2], -1)], -1)


def _meet_sphere(origin: Tensor, ray: Tensor, center: Tensor, radius: Tensor) -> Tensor:
    """The first point of each ray [..., 3] on the sphere, or the sphere's point nearest to a ray that misses it."""
    along = ((center - origin) * ray).sum(-1, keepdim=True)
    offset = origin + along * ray - center
    square = radius**2 - (offset * offset).sum(-1, keepdim=True)
    met = origin + (along - square.clamp_min(0).sqrt()) * ray
    missed = center + torch.nn.functional.normalize(offset, dim=-1) * radius
    return torch.where(square > 0, met, missed)


def _pitch_yaw(direction: Tensor) -> Tensor:  # [..., 3] -> [..., 2]
    """(pitch, yaw) with `direction` = Ry(yaw) Rx(pitch) z."""
    x, y, z = torch.nn.functional.normalize(direction, dim=-1).unbind(-1)
    return torch.stack([-torch.asin(y.clamp(-1, 1)), torch.atan2(x, z)], -1)
