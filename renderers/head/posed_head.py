"""The head of one person, posed frame by frame: `MorphableModel.vertices` and the camera's equations without torch,
whose many small steps would take longer than the work in them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from face3d.compiled import kernel
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part

FloatArray = NDArray[np.float32]
Matrix = NDArray[np.float64]


class PosedHead:
    """`MorphableModel.vertices` for one identity.

    Args:
        model: the face model.
        identity: [K] of the person.
    """

    def __init__(self, model: MorphableModel, identity: Tensor) -> None:
        neutral = model.neutral(identity)
        self._neutral, self._basis = (
            np.ascontiguousarray(a.numpy(), np.float32) for a in (neutral, model.expression_basis)
        )
        self._jaw = model.part_vertices(Part.LOWER_TEETH, Part.TONGUE).numpy()
        self._hinge = model.jaw_pivot.double().numpy()
        self._jaw_motion = np.concatenate([model.jaw_rotation.numpy(), model.jaw_translation.numpy()], 1)  # [52, 6]
        parts = (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL)
        centers = model.eye_centers(neutral).double().numpy()
        self._eyes = [(model.part_vertices(p).numpy(), c) for p, c in zip(parts, centers, strict=True)]

    def vertices(self, expression: FloatArray, eye_rotation: FloatArray) -> FloatArray:
        """The posed mesh before the head's own rotation and translation.

        Args:
            expression: [52] weights.
            eye_rotation: [2, 2] (pitch, yaw) rad of the left and the right eyeball.

        Returns:
            [V, 3] mm, head frame.
        """
        result = weighted_sum(self._neutral, self._basis, expression)
        motion = (expression @ self._jaw_motion).astype(np.float64)
        _turn(result, self._jaw, rotation_matrix(motion[:3]), self._hinge, self._hinge + motion[3:])
        for (index, center), (pitch, yaw) in zip(self._eyes, eye_rotation.tolist(), strict=True):
            matrix = rotation_matrix((0.0, yaw, 0.0)) @ rotation_matrix((pitch, 0.0, 0.0))
            _turn(result, index, matrix, center, center)
        return result


def rotation_matrix(rotation: Matrix | tuple[float, float, float]) -> Matrix:  # [3] rad -> [3, 3]
    """:func:`face3d.camera.axis_angle_to_matrix` of one rotation."""
    x, y, z = (float(v) for v in rotation)
    square = x * x + y * y + z * z
    angle = math.sqrt(square)
    small = square < 1e-12
    a, b = (1.0, 0.5) if small else (math.sin(angle) / angle, (1 - math.cos(angle)) / square)
    return np.array(
        [
            [1 - b * (y * y + z * z), b * x * y - a * z, b * x * z + a * y],
            [b * x * y + a * z, 1 - b * (x * x + z * z), b * y * z - a * x],
            [b * x * z - a * y, b * y * z + a * x, 1 - b * (x * x + y * y)],
        ]
    )


def weighted_sum(
    start: FloatArray,  # [...]
    fields: FloatArray,  # [K, ...]
    weights: NDArray[np.floating],  # [K]
) -> FloatArray:  # [...]
    """``start + sum of weights[k] * fields[k]``; fields whose weight is 0 cost nothing."""
    result = start.copy()
    _add_fields(result.reshape(-1), fields.reshape(len(fields), -1), weights.astype(np.float32))
    return result


def place(
    head: FloatArray,  # [V, 3] mm, head frame
    offset: FloatArray,  # [V, 2] mm
    matrix: Matrix,  # [3, 3] head frame to camera frame
    translation: NDArray[np.floating],  # [3] mm
    relative: Matrix,  # [3, 3]
    camera: tuple[float, float, float],
) -> tuple[FloatArray, FloatArray]:  # [V, 3] each
    """Vertices in the camera frame, ``matrix @ head + translation + relative @ (offset, 0)`` mm, and in the picture.

    Args:
        head, offset, matrix, translation, relative: as in the equation.
        camera: focal length and principal point (x, y), px.

    Returns:
        The vertices in the camera frame, mm; and their places: x, y px and depth mm.
    """
    placed, pixels = np.empty_like(head), np.empty_like(head)
    motion = np.concatenate([matrix, relative[:, :2], translation[:, None]], 1).astype(np.float32)
    _place(head, offset, motion, np.array(camera, np.float32), placed, pixels)
    return placed, pixels


@kernel
def _add_fields(result, fields, weights):  # type: ignore[no-untyped-def]
    # In pieces that stay in the processor's nearest cache.
    for first in range(0, result.shape[0], 2048):
        part = result[first : first + 2048]
        for k in range(weights.shape[0]):
            weight = weights[k]
            if weight != 0:
                field = fields[k, first : first + 2048]
                for i in range(part.shape[0]):
                    part[i] += weight * field[i]


@kernel
def _turn(vertices, index, matrix, center, target):  # type: ignore[no-untyped-def]
    """Turn some vertices about `center`, which goes to `target`."""
    for i in index:
        x, y, z = vertices[i, 0] - center[0], vertices[i, 1] - center[1], vertices[i, 2] - center[2]
        for k in range(3):
            vertices[i, k] = matrix[k, 0] * x + matrix[k, 1] * y + matrix[k, 2] * z + target[k]


@kernel
def _place(head, offset, motion, camera, placed, pixels):  # type: ignore[no-untyped-def]
    for v in range(head.shape[0]):
        x, y, z, across, down = head[v, 0], head[v, 1], head[v, 2], offset[v, 0], offset[v, 1]
        for k in range(3):
            m = motion[k]
            placed[v, k] = m[0] * x + m[1] * y + m[2] * z + m[3] * across + m[4] * down + m[5]
        scale = camera[0] / placed[v, 2]
        pixels[v, 0] = placed[v, 0] * scale + camera[1]
        pixels[v, 1] = placed[v, 1] * scale + camera[2]
        pixels[v, 2] = placed[v, 2]
