"""The head mesh tied to one photo: where each vertex lies in the photo, and where it goes when the face is driven."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.camera import HEAD_TO_CAMERA_DIAGONAL, axis_angle_to_matrix, head_to_camera
from face3d.landmark_sets import (
    FACE_OVAL,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_INNER_LIP,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_INNER_LIP,
)
from face3d.mesh_field import MeshField
from face3d.morphable_model import MorphableModel
from face3d.parameters import FaceParameters
from face3d.parts import Part
from face3d.pose import neck_in_camera, turn_head
from renderers.personal_blinks import PersonalBlinks

FloatArray = NDArray[np.float32]

# Rims that meet when they close: lips, then the left and the right lids; and the opening at which the photo's own rims
# count fully, mm.
_RIMS = (
    (UPPER_INNER_LIP, LOWER_INNER_LIP, 3.0),
    (LEFT_UPPER_LID, LEFT_LOWER_LID, 5.0),
    (RIGHT_UPPER_LID, RIGHT_LOWER_LID, 5.0),
)
# Lips nearer than the first overlap by the second at each rim, mm.
_TOUCHING_MM, _OVERLAP_MM = 0.6, 0.3


@dataclass(frozen=True)
class DrivenFrame:
    """One frame of the mesh.

    Attributes:
        pixels: [V, 3] float32: x, y in pixels of the photo, depth in mm.
        camera: [V, 3] float32, mm in the camera frame; `pixels` are its projection.
        lip_opening_mm: mean opening of the inner lips, 0 when closed.
        lid_closure: how far the (left, right) eye is shut: 0 as open as in the photo or more, 1 shut.
        rotation: [3, 3] float32, the turn relative to the photo, in the camera frame, about `pivot`.
        pivot: [3] float32, mm in the camera frame: the top of the neck in the photo.
        shift: [3] float32, mm in the camera frame: how far the neck has moved. A point p of the head moves to
            ``rotation @ (p - pivot) + pivot + shift``.
    """

    pixels: FloatArray
    camera: FloatArray
    lip_opening_mm: float
    lid_closure: tuple[float, float]
    rotation: FloatArray
    pivot: FloatArray
    shift: FloatArray

    def move(self, points: FloatArray) -> FloatArray:  # [..., 3] mm -> [..., 3] mm
        """Where points of the rigid head, given in the photo's camera frame, go."""
        moved = (points - self.pivot) @ self.rotation.T + self.pivot + self.shift
        return moved.astype(np.float32)


