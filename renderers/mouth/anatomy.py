"""The mesh inside the mouth: which triangles, where they lie behind the lips, and how they face the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.compiled import kernel
from face3d.model.landmark_sets import INNER_LIPS
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from renderers.head.driven_mesh import DrivenFrame
from renderers.head.materials import Kind, kinds_of_parts
from renderers.mouth.dental_arch import arch_coordinates
from renderers.mouth.window import WIDTH

FloatArray = NDArray[np.float32]

INSIDE_KINDS = (Kind.UPPER_TEETH, Kind.LOWER_TEETH, Kind.MOUTH, Kind.TONGUE)
# Attributes per vertex: along the arch (mm; tongue: mm from its middle), height (0 gums .. 1 biting edge; tongue: 0
# root .. 1 tip), facing the viewer 0..1, depth behind the lips in mm.
ATTRIBUTES = 4
# Keeps the parabola through the lips defined when they lie on top of each other.
FLATTEN = 1e-6
# Arc length from the middle to the premolars.
_FRONT_MM = 27.0


@dataclass(frozen=True, eq=False)
class MouthAnatomy:
    """The inside's own small mesh.

    Attributes:
        vertices: [V'] indices of its vertices in the head mesh.
        triangles: [F', 3] into those.
        kinds: [F'] `renderers.head.materials.Kind`.
        static: [V', 2] the first two of `ATTRIBUTES`.
        lower_teeth: [N] which of its vertices are the lower row.
        front_teeth: [N] which of its vertices are upper teeth that a smile shows.
        lip_corners: [20, 3] the head's vertices between which the inner lips' landmarks lie.
        lip_weights: [20, 3] of these.
    """

    vertices: NDArray[np.int64]
    triangles: NDArray[np.int32]
    kinds: NDArray[np.int32]
    static: FloatArray
    lower_teeth: NDArray[np.intp]
    front_teeth: NDArray[np.intp]
    lip_corners: NDArray[np.int64]
    lip_weights: FloatArray

    @classmethod
    def of(cls, model: MorphableModel) -> MouthAnatomy:
        """The face model's."""
        triangles = model.triangles.numpy()
        kinds = kinds_of_parts(model.triangle_parts.numpy())
        keep = np.isin(kinds, INSIDE_KINDS)
        vertices, local = np.unique(triangles[keep], return_inverse=True)
        static = _static_attributes(model)[vertices]
        upper, lower = (
            np.isin(vertices, model.part_vertices(part).numpy()) for part in (Part.UPPER_TEETH, Part.LOWER_TEETH)
        )
        return cls(
            vertices,
            np.ascontiguousarray(local.reshape(-1, 3).astype(np.int32)),
            np.ascontiguousarray(kinds[keep]),
            static,
            np.flatnonzero(lower),
            np.flatnonzero(upper & (np.abs(static[:, 0]) < _FRONT_MM)),
            model.landmarks478.triangles.numpy()[list(INNER_LIPS)],
            model.landmarks478.barycentric.numpy()[list(INNER_LIPS)],
        )

    def attributes(self, frame: DrivenFrame, cells: FloatArray, lips: FloatArray) -> FloatArray:
        """[V', ATTRIBUTES] of this frame.

        Args:
            frame: the driven mesh.
            cells: [V', 2] the vertices in the mouth's window.
            lips: [20, 2] the inner lips' landmarks there.
        """
        result = np.empty((len(self.vertices), ATTRIBUTES), np.float32)
        camera = frame.camera[self.vertices]
        result[:, :2] = self.static
        _facing(camera, self.triangles, result[:, 2])
        result[:, 3] = camera[:, 2] - self._lip_depth(frame, lips[:, 0], cells[:, 0])
        return result

    def lip_distance(self, frame: DrivenFrame) -> float:
        """Mean distance of the inner lips along the camera's axis, mm."""
        return float(self._lip_distances(frame).mean())

    def _lip_distances(self, frame: DrivenFrame) -> FloatArray:  # [20]
        return np.asarray((frame.camera[self.lip_corners][..., 2] * self.lip_weights).sum(1))

    def _lip_depth(self, frame: DrivenFrame, across: FloatArray, x: FloatArray) -> FloatArray:
        """Distance of the lips from the camera over the window's columns `x`: a parabola through their inner ring."""
        depth = self._lip_distances(frame)
        middle = depth.mean()
        basis = np.vander(2.0 * across / WIDTH - 1, 3)
        a, b, c = np.linalg.solve(basis.T @ basis + FLATTEN * np.eye(3), basis.T @ (depth - middle))
        inside = 2 * np.clip(x, across.min(), across.max()) / WIDTH - 1
        return np.asarray((a * inside + b) * inside + (c + middle), np.float32)


def lining_on_lips(model: MorphableModel, source: FloatArray) -> FloatArray:  # [V, 2] -> [V, 2]
    """Texture positions with the mouth's lining taken from the nearest point of the lips.

    The lining shows a little beyond the lips' corners, where its own position in the photo is somewhere on the cheek.
    """
    lining, lips = (model.part_vertices(part).numpy() for part in (Part.INNER_MOUTH, Part.LIPS))
    lining = np.setdiff1d(lining, lips)
    mean = model.mean.numpy()
    result = source.copy()
    nearest = ((mean[lining, None] - mean[lips]) ** 2).sum(-1).argmin(1)
    result[lining] = source[lips[nearest]]
    return result


def _static_attributes(model: MorphableModel) -> FloatArray:
    """[V, 2] coordinates on the dental arches and on the tongue."""
    result = np.zeros((len(model.mean), 2), np.float32)
    for part, upper in ((Part.UPPER_TEETH, True), (Part.LOWER_TEETH, False)):
        index = model.part_vertices(part).numpy()
        result[index] = arch_coordinates(model.mean[index].numpy(), upper)
    tongue = model.part_vertices(Part.TONGUE).numpy()
    x, _, z = model.mean[tongue].numpy().T
    result[tongue] = np.stack([x, (z - z.min()) / (z.max() - z.min())], 1)
    return result


@kernel
def _facing(camera, triangles, out):  # type: ignore[no-untyped-def]
    """How far each vertex [V', 3] faces the camera, 0..1: normals are the mean of the triangles', weighted by area."""
    normals = np.zeros((camera.shape[0], 3))
    for f in range(triangles.shape[0]):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ux, uy, uz = camera[b, 0] - camera[a, 0], camera[b, 1] - camera[a, 1], camera[b, 2] - camera[a, 2]
        vx, vy, vz = camera[c, 0] - camera[a, 0], camera[c, 1] - camera[a, 1], camera[c, 2] - camera[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in range(3):
            normals[triangles[f, k], 0] += nx
            normals[triangles[f, k], 1] += ny
            normals[triangles[f, k], 2] += nz
    for i in range(len(out)):
        x, y, z = normals[i, 0], normals[i, 1], normals[i, 2]
        out[i] = min(max(-z / (np.sqrt(x * x + y * y + z * z) + 1e-9), 0.0), 1.0)
