"""Normals and simple lights: a directional one, and distant light in second-order spherical harmonics.

Frames do not matter as long as normals and lights share one; normals point to the side from which a triangle's
vertices run anti-clockwise, which is the outside of the head mesh.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.compiled import kernel

SH_COUNT = 9
# Ramamoorthi and Hanrahan, "An efficient representation for irradiance environment maps" (2001): the real basis
# functions Y00, Y1-1, Y10, Y11, Y2-2, Y2-1, Y20, Y21, Y22 are these factors times 1, y, z, x, xy, yz, 3 z^2 - 1, xz,
# x^2 - y^2.
SH_FACTORS = (
    math.sqrt(1 / (4 * math.pi)),
    *[math.sqrt(3 / (4 * math.pi))] * 3,
    *[math.sqrt(15 / (4 * math.pi))] * 2,
    math.sqrt(5 / (16 * math.pi)),
    math.sqrt(15 / (4 * math.pi)),
    math.sqrt(15 / (16 * math.pi)),
)
# Their equation 8, the clamped cosine's transform (pi, 2 pi / 3, pi / 4 for orders 0, 1, 2), over the pi of a white
# surface.
SH_COSINE = (1.0, *[2 / 3] * 3, *[1 / 4] * 5)


def vertex_normals(
    vertices: Tensor,  # [..., V, 3]
    triangles: Tensor,  # [F, 3] int64
) -> Tensor:  # [..., V, 3]
    """Unit normals: the mean of the adjacent triangles' normals weighted by area; 0 for a vertex without triangles."""
    a, b, c = (vertices[..., triangles[:, k], :] for k in range(3))
    faces = torch.linalg.cross(b - a, c - a)
    normals = torch.zeros_like(vertices)
    for k in range(3):
        normals = normals.index_add(-2, triangles[:, k], faces)
    return torch.nn.functional.normalize(normals, dim=-1)


def vertex_normals_arrays(
    vertices: NDArray[np.float32],  # [V, 3]
    triangles: NDArray[np.int32],  # [F, 3]
) -> NDArray[np.float32]:  # [V, 3]
    """:func:`vertex_normals` without torch, for inference."""
    normals = np.zeros_like(vertices)
    _add_normals(vertices, triangles, normals)
    return normals


@kernel
def _add_normals(vertices, triangles, normals):  # type: ignore[no-untyped-def]
    for f in range(triangles.shape[0]):
        a, b, c = vertices[triangles[f, 0]], vertices[triangles[f, 1]], vertices[triangles[f, 2]]
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        for k in range(3):
            normal = normals[triangles[f, k]]
            normal[0] += uy * vz - uz * vy
            normal[1] += uz * vx - ux * vz
            normal[2] += ux * vy - uy * vx
    for v in range(normals.shape[0]):
        normal = normals[v]
        length = np.sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2])
        scale = 1.0 / max(length, 1e-12)
        normal[0] *= scale
        normal[1] *= scale
        normal[2] *= scale


def sh_basis(normals: Tensor) -> Tensor:  # [..., 3] unit -> [..., 9]
    """The nine real spherical harmonics of orders 0 to 2, in the order and scale of `SH_FACTORS`."""
    x, y, z = normals.unbind(-1)
    terms = torch.stack([torch.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], -1)
    return terms * normals.new_tensor(SH_FACTORS)


def sh_basis_arrays(normals: NDArray[np.float32]) -> NDArray[np.float32]:  # [N, 3] -> [N, 9]
    """:func:`sh_basis` without torch, for inference."""
    x, y, z = normals.T
    terms = np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], -1)
    return (terms * np.array(SH_FACTORS)).astype(np.float32)


def sh_shading(
    normals: Tensor,  # [..., 3] unit
    light: Tensor,  # [9, C] or [..., 9, C]: the environment's radiance, projected on the basis
) -> Tensor:  # [..., C]
    """Radiance of a white matt surface under distant light (irradiance over pi).

    Light of radiance 1 from everywhere has the coefficients (sqrt(4 pi), 0, ...) and gives 1 for every normal.
    """
    weights = sh_basis(normals) * normals.new_tensor(SH_COSINE)
    return (weights[..., None, :] @ light).squeeze(-2)
