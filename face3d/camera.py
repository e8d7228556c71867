"""Cameras and frames.

Head frame: millimetres, right-handed, +x to the subject's left, +y up, +z out of the face, origin midway between the
eyeballs of the mean face. Camera frame: OpenCV (+x right, +y down, +z forward), millimetres. Pixels: the centre of the
top-left pixel is (0.5, 0.5).

A head pose is `rotation` (axis-angle, relative to looking straight into the camera) and `translation`:

    x_camera = F R(rotation) x_head + translation,   F = diag(1, -1, -1)

so `rotation = 0` is a frontal face and poses stay far from the axis-angle's singularity at pi.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

HEAD_TO_CAMERA_DIAGONAL = (1.0, -1.0, -1.0)
# The head turns about the top of the neck, in the head frame, mm.
NECK_PIVOT = (0.0, -95.0, -70.0)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion.

    Attributes:
        focal_px: focal length in pixels, the same along x and y, > 0.
        principal_point_px: (x, y) in pixels, pixel centres at half-integers.
        image_size: (width, height) in pixels.
    """

    focal_px: float
    principal_point_px: tuple[float, float]
    image_size: tuple[int, int]

    def __post_init__(self) -> None:
        numbers = (self.focal_px, *self.principal_point_px)
        if not all(math.isfinite(n) for n in numbers) or self.focal_px <= 0:
            raise ValueError(f"Camera needs a finite principal point and focal_px > 0, got {self}")
        if min(self.image_size) < 1:
            raise ValueError(f"Camera.image_size must be positive, got {self.image_size}")

    def project(self, points: Tensor) -> Tensor:  # [..., 3] mm, camera frame -> [..., 2] px
        """Perspective projection of points in front of the camera (z > 0)."""
        principal = points.new_tensor(self.principal_point_px)
        return points[..., :2] / points[..., 2:] * self.focal_px + principal

    def scaled(self, factor: float) -> Camera:
        """The camera of the same picture resized by `factor` (sizes are rounded to whole pixels)."""
        x, y = self.principal_point_px
        width, height = self.image_size
        return Camera(
            self.focal_px * factor,
            (x * factor, y * factor),
            (max(1, round(width * factor)), max(1, round(height * factor))),
        )

    def cropped(self, left: int, top: int, width: int, height: int) -> Camera:
        """The camera of the crop whose top-left pixel is (`left`, `top`)."""
        x, y = self.principal_point_px
        return Camera(self.focal_px, (x - left, y - top), (width, height))


def axis_angle_to_matrix(rotation: Tensor) -> Tensor:  # [..., 3] rad -> [..., 3, 3]
    """Rodrigues' formula, smooth (values and gradients) through zero."""
    square = (rotation * rotation).sum(-1)[..., None, None]
    small = square < 1e-6
    safe = torch.where(small, torch.ones_like(square), square)
    angle = safe.sqrt()
    a = torch.where(small, 1 - square / 6, angle.sin() / angle)
    b = torch.where(small, 0.5 - square / 24, (1 - angle.cos()) / safe)
    x, y, z = rotation.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*rotation.shape[:-1], 3, 3)
    eye = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    return eye + a * skew + b * (skew @ skew)


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:  # [..., 3, 3] -> [..., 3] rad, length 0..pi
    """The inverse of :func:`axis_angle_to_matrix`, through the quaternion (stable at 0 and at pi)."""
    m = matrix
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    diagonal = torch.stack([m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]], -1)
    # Four equivalent formulas for the quaternion (w, x, y, z); take the one with the largest divisor.
    squares = torch.cat([1 + trace[..., None], 1 + 2 * diagonal - trace[..., None]], -1)
    candidates = torch.stack(
        [
            torch.stack(
                [
                    squares[..., 0],
                    m[..., 2, 1] - m[..., 1, 2],
                    m[..., 0, 2] - m[..., 2, 0],
                    m[..., 1, 0] - m[..., 0, 1],
                ],
                -1,
            ),
            torch.stack(
                [
                    m[..., 2, 1] - m[..., 1, 2],
                    squares[..., 1],
                    m[..., 0, 1] + m[..., 1, 0],
                    m[..., 0, 2] + m[..., 2, 0],
                ],
                -1,
            ),
            torch.stack(
                [
                    m[..., 0, 2] - m[..., 2, 0],
                    m[..., 0, 1] + m[..., 1, 0],
                    squares[..., 2],
                    m[..., 1, 2] + m[..., 2, 1],
                ],
                -1,
            ),
            torch.stack(
                [
                    m[..., 1, 0] - m[..., 0, 1],
                    m[..., 0, 2] + m[..., 2, 0],
                    m[..., 1, 2] + m[..., 2, 1],
                    squares[..., 3],
                ],
                -1,
            ),
        ],
        -2,
    )
    best = squares.argmax(-1)[..., None, None].expand(*squares.shape[:-1], 1, 4)
    quaternion = torch.nn.functional.normalize(candidates.gather(-2, best).squeeze(-2), dim=-1)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    w, vector = quaternion[..., :1], quaternion[..., 1:]
    length = vector.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(length, w)
    return torch.where(length > 1e-12, vector * angle / length.clamp_min(1e-12), 2 * vector)


def head_to_camera(
    points: Tensor,  # [..., V, 3] mm, head frame
    rotation: Tensor,  # [..., 3] axis-angle, rad
    translation: Tensor,  # [..., 3] mm
) -> Tensor:  # [..., V, 3] mm, camera frame
    """Apply head poses: ``F R x + t`` (see the module's text)."""
    flip = points.new_tensor(HEAD_TO_CAMERA_DIAGONAL)
    matrix = axis_angle_to_matrix(rotation)
    return (points @ matrix.transpose(-1, -2)) * flip + translation[..., None, :]


def turn_head(
    rotation: Tensor,  # [..., 3] rad
    translation: Tensor,  # [..., 3] mm
    turn: Tensor,  # [..., 3] rad, in the head frame
) -> tuple[Tensor, Tensor]:  # [..., 3] rad, [..., 3] mm
    """The pose after a further turn about the top of the neck, which stays where it is in the camera frame."""
    before = axis_angle_to_matrix(rotation)
    after = before @ axis_angle_to_matrix(turn)
    flip = translation.new_tensor(HEAD_TO_CAMERA_DIAGONAL)
    pivot = translation.new_tensor(NECK_PIVOT)
    return matrix_to_axis_angle(after), translation + flip * ((before - after) @ pivot)


def neck_in_camera(rotation: Tensor, translation: Tensor) -> Tensor:  # [..., 3], [..., 3] -> [..., 3] mm
    """Where the top of the neck is in the camera frame."""
    flip = translation.new_tensor(HEAD_TO_CAMERA_DIAGONAL)
    return flip * (axis_angle_to_matrix(rotation) @ translation.new_tensor(NECK_PIVOT)) + translation
