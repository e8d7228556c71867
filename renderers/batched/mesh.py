"""The head mesh of one photo driven in torch, many frames at once: `renderers.head.driven_mesh` on any device.

The modules `renderers.torch_*` are built from the classes that they mirror: they read what those have prepared and
prepare nothing a second time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from face3d.camera import HEAD_TO_CAMERA_DIAGONAL, axis_angle_to_matrix, head_to_camera, turn_head
from renderers.head.driven_mesh import LEAST_OPEN_MM, RIMS, TOUCHING_MM, MeshState


@dataclass(frozen=True)
class DrivenBatch:
    """B frames of the mesh; the fields are those of `DrivenFrame`.

    Attributes:
        pixels: [B, V, 3] x, y in pixels of the photo, depth in mm.
        camera: [B, V, 3] mm in the camera frame.
        lip_opening_mm: [B].
        lid_closure: [B, 2] of the (left, right) eye, 0..1.
        rotation: [B, 3, 3] relative to the photo, camera frame.
        pivot: [3] mm, camera frame.
        shift: [B, 3] mm, camera frame.
    """

    pixels: Tensor
    camera: Tensor
    lip_opening_mm: Tensor
    lid_closure: Tensor
    rotation: Tensor
    pivot: Tensor
    shift: Tensor

    def move(self, points: Tensor) -> Tensor:  # [..., 3] mm -> [B, ..., 3] mm
        """Where points of the rigid head, given in the photo's camera frame, go."""
        flat = points.reshape(-1, 3) - self.pivot
        moved = flat @ self.rotation.transpose(1, 2) + self.pivot + self.shift[:, None]
        return moved.reshape(len(self.rotation), *points.shape)


class TorchMesh:
    """`DrivenMesh.drive` for batches.

    Args:
        mesh: what was prepared of the photo.
        device: where to work.
    """

    def __init__(self, mesh: MeshState, device: torch.device) -> None:
        def tensor(values: object) -> Tensor:
            return torch.as_tensor(values, dtype=torch.float32, device=device)

        self.model = mesh.model.to(device)
        self.camera = mesh.camera
        self.expression = mesh.expression.to(device)
        self._identity, self._eye_rotation = mesh.identity.to(device), mesh.eye_rotation.to(device)
        self._rotation, self._translation = mesh.rotation.to(device), mesh.translation.to(device)
        self._blinks = mesh.blinks.to(device)
        self._residual, self._overlap = tensor(mesh.residual), tensor(mesh.overlap)
        self._closing = [tensor(field) for field in mesh.closing]
        self._own_openings = tensor(mesh.own_openings)
        self._pivot = mesh.pivot.to(device)

    def drive(self, expression: Tensor, turn: Tensor, gaze: Tensor, shift: Tensor) -> DrivenBatch:
        """Move the mesh.

        Args:
            expression: [B, 52] absolute weights.
            turn: [B, 3] axis-angle in the head frame, relative to the photo's pose, about the top of the neck.
            gaze: [B, 2, 2] eyeball (pitch, yaw), relative to the photo's.
            shift: [B, 3] mm in the camera frame.
        """
        count = len(expression)
        before = self._rotation.expand(count, 3)
        rotation, translation = turn_head(before, self._translation.expand(count, 3), turn)
        head = self.model.vertices(self._identity, self._blinks.adapt(expression), self._eye_rotation + gaze)
        openings = self._openings(head)
        flip = rotation.new_tensor(HEAD_TO_CAMERA_DIAGONAL)
        relative = axis_angle_to_matrix(rotation) @ axis_angle_to_matrix(before).transpose(1, 2)
        relative = flip[:, None] * relative * flip
        placed = head_to_camera(head, rotation, translation + shift)
        camera = placed + self._offset(openings) @ relative[..., :2].transpose(1, 2)
        pixels = torch.cat([self.camera.project(camera), camera[..., 2:]], -1)
        closure = (1 - openings[:, 1:] / self._own_openings[1:].clamp_min(LEAST_OPEN_MM)).clamp(0, 1)
        return DrivenBatch(pixels, camera, openings[:, 0], closure, relative, self._pivot, shift)

    def landmarks(self, pixels: Tensor) -> Tensor:  # [B, V, 3] -> [B, 478, 2] px
        """The driven landmarks."""
        return self.model.landmarks478.of(pixels[..., :2])

    def _offset(self, openings: Tensor) -> Tensor:  # [B, 3] mm -> [B, V, 2] mm
        touching = (1 - openings[:, 0] / TOUCHING_MM).clamp_min(0)
        offset = self._residual + touching[:, None, None] * self._overlap
        for opening, (_, _, full), field in zip(openings.unbind(1), RIMS, self._closing, strict=True):
            offset = offset + (1 - opening / full).clamp_min(0)[:, None, None] * field
        return offset

    def _openings(self, head: Tensor) -> Tensor:  # [B, V, 3] -> [B, 3] mm
        height = self.model.landmarks478.of(head)[..., 1]
        openings = [(height[:, list(upper)] - height[:, list(lower)]).clamp_min(0).mean(1) for upper, lower, _ in RIMS]
        return torch.stack(openings, 1)
