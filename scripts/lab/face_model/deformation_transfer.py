"""Expressions of one head on the mesh of another: deformation transfer (Sumner & Popovic 2004).

Solved as in Botsch et al., "Deformation Transfer for Detail-Preserving Surface Editing" (2006): the gradients of the
wanted positions over each triangle shall be those of the rest positions, turned and stretched as the source surface is
at the corresponding place; in the least-squares sense that is one Poisson system for all expressions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_SMALLEST_AREA = 1e-9  # mm^2


def deformation_gradients(rest: Array, moved: Array, triangles: Indices) -> Array:  # [V, 3] x 2, [F, 3] -> [V, 3, 3]
    """How the surface is turned and stretched around each vertex: means over its triangles, weighted by their areas.

    The third direction of a triangle is its normal, scaled by the square root of the area (Sumner & Popovic, eq. 1).
    """
    before, area = _frames(rest, triangles)
    after, _ = _frames(moved, triangles)
    good = area > _SMALLEST_AREA
    each = np.broadcast_to(np.eye(3), (len(triangles), 3, 3)).copy()
    each[good] = after[good] @ np.linalg.inv(before[good])
    total = np.zeros((len(rest), 3, 3))
    weight = np.zeros(len(rest))
    for corner in range(3):
        np.add.at(total, triangles[:, corner], each * area[:, None, None])
        np.add.at(weight, triangles[:, corner], area)
    used = weight > 0
    total[~used] = np.eye(3)
    total[used] /= weight[used, None, None]
    return total


def _frames(vertices: Array, triangles: Indices) -> tuple[Array, Array]:
    """[F, 3, 3] two edges and the scaled normal as columns, and [F] areas."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    scaled = normal / np.sqrt(np.maximum(length, _SMALLEST_AREA))[:, None]
    return np.stack([b - a, c - a, scaled], -1), length / 2


@dataclass(frozen=True)
class Anchors:
    """Vertices whose positions are known.

    Attributes:
        vertices: [N] indices.
        trust: [N] what a squared millimetre off costs, against the squared gradients' error times square millimetres.
    """

    vertices: Indices
    trust: Array


class DeformationTransfer:
    """One mesh, prepared for any number of expressions.

    Args:
        rest: [V, 3] mm, positions at rest.
        triangles: [F, 3] those that deform.
        anchors: where positions are given; each connected piece needs at least one.
    """

    def __init__(self, rest: Array, triangles: Indices, anchors: Anchors) -> None:
        self._rest, self._triangles, self._anchors = rest, triangles, anchors
        self._gradient, areas = _gradient_operator(rest, triangles)
        self._weights = sparse.diags(np.repeat(areas, 3))
        count = len(rest)
        used = np.zeros(count)
        used[triangles.ravel()] = 1
        trust = np.zeros(count)
        np.add.at(trust, anchors.vertices, anchors.trust)
        # Vertices of no triangle stay where they are.
        self._pull = trust + (1 - used)
        normal = self._gradient.T @ self._weights @ self._gradient + sparse.diags(self._pull + 1e-9)
        self._solver = splu(normal.tocsc())

    def solve(self, turned: Array, targets: Array) -> Array:
        """Positions [V, 3].

        Args:
            turned: [F, 3, 3] the deformation gradient that each triangle shall have.
            targets: [N, 3] mm, positions of the anchors.
        """
        at_rest = (self._gradient @ self._rest).reshape(len(self._triangles), 3, 3)  # [F, direction, coordinate]
        wanted = np.einsum("fdc,fkc->fdk", at_rest, turned).reshape(-1, 3)
        pulled = self._rest * self._pull[:, None]
        held = np.zeros_like(self._rest)
        np.add.at(held, self._anchors.vertices, self._anchors.trust[:, None] * targets)
        known = np.zeros(len(self._rest), bool)
        known[self._anchors.vertices] = True
        pulled[known] = held[known]
        return self._solver.solve(self._gradient.T @ (self._weights @ wanted) + pulled + 1e-9 * self._rest)


def _gradient_operator(vertices: Array, triangles: Indices) -> tuple[sparse.csr_matrix, Array]:
    """[3 F, V] the gradient of a function of the vertices over each triangle, and [F] the areas."""
    corners = vertices[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    double = np.maximum(np.linalg.norm(normal, axis=1), _SMALLEST_AREA)
    unit = normal / double[:, None]
    rows, columns, values = [], [], []
    for corner in range(3):
        # The gradient of a hat function: perpendicular to the opposite edge, in the triangle's plane.
        edge = corners[:, (corner + 2) % 3] - corners[:, (corner + 1) % 3]
        hat = np.cross(unit, edge) / double[:, None]
        for axis in range(3):
            rows.append(3 * np.arange(len(triangles)) + axis)
            columns.append(triangles[:, corner])
            values.append(hat[:, axis])
    shape = (3 * len(triangles), len(vertices))
    matrix = sparse.coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape)
    return matrix.tocsr(), double / 2
