"""Turning a head on its neck."""

from __future__ import annotations

from torch import Tensor

from face3d.camera import HEAD_TO_CAMERA_DIAGONAL, axis_angle_to_matrix, matrix_to_axis_angle

# The head turns about the top of the neck, in the head frame, mm.
NECK_PIVOT = (0.0, -95.0, -70.0)


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
