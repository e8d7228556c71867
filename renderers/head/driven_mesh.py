"""The head mesh tied to one photo: where each vertex lies in the photo, and where it goes when the face is driven."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.camera import HEAD_TO_CAMERA_DIAGONAL, NECK_PIVOT, Camera, neck_in_camera
from face3d.model.landmark_sets import (
    FACE_OVAL,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_INNER_LIP,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_INNER_LIP,
)
from face3d.model.mesh_field import MeshField
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.parameters import FaceParameters
from renderers.head.personal_blinks import PersonalBlinks
from renderers.head.posed_head import Matrix, PosedHead, place, rotation_matrix, weighted_sum

FloatArray = NDArray[np.float32]

# Rims that meet when they close: lips, then the left and the right lids; and the opening at which the photo's own rims
# count fully, mm.
RIMS = (
    (UPPER_INNER_LIP, LOWER_INNER_LIP, 3.0),
    (LEFT_UPPER_LID, LEFT_LOWER_LID, 5.0),
    (RIGHT_UPPER_LID, RIGHT_LOWER_LID, 5.0),
)
# How far the rows of teeth and the tongue are raised, mm: open lips of fitted video show less of the upper teeth and
# more of the lower ones than the model's (four people of GRID, lips 5 to 15 mm apart). Those are best drawn with 0.4,
# 1.5 and 0.5, which makes other people look toothless.
_RAISED = ((Part.UPPER_TEETH, 0.2), (Part.LOWER_TEETH, 1.2), (Part.TONGUE, 0.4))
# Lips nearer than the first overlap by the second at each rim, mm.
TOUCHING_MM, _OVERLAP_MM = 0.6, 0.3
# Lids of photos count as at least this far open: else the smallest change would be a blink, mm.
LEAST_OPEN_MM = 0.5
_FLIP = np.array(HEAD_TO_CAMERA_DIAGONAL)


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


@dataclass(frozen=True, eq=False)
class MeshState:
    """What is kept of a fitted photo: all that driving its mesh needs, here or in `renderers.batched.mesh`.

    Attributes:
        model: the face model.
        camera: the photo's.
        identity: [K].
        expression: [52] the photo's own.
        eye_rotation: [2, 2] rad, the photo's own.
        rotation: [3] rad, of the head in the photo.
        translation: [3] mm.
        blinks: what closes this person's eyes.
        residual: [V, 2] mm, from the mesh to the photo's features.
        overlap: [V, 2] mm that push touching lips over each other.
        closing: [V, 2] mm each, what brings each of `RIMS` together.
        own_openings: of each of `RIMS` in the photo, mm.
        pivot: [3] mm, the top of the neck in the camera frame.
    """

    model: MorphableModel
    camera: Camera
    identity: Tensor
    expression: Tensor
    eye_rotation: Tensor
    rotation: Tensor
    translation: Tensor
    blinks: PersonalBlinks
    residual: FloatArray
    overlap: FloatArray
    closing: list[FloatArray]
    own_openings: list[float]
    pivot: Tensor


class DrivenMesh:
    """A fitted photo's mesh that can be driven.

    The fit leaves a few pixels between the mesh's landmarks and the detected ones; that difference is spread smoothly
    over the mesh, as millimetres parallel to the picture, and turns with the head: the undriven mesh lies on the
    photo's features. Where lips or lids close, the differences of the two rims are drawn together, so that they meet.

    Args:
        model: the face model.
        parameters: the photo's fit (the first frame is used).
        landmarks_px: [478, 2] detected points.

    Attributes:
        state: what was prepared.
    """

    def __init__(self, model: MorphableModel, parameters: FaceParameters, landmarks_px: FloatArray) -> None:
        self.model, self.camera = model, parameters.camera
        self.expression, self.eye_rotation = parameters.expression[0], parameters.eye_rotation[0]
        self._rotation, self._translation = parameters.rotation[0], parameters.translation[0]
        self._px_per_mm = self.camera.focal_px / float(self._translation[2])
        self._landmarks = model.landmarks478
        self._head = PosedHead(model, parameters.identity)
        self._rims = [_Rim.of(model, upper, lower) for upper, lower, _ in RIMS]
        self._matrix = rotation_matrix(self._rotation.numpy())
        head = self._head.vertices(self.expression.numpy(), self.eye_rotation.numpy())
        self._own_openings = [rim.opening(head) for rim in self._rims]
        camera, undriven = self._place(head, np.zeros_like(head[:, :2]), self._matrix, self._translation.numpy())
        residual = landmarks_px - self._landmarks.of(torch.from_numpy(undriven[:, :2])).numpy()
        per_pixel = camera[:, 2:] / np.float32(self.camera.focal_px)  # [V, 1] mm
        spread = self._spread_residual(residual)
        near = self._make_field(pull=0.05)
        residual_mm = spread * per_pixel
        closing = [field * per_pixel for field in self._closing_fields(near, residual)]
        overlap = self._overlap_field(near) * per_pixel
        self._fields = np.stack([overlap, *closing]).astype(np.float32)
        self.state = MeshState(
            model,
            self.camera,
            parameters.identity,
            self.expression,
            self.eye_rotation,
            self._rotation,
            self._translation,
            PersonalBlinks(model, parameters.identity, self.expression),
            residual_mm,
            overlap,
            closing,
            self._own_openings,
            neck_in_camera(self._rotation, self._translation),
        )
        self.source = (undriven[:, :2] + spread).astype(np.float32)  # [V, 2] px

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
        lips = residual[[*UPPER_INNER_LIP, *LOWER_INNER_LIP]].mean(0)
        up = (_FLIP * self._matrix[:, 1])[:2]
        for part, raised in _RAISED:
            field[self.model.part_vertices(part).numpy()] = lips + raised * self._px_per_mm * up
        return field.astype(np.float32)

    def _closing_fields(self, near: MeshField, residual: FloatArray) -> list[FloatArray]:
        """[V, 2] for each pair of rims: what brings both to their common mean."""
        fields = []
        for upper, lower, _ in RIMS:
            difference = (residual[list(lower)] - residual[list(upper)]) / 2
            values = np.zeros((478, 2))
            values[list(upper)], values[list(lower)] = difference, -difference
            fields.append(near.spread(values).astype(np.float32))
        return fields

    def _overlap_field(self, near: MeshField) -> FloatArray:
        """[V, 2] px that push touching lips over each other: their rims are polylines with different corners."""
        values = np.zeros((478, 2))
        size = _OVERLAP_MM * self._px_per_mm
        values[list(UPPER_INNER_LIP), 1], values[list(LOWER_INNER_LIP), 1] = size, -size
        return near.spread(values).astype(np.float32)

    def _place(
        self, head: FloatArray, offset: FloatArray, matrix: Matrix, translation: NDArray[np.floating]
    ) -> tuple[FloatArray, FloatArray]:
        """Vertices [V, 3] in the camera frame, mm, and in the picture.

        Args:
            head: [V, 3] mm, head frame.
            offset: [V, 2] mm, the residual in the photo's camera frame.
            matrix: [3, 3] the head's rotation.
            translation: [3] mm.
        """
        camera = (self.camera.focal_px, *self.camera.principal_point_px)
        return place(head, offset, _FLIP[:, None] * matrix, translation, self._since_photo(matrix), camera)

    def _since_photo(self, matrix: Matrix) -> Matrix:
        """[3, 3] from the photo's pose to the rotation `matrix`, in the camera frame."""
        return _FLIP[:, None] * (matrix @ self._matrix.T) * _FLIP

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
        moved = np.zeros(3, np.float32) if shift is None else shift.numpy().astype(np.float32)
        # As `face3d.camera.turn_head`: the top of the neck stays where it is.
        matrix = self._matrix @ rotation_matrix(turn.numpy())
        translation = self._translation.numpy() + _FLIP * ((self._matrix - matrix) @ NECK_PIVOT) + moved
        expression = self.state.blinks.adapt(expression)
        head = self._head.vertices(expression.numpy(), (self.eye_rotation + gaze).numpy())
        openings = [rim.opening(head) for rim in self._rims]
        camera, pixels = self._place(head, self._offset(openings), matrix, translation)
        left, right = (
            min(1.0, max(0.0, 1 - now / max(own, LEAST_OPEN_MM)))
            for now, own in zip(openings[1:], self._own_openings[1:], strict=True)
        )
        relative = self._since_photo(matrix).astype(np.float32)
        return DrivenFrame(pixels, camera, openings[0], (left, right), relative, self.state.pivot.numpy(), moved)

    def _offset(self, openings: list[float]) -> FloatArray:
        """[V, 2] mm: the residual in the photo's camera frame, with the rims drawn together as far as they close."""
        full = (TOUCHING_MM, *(full for _, _, full in RIMS))
        weights = [max(0.0, 1 - now / most) for now, most in zip((openings[0], *openings), full, strict=True)]
        return weighted_sum(self.state.residual, self._fields, np.array(weights))


@dataclass(frozen=True)
class _Rim:
    """Pairs of points on the mesh, of an upper and a lower rim.

    Attributes:
        corners: [P, 6] the vertices whose weighted sum is the height of the upper point over the lower one.
        weights: [P, 6].
    """

    corners: NDArray[np.int64]
    weights: FloatArray

    @classmethod
    def of(cls, model: MorphableModel, upper: tuple[int, ...], lower: tuple[int, ...]) -> _Rim:
        corners, weights = model.landmarks478.triangles.numpy(), model.landmarks478.barycentric.numpy()
        above, below = list(upper), list(lower)
        return cls(
            np.concatenate([corners[above], corners[below]], 1), np.concatenate([weights[above], -weights[below]], 1)
        )

    def opening(self, head: FloatArray) -> float:
        """Mean height of the opening in the head frame, mm, 0 where the rims overlap."""
        heights = (head[self.corners, 1] * self.weights).sum(1)
        return float(np.maximum(heights, 0).mean())
