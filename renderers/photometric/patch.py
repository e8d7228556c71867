"""The face as a function of what is refined: positions and normals of a patch of the head, and their derivatives."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from face3d.camera import HEAD_TO_CAMERA_DIAGONAL
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from renderers.photometric.face_region import FaceRegion

Array = NDArray[np.float64]

_FLIP = np.array(HEAD_TO_CAMERA_DIAGONAL)
LANDMARKS = 468


@dataclass(frozen=True)
class Shape:
    """What photos of one person share: identity [K]; residual [M, 3] mm and log-albedo [A] as weights of fields;
    zoom, the logarithm of the focal length over the start's (all photos come from one camera)."""

    identity: Array
    residual: Array
    albedo: Array
    zoom: float


@dataclass(frozen=True)
class View:
    """What is a photo's own: rotation [3, 3] and translation [3] mm of the head, expression [52], light [9] and the
    exponent of its tone curve."""

    rotation: Array
    translation: Array
    expression: Array
    light: Array
    tone: float

    def moved(self, step: Array) -> View:
        """After a step: a turn [3], then right, down and away in shares of the distance."""
        depth = self.translation[2]
        return replace(
            self,
            rotation=Rotation.from_rotvec(step[:3]).as_matrix() @ self.rotation,
            # Depth in proportion, so that it can neither jump nor become negative.
            translation=self.translation * [1, 1, np.exp(step[5])] + np.array([step[3], step[4], 0]) * depth,
        )


def head_to_camera_matrix(view: View) -> Array:  # [3, 3]
    """The linear part of the head's pose, `F R` of `face3d.camera`."""
    return _FLIP[:, None] * view.rotation


class Patch:
    """The patch of `region`, linear in identity, expression and residual.

    Args:
        model: the face model, with the residual that a person already has.
        region: of that model.
        residual_modes, albedo_modes: how many of the region's fields are used.
    """

    def __init__(self, model: MorphableModel, region: FaceRegion, residual_modes: int, albedo_modes: int) -> None:
        index = region.vertices
        self.count = len(index)
        self.triangles = region.triangles
        self.identity_size = model.identity_size
        self._mean = model.mean.double().numpy()[index]
        identity = model.identity_basis.numpy()[:, index]
        expression = model.expression_basis.numpy()[:, index]
        modes = region.modes[:residual_modes, index]
        # [N, 3, K + 52 + 3 M]: linear unknowns in the head frame; float32, because its products take most of the time.
        residual = (modes.T[:, None, :, None] * np.eye(3)[None, :, None, :]).reshape(self.count, 3, -1)
        bases = [identity.transpose(1, 2, 0), expression.transpose(1, 2, 0), residual]
        self.basis = np.ascontiguousarray(np.concatenate(bases, 2), np.float32)
        lips = np.zeros(len(model.mean))
        lips[model.part_vertices(Part.LIPS).numpy()] = 1
        # [A, N] fields of the log-albedo, the lips last.
        self.albedo_fields = np.concatenate([region.modes[:albedo_modes, index], lips[None, index]])
        self._rows, self._columns = _normal_entries(region.triangles)
        place = np.full(len(model.mean), -1)
        place[index] = np.arange(self.count)
        self._landmark_corners = place[model.landmarks478.triangles[:LANDMARKS].numpy()]
        self._landmark_weights = model.landmarks478.barycentric[:LANDMARKS].numpy()
        # [468, 3, K + 52 + 3 M]
        self.landmark_basis = self.at_landmarks(self.basis)

    def at_landmarks(self, values: NDArray[np.floating]) -> NDArray[np.floating]:  # [N, ...] -> [468, ...]
        """What the vertices have, at MediaPipe's points without the irises."""
        weights = self._landmark_weights.reshape(LANDMARKS, 3, *[1] * (values.ndim - 1))
        return (values[self._landmark_corners] * weights).sum(1)

    def head(self, shape: Shape, expression: Array) -> Array:  # [N, 3] mm
        """Positions in the head frame."""
        weights = np.concatenate([shape.identity, expression, shape.residual.ravel()])
        return self._mean + self.basis @ weights

    def camera(self, shape: Shape, view: View) -> Array:  # [N, 3] mm
        """Positions in the camera frame."""
        return (self.head(shape, view.expression) @ view.rotation.T) * _FLIP + view.translation

    def log_albedo(self, shape: Shape) -> Array:  # [N]
        """Natural logarithm of the albedo, up to the scale that the light has."""
        return shape.albedo @ self.albedo_fields

    def normals(self, positions: Array) -> tuple[Array, Array]:  # [N, 3] -> [N, 3], [N]
        """Unit normals as of `raster.shading.vertex_normals`, and their lengths before (twice the areas around)."""
        a, b, c = (positions[self.triangles[:, k]] for k in range(3))
        faces = np.cross(b - a, c - a)
        normals = np.stack(
            [np.bincount(self.triangles.ravel(), np.repeat(faces[:, k], 3), self.count) for k in range(3)], 1
        )
        length = np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
        return normals / length[:, None], length

    def normals_jacobian(self, positions: Array, normals: Array, length: Array) -> sparse.csr_matrix:
        """[3 N, 3 N] d normals / d positions.

        The normal of triangle (a, b, c) is (b - a) x (c - a): its derivative by a corner is the cross product with the
        opposite edge.
        """
        a, b, c = (positions[self.triangles[:, k]] for k in range(3))
        values = []
        for _ in range(3):
            for edge in (c - b, a - c, b - a):
                x, y, z = edge.T
                values += [-z, y, z, -x, -y, x]
        size = 3 * self.count
        faces = sparse.csr_matrix((np.concatenate(values), (self._rows, self._columns)), (size, size))
        unit = (np.eye(3) - normals[:, :, None] * normals[:, None, :]) / length[:, None, None]
        normalised = sparse.bsr_matrix((unit, np.arange(self.count), np.arange(self.count + 1)), (size, size))
        return (normalised.tocsr() @ faces).tocsr()

    @staticmethod
    def pose_columns(positions: Array, view: View) -> Array:  # [N, 3] -> [N, 3, 6]
        """d positions (camera frame) / d step of `View.moved`."""
        x, y, z = ((positions - view.translation) * _FLIP).T
        zero = np.zeros_like(x)
        turn = np.stack([zero, z, -y, -z, zero, x, y, -x, zero], 1).reshape(-1, 3, 3) * _FLIP[None, :, None]
        shift = np.broadcast_to(np.eye(3) * view.translation[2], turn.shape)
        return np.concatenate([turn, shift], 2)

    def by_linear(self, rows: sparse.csr_matrix, view: View) -> NDArray[np.float32]:  # [R, 3 N] -> [R, K + 52 + 3 M]
        """Derivatives by camera positions as derivatives by the linear unknowns."""
        block = sparse.kron(sparse.identity(self.count), head_to_camera_matrix(view), format="csr")
        return (rows @ block).astype(np.float32) @ self.basis.reshape(3 * self.count, -1)


def _normal_entries(triangles: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the entries of d (sum of triangle normals) / d positions, in the order of their values."""
    rows, columns = [], []
    for normal_of in range(3):
        for moved in range(3):
            for i, j in ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)):
                rows.append(3 * triangles[:, normal_of] + i)
                columns.append(3 * triangles[:, moved] + j)
    return np.concatenate(rows), np.concatenate(columns)
