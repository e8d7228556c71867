"""Motion of an exported head: what its nodes do, and its expressions as sums of displacements."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.arkit import ARKIT_NAMES
from face3d.camera import HEAD_TO_CAMERA_DIAGONAL
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.parameters import FaceParameters

METRES = 1e-3


def head_motion(parameters: FaceParameters) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The head node's translation [T, 3] in metres and rotation [T, 4], a quaternion (x, y, z, w)."""
    translation = parameters.translation * parameters.translation.new_tensor(HEAD_TO_CAMERA_DIAGONAL) * METRES
    return translation.numpy().astype("<f4"), _quaternions(parameters.rotation).numpy().astype("<f4")


def eye_quaternions(eye_rotation: Tensor) -> NDArray[np.float32]:  # [T, 2, 2] rad -> [T, 2, 4]
    """Quaternions (x, y, z, w) of yaw after pitch."""
    half = eye_rotation.double() / 2
    (sp, sy), (cp, cy) = half.sin().unbind(-1), half.cos().unbind(-1)
    return torch.stack([cy * sp, sy * cp, -sy * sp, cy * cp], -1).numpy().astype("<f4")


def morph_targets(model: MorphableModel, neutral: Tensor) -> Tensor:  # [V, 3] mm -> [52, V, 3] mm
    """What each ARKit weight adds: the model's shapes, and for the rigid jaw the straight line nearest to its path."""
    targets = model.expression_basis.clone()
    jaw = model.part_vertices(Part.LOWER_TEETH, Part.TONGUE)
    moving = ((model.jaw_rotation.abs() + model.jaw_translation.abs()).sum(1) > 0).nonzero()[:, 0]
    if not len(jaw):
        return targets
    # The d that makes the integral over w of |w d - motion(w)|^2 smallest is 3 times the integral of w motion(w).
    points, shares = np.polynomial.legendre.leggauss(8)
    zero = torch.zeros(0, dtype=neutral.dtype)
    person = model.with_residual(neutral - model.mean)
    targets[moving[:, None], jaw] = 0
    for point, share in zip((points + 1) / 2, shares / 2, strict=True):
        weights = torch.zeros(len(moving), len(ARKIT_NAMES), dtype=neutral.dtype)
        weights[torch.arange(len(moving)), moving] = float(point)
        motion = (person.vertices(zero, weights) - neutral)[:, jaw]
        targets[moving[:, None], jaw] += 3 * float(share * point) * motion
    return targets


def _quaternions(rotation: Tensor) -> Tensor:  # [T, 3] rad -> [T, 4] (x, y, z, w), without jumps of sign
    angle = rotation.double().norm(dim=-1, keepdim=True)
    vector = rotation.double() * 0.5 * torch.sinc(angle / (2 * math.pi))
    quaternions = torch.cat([vector, (angle / 2).cos()], -1)
    flips = (quaternions[1:] * quaternions[:-1]).sum(-1) < 0
    signs = torch.cat([torch.ones(1), 1 - 2 * flips.double()]).cumprod(0)
    return quaternions * signs[:, None]
