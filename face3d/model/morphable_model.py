"""The morphable head: identity + 52 ARKit expressions + rigid jaw + rigid eyeballs (DESIGN section 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from face3d.camera import axis_angle_to_matrix
from face3d.model.parts import Part
from face3d.resources import asset_path

DEFAULT_MODEL = "cc0-head"
# Indices among the 478: right eye outer, inner, left eye inner, outer, nose base, mouth right, left.
LANDMARKS_7 = (33, 133, 362, 263, 2, 61, 291)
# Models without eyeballs: outer and inner corner of each eye, and where the centre is from the middle of the two in the
# mean face of the default model, mm (left, then right eye).
_EYE_CORNERS = ((263, 362), (33, 133))
_CENTER_FROM_CORNERS = ((0.6, 2.3, -12.0), (-0.6, 2.3, -12.0))


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Points tied to the mesh: a triangle and barycentric coordinates each.

    Attributes:
        triangles: [L, 3] vertex indices of the triangle that carries each point.
        barycentric: [L, 3] weights of its corners, sum 1.
    """

    triangles: Tensor
    barycentric: Tensor

    def of(self, vertices: Tensor) -> Tensor:  # [..., V, C] -> [..., L, C]
        """The points on (moved) vertices; any per-vertex quantity works."""
        corners = vertices[..., self.triangles.reshape(-1), :]
        corners = corners.reshape(*vertices.shape[:-2], *self.triangles.shape, vertices.shape[-1])
        return (corners * self.barycentric[..., None]).sum(-2)


@dataclass(frozen=True, eq=False)
class MorphableModel:
    """A 3D morphable head model in the head frame (see `face3d.camera`).

    Attributes:
        name: as stored in `FaceParameters.model`.
        mean: [V, 3] mm.
        identity_basis: [K, V, 3] mm per unit-variance coefficient.
        expression_basis: [52, V, 3] mm at weight 1, ARKit order.
        triangles: [F, 3] int64, counter-clockwise from outside.
        triangle_parts: [F] int64 values of `face3d.model.parts.Part`.
        uv: [U, 2] head-only texture atlas, 0..1, v up; uv_triangles: [F, 3] int64.
        jaw_rotation, jaw_translation: [52, 3] rigid jaw motion (rad, mm) at weight 1; jaw_pivot: [3] mm.
        landmarks478: MediaPipe's points (10 iris points last); landmarks68: iBUG's points.
    """

    name: str
    mean: Tensor
    identity_basis: Tensor
    expression_basis: Tensor
    triangles: Tensor
    triangle_parts: Tensor
    uv: Tensor
    uv_triangles: Tensor
    jaw_rotation: Tensor
    jaw_translation: Tensor
    jaw_pivot: Tensor
    landmarks478: Landmarks
    landmarks68: Landmarks

    @property
    def identity_size(self) -> int:
        """K, the number of identity coefficients."""
        return int(self.identity_basis.shape[0])

    def part_vertices(self, *parts: Part) -> Tensor:
        """Sorted indices of the vertices that triangles of these parts use."""
        wanted = torch.tensor([int(p) for p in parts], device=self.triangles.device)
        return self.triangles[torch.isin(self.triangle_parts, wanted)].unique()

    @cached_property
    def _jaw_vertices(self) -> Tensor:
        return self.part_vertices(Part.LOWER_TEETH, Part.TONGUE)

    @cached_property
    def _eyeball_vertices(self) -> tuple[Tensor, Tensor]:
        return self.part_vertices(Part.LEFT_EYEBALL), self.part_vertices(Part.RIGHT_EYEBALL)

    def neutral(self, identity: Tensor) -> Tensor:  # [..., K] -> [..., V, 3] mm
        """The face of this identity at rest. Fewer than K coefficients leave the rest at zero."""
        k = identity.shape[-1]
        if k > self.identity_size:
            raise ValueError(f"{self.name} has {self.identity_size} identity coefficients, got {k}")
        return self.mean + torch.tensordot(identity, self.identity_basis[:k], dims=1)

    def with_residual(self, residual: Tensor) -> MorphableModel:  # [V, 3] mm, head frame at rest
        """The model of a person whose face differs from its identity in the basis by `residual`."""
        if residual.shape != self.mean.shape:
            raise ValueError(f"{self.name} has the shape {list(self.mean.shape)}, got {list(residual.shape)}")
        return replace(self, mean=self.mean + residual.to(self.mean))

    def with_shapes(self, rest: Tensor, expression: Tensor) -> MorphableModel:  # [V, 3], [52, V, 3] mm
        """The model of a person whose face at rest and whose expressions at weight 1 differ by these offsets."""
        return replace(self.with_residual(rest), expression_basis=self.expression_basis + expression.to(self.mean))

    def eye_centers(self, neutral: Tensor) -> Tensor:  # [..., V, 3] -> [..., 2, 3] mm, left then right
        """Centres of the eyeballs; where a model has none, behind the corners of the eyes."""
        if all(len(index) for index in self._eyeball_vertices):
            return torch.stack([neutral[..., index, :].mean(-2) for index in self._eyeball_vertices], -2)
        corners = self.landmarks478.of(neutral)[..., torch.tensor(_EYE_CORNERS), :].mean(-2)
        return corners + neutral.new_tensor(_CENTER_FROM_CORNERS)

    def vertices(
        self,
        identity: Tensor,  # [K] or [..., K]
        expression: Tensor,  # [..., 52] 0..1
        eye_rotation: Tensor | None = None,  # [..., 2, 2] (pitch, yaw) rad
    ) -> Tensor:  # [..., V, 3] mm, head frame
        """The posed mesh before the head's own rotation and translation."""
        neutral = self.neutral(identity)
        moved = neutral + torch.tensordot(expression, self.expression_basis, dims=1)
        moved = self._turn_jaw(moved, expression)
        return moved if eye_rotation is None else self._turn_eyes(moved, neutral, eye_rotation)

    def _turn_jaw(self, vertices: Tensor, expression: Tensor) -> Tensor:
        matrix = axis_angle_to_matrix(expression @ self.jaw_rotation)
        offset = (expression @ self.jaw_translation)[..., None, :]
        index = self._jaw_vertices
        turned = (vertices[..., index, :] - self.jaw_pivot) @ matrix.transpose(-1, -2) + self.jaw_pivot + offset
        return vertices.index_copy(-2, index, turned)

    def _turn_eyes(self, vertices: Tensor, neutral: Tensor, eye_rotation: Tensor) -> Tensor:
        matrix = eye_matrices(eye_rotation)
        centers = self.eye_centers(neutral)
        for side, index in enumerate(self._eyeball_vertices):
            center = centers[..., side, None, :]
            turned = (vertices[..., index, :] - center) @ matrix[..., side, :, :].transpose(-1, -2) + center
            vertices = vertices.index_copy(-2, index, turned)
        return vertices

    def to(self, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32) -> MorphableModel:
        """A copy with its tensors on `device`, floating-point ones as `dtype`."""

        def move(value: object) -> object:
            if isinstance(value, Tensor):
                return value.to(device, dtype if value.is_floating_point() else value.dtype)
            if isinstance(value, Landmarks):
                return Landmarks(value.triangles.to(device), value.barycentric.to(device, dtype))
            return value

        moved: dict[str, Any] = {n: move(getattr(self, n)) for n in self.__dataclass_fields__}
        return replace(self, **moved)