class DrivenMesh:
    """A fitted photo's mesh that can be driven.

    The fit leaves a few pixels between the mesh's landmarks and the detected ones; that difference is spread smoothly
    over the mesh, as millimetres parallel to the picture, and turns with the head: the undriven mesh lies on the
    photo's features. Where lips or lids close, the differences of the two rims are drawn together, so that they meet.

    Args:
        model: the face model.
        parameters: the photo's fit (the first frame is used).
        landmarks_px: [478, 2] detected points.
    """

    def __init__(self, model: MorphableModel, parameters: FaceParameters, landmarks_px: FloatArray) -> None:
        self.model, self.camera = model, parameters.camera
        self._identity = parameters.identity
        self.expression, self.eye_rotation = parameters.expression[0], parameters.eye_rotation[0]
        self._rotation, self._translation = parameters.rotation[0], parameters.translation[0]
        self._landmarks = model.landmarks478
        self._blinks = PersonalBlinks(model, self._identity, self.expression)
        head, camera = self._place(self.expression, self._rotation, self._translation, self.eye_rotation)
        self._own_openings = self._openings(head)
        undriven = self.camera.project(camera)
        residual = landmarks_px - self._landmarks.of(undriven).numpy()
        per_pixel = (camera[:, 2:] / self.camera.focal_px).numpy()  # [V, 1] mm
        spread = self._spread_residual(residual)
        near = self._make_field(pull=0.05)
        self._residual = spread * per_pixel
        self._closing = [field * per_pixel for field in self._closing_fields(near, residual)]
        self._overlap = self._overlap_field(near) * per_pixel
        self._pivot = neck_in_camera(self._rotation, self._translation)
        self.source = (undriven.numpy() + spread).astype(np.float32)  # [V, 2] px

    @property
    def own_lip_opening_mm(self) -> float:
        """How far the photo's lips stand apart."""
        return self._own_openings[0]

    def _make_field(self, pull: float) -> MeshField:
        trust = np.full(478, 30.0)
        trust[list(FACE_OVAL)] = 0.3
        corners, weights = self._landmarks.triangles.numpy(), self._landmarks.barycentric.numpy()
        triangles = self.model.triangles.numpy()
        return MeshField(triangles, len(self.model.mean), corners, weights, trust, pull)

    def _spread_residual(self, residual: FloatArray) -> FloatArray:
        field = self._make_field(pull=1e-4).spread(residual)
        # Teeth and tongue hang on nothing: they move as the lips do on average.
        inside = self.model.part_vertices(Part.UPPER_TEETH, Part.LOWER_TEETH, Part.TONGUE).numpy()
        field[inside] = residual[[*UPPER_INNER_LIP, *LOWER_INNER_LIP]].mean(0)
        return field.astype(np.float32)

    def _closing_fields(self, near: MeshField, residual: FloatArray) -> list[FloatArray]:
        """[V, 2] for each pair of rims: what brings both to their common mean."""
        fields = []
        for upper, lower, _ in _RIMS:
            difference = (residual[list(lower)] - residual[list(upper)]) / 2
            values = np.zeros((478, 2))
            values[list(upper)], values[list(lower)] = difference, -difference
            fields.append(near.spread(values).astype(np.float32))
        return fields

    def _overlap_field(self, near: MeshField) -> FloatArray:
        """[V, 2] px that push touching lips over each other: their rims are polylines with different corners."""
        values = np.zeros((478, 2))
        size = _OVERLAP_MM * self.camera.focal_px / float(self._translation[2])
        values[list(UPPER_INNER_LIP), 1], values[list(LOWER_INNER_LIP), 1] = size, -size
        return near.spread(values).astype(np.float32)

    def _place(
        self, expression: Tensor, rotation: Tensor, translation: Tensor, eye_rotation: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Vertices [V, 3] in the head frame and in the camera frame, mm, without the residual."""
        head = self.model.vertices(self._identity, expression, eye_rotation)
        return head, head_to_camera(head, rotation, translation)

    def undriven(self) -> DrivenFrame:
        """The photo's own frame."""
        return self.drive(self.expression, torch.zeros(3), torch.zeros(2, 2))

    @torch.inference_mode()
    def drive(self, expression: Tensor, turn: Tensor, gaze: Tensor, shift: Tensor | None = None) -> DrivenFrame:
        """Move the mesh.

        Args:
            expression: [52] absolute weights.
            turn: [3] axis-angle in the head frame, relative to the photo's pose, about the top of the neck.
            gaze: [2, 2] eyeball (pitch, yaw), relative to the photo's.
            shift: [3] mm in the camera frame, what the whole head moves besides; none when not given.
        """
        shift = torch.zeros(3) if shift is None else shift
        rotation, translation = turn_head(self._rotation, self._translation, turn)
        expression = self._blinks.adapt(expression)
        head, placed = self._place(expression, rotation, translation + shift, self.eye_rotation + gaze)
        openings = self._openings(head)
        relative = self._relative_rotation(rotation)
        camera = placed.numpy() + self._offset(openings) @ relative[:, :2].T
        pixels = np.concatenate([self.camera.project(torch.from_numpy(camera)).numpy(), camera[:, 2:]], 1)
        left, right = (
            min(1.0, max(0.0, 1 - now / max(own, 0.5)))
            for now, own in zip(openings[1:], self._own_openings[1:], strict=True)
        )
        return DrivenFrame(
            pixels, camera, openings[0], (left, right), relative, self._pivot.numpy(), shift.numpy().astype(np.float32)
        )

    def _offset(self, openings: list[float]) -> FloatArray:
        """[V, 2] mm: the residual in the photo's camera frame, with the rims drawn together as far as they close."""
        offset = self._residual + max(0.0, 1 - openings[0] / _TOUCHING_MM) * self._overlap
        for opening, (_, _, full), field in zip(openings, _RIMS, self._closing, strict=True):
            offset += max(0.0, 1 - opening / full) * field
        return offset.astype(np.float32)

    def _relative_rotation(self, rotation: Tensor) -> FloatArray:
        """[3, 3] from the photo's pose to `rotation`, in the camera frame."""
        flip = rotation.new_tensor(HEAD_TO_CAMERA_DIAGONAL)
        relative = axis_angle_to_matrix(rotation) @ axis_angle_to_matrix(self._rotation).T
        return (flip[:, None] * relative * flip).numpy()

    def _openings(self, head: Tensor) -> list[float]:
        """Mean vertical opening of the lips, the left and the right lids, mm, 0 where they overlap."""
        points = self._landmarks.of(head)[:, 1]
        return [float((points[list(upper)] - points[list(lower)]).clamp_min(0).mean()) for upper, lower, _ in _RIMS]
