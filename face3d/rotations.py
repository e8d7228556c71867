"""Rotations as axis-angle vectors and as matrices, in numpy; `face3d.camera` has the same for torch.

scipy has both too, but importing `scipy.spatial` for them would take a twentieth of the time to a video's first frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def matrices_of(vectors: Array) -> Array:  # [..., 3] rad -> [..., 3, 3] float64
    """Rodrigues' formula."""
    vectors = np.asarray(vectors, float)
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    # sin(x) / x and (1 - cos(x)) / x^2, exact at 0 too: numpy's sinc is sin(pi x) / (pi x).
    first, second = np.sinc(angle / np.pi), np.sinc(angle / (2 * np.pi)) ** 2 / 2
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vectors.shape[:-1], 3, 3)
    result: Array = np.eye(3) + first * skew + second * (skew @ skew)
    return result


def yaw_pitch_roll(vectors: Array) -> Array:  # [..., 3] axis-angle, rad -> [..., 3] rad
    """A head's angles: yaw to the subject's left, pitch up, roll towards the subject's right shoulder.

    The head turns by yaw about +y, then by pitch about its own x axis, then by roll about its own z axis:
    R = Ry(yaw) Rx(-pitch) Rz(roll) in the head frame (`face3d.camera`).
    """
    m = matrices_of(vectors)
    pitch = np.arcsin(np.clip(m[..., 1, 2], -1, 1))
    return np.stack([np.arctan2(m[..., 0, 2], m[..., 2, 2]), pitch, np.arctan2(m[..., 1, 0], m[..., 1, 1])], -1)


def vectors_of(matrices: Array) -> Array:  # [..., 3, 3] -> [..., 3] rad, length 0..pi, float64
    """The inverse, through the quaternion (stable at 0 and at pi; Shepperd, 1978)."""
    m = np.asarray(matrices, float)
    diagonal = np.diagonal(m, axis1=-2, axis2=-1)
    trace = diagonal.sum(-1, keepdims=True)
    # Four times all products of two of the quaternion's numbers (w, x, y, z): each row is the quaternion, scaled.
    products = np.empty((*m.shape[:-2], 4, 4))
    products[..., 0, 0] = 1 + trace[..., 0]
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        products[..., i + 1, i + 1] = 1 + 2 * diagonal[..., i] - trace[..., 0]
        products[..., 0, i + 1] = products[..., i + 1, 0] = m[..., k, j] - m[..., j, k]
        products[..., j + 1, k + 1] = products[..., k + 1, j + 1] = m[..., k, j] + m[..., j, k]
    largest = np.diagonal(products, axis1=-2, axis2=-1).argmax(-1)
    quaternion = np.take_along_axis(products, largest[..., None, None], -2)[..., 0, :]
    quaternion = quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True)
    quaternion = np.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    size = np.linalg.norm(quaternion[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(size, quaternion[..., :1])
    result: Array = quaternion[..., 1:] * np.where(size > 1e-12, angle / np.maximum(size, 1e-12), 2.0)
    return result