def eye_matrices(eye_rotation: Tensor) -> Tensor:  # [..., 2, 2] (pitch, yaw) rad -> [..., 2, 3, 3]
    """The eyeballs' rotations in the head frame: first the pitch, then the yaw."""
    zero = torch.zeros_like(eye_rotation[..., 0])
    pitch = axis_angle_to_matrix(torch.stack([eye_rotation[..., 0], zero, zero], -1))
    yaw = axis_angle_to_matrix(torch.stack([zero, eye_rotation[..., 1], zero], -1))
    return yaw @ pitch


def model_from_arrays(name: str, arrays: dict[str, np.ndarray]) -> MorphableModel:
    """Build a model from the arrays of an asset file (see `scripts/build_face_model.py`)."""
    tensors = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in arrays.items()}
    tensors = {k: v.float() if v.is_floating_point() else v.long() for k, v in tensors.items()}
    triangles = tensors["triangles"]
    landmarks: dict[str, Any] = {
        f"landmarks{n}": Landmarks(triangles[tensors[f"landmarks{n}_triangle"]], tensors[f"landmarks{n}_barycentric"])
        for n in (478, 68)
    }
    fields: dict[str, Any] = {f: tensors[f] for f in MorphableModel.__dataclass_fields__ if f in tensors}
    return MorphableModel(name=name, **fields, **landmarks)


@lru_cache(maxsize=1)
def load_default_model() -> MorphableModel:
    """The CC0 head that comes with the package."""
    with np.load(asset_path("cc0_head.npz"), allow_pickle=False) as file:
        return model_from_arrays(DEFAULT_MODEL, {k: file[k] for k in file.files})
