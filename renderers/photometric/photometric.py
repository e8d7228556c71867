"""Residuals of one photo's brightness with their derivatives, and the light to start from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from renderers.photometric.crop import FaceCrop
from renderers.photometric.patch import Patch, Shape, View
from renderers.photometric.pixel_terms import CORNER_UNKNOWNS, UNKNOWNS, gather, harmonics, harmonics_scale
from renderers.photometric.visibility import Visible

Array = NDArray[np.float64]

# Surfaces seen at a flatter angle than this (cosine) are left out: there the outline decides, not the shade.
_LEAST_COSINE = 0.2
# Added to a pixel's brightness, as a share of the face's median, before errors are taken relative to it.
_DARK = 0.3
# Curvature of the light that costs nothing when it is first guessed, as a share of the mean.
_LIGHT_RIDGE = 1e-4


@dataclass(frozen=True)
class Brightness:
    """The linearised photometric term.

    Attributes:
        residual: [R] relative error of the brightness of each triangle seen.
        area: [R] mm^2 seen of it.
        positions, normals: [R, 3 N] and albedo: [R, N] sparse derivatives by what the vertices have (camera frame).
        light: [R, 9] and zoom: [R] derivatives by the light and the logarithm of the focal length.
    """

    residual: Array
    area: Array
    positions: sparse.csr_matrix
    normals: sparse.csr_matrix
    albedo: sparse.csr_matrix
    light: Array
    zoom: Array


class PhotometricTerm:
    """The brightness of one face crop.

    Args:
        crop: the picture.
        patch: the face.
    """

    def __init__(self, crop: FaceCrop, patch: Patch) -> None:
        self._crop, self._patch = crop, patch

    def _weights(self, visible: Visible, positions: Array, normals: Array) -> tuple[NDArray[np.bool_], Array]:
        """[H, W] pixels that count, and their area on the face, mm^2 (seen from the camera)."""
        used = (visible.face_index >= 0) & self._crop.skin
        corners = self._patch.triangles[visible.face_index[used]]
        weights = visible.barycentric[used][..., None]
        point, normal = (positions[corners] * weights).sum(1), (normals[corners] * weights).sum(1)
        cosine = -(point * normal).sum(1) / np.linalg.norm(point, axis=1) / np.linalg.norm(normal, axis=1)
        area = np.zeros(used.shape)
        area[used] = np.where(cosine > _LEAST_COSINE, (point[:, 2] / self._crop.camera.focal_px) ** 2, 0)
        return area > 0, area

    def guess_light(self, shape: Shape, view: View, visible: Visible) -> View:
        """The view with the light that suits the picture best on the face as it is."""
        positions = self._patch.camera(shape, view)
        normals, _ = self._patch.normals(positions)
        used, _ = self._weights(visible, positions, normals)
        corners, weights = self._patch.triangles[visible.face_index[used]], visible.barycentric[used][..., None]
        normal = (normals[corners] * weights).sum(1)
        albedo = np.exp((self._patch.log_albedo(shape)[corners] * weights[..., 0]).sum(1))
        basis = harmonics(normal / np.linalg.norm(normal, axis=1, keepdims=True)) * albedo[:, None]
        return replace(view, light=fit_light(basis, self._crop.luminance[used], view.tone))

    def __call__(self, shape: Shape, view: View, visible: Visible) -> Brightness:
        """Compare and linearise; `visible` stays as it is."""
        patch = self._patch
        positions = patch.camera(shape, view)
        normals, _ = patch.normals(positions)
        used, area = self._weights(visible, positions, normals)
        weight = np.zeros(used.shape)
        weight[used] = area[used] * _relative(self._crop.luminance[used])
        rows, residual = np.zeros((len(patch.triangles), UNKNOWNS)), np.zeros(len(patch.triangles))
        gather(
            self._crop.luminance,
            weight,
            visible.face_index,
            visible.barycentric,
            patch.triangles,
            positions,
            normals,
            patch.log_albedo(shape),
            view.light,
            view.tone,
            _middle(self._crop.luminance[used]),
            self._crop.camera.focal_px,
            harmonics_scale(),
            rows,
            residual,
        )
        total = np.bincount(visible.face_index[used], area[used], len(patch.triangles))
        seen = np.flatnonzero(total > 0)
        rows, residual = rows[seen] / total[seen, None], residual[seen] / total[seen]
        corners = patch.triangles[seen]
        axes = (3 * corners[:, :, None] + np.arange(3)).reshape(-1, 9)
        size = 3 * patch.count
        return Brightness(
            np.asarray(residual, np.float64),
            np.asarray(total[seen], np.float64),
            _sparse(rows[:, :9], axes, size),
            _sparse(rows[:, 9:18], axes, size),
            _sparse(rows[:, 18:21], corners, patch.count),
            rows[:, CORNER_UNKNOWNS:-1],
            rows[:, -1],
        )


def _sparse(values: Array, columns: NDArray[np.int64], width: int) -> sparse.csr_matrix:
    """Rows with the same number of entries each."""
    count, entries = values.shape
    return sparse.csr_matrix((values.ravel(), columns.ravel(), np.arange(count + 1) * entries), (count, width))


def fit_light(
    basis: Array,  # [P, 9]: `harmonics` times the albedo
    picture: Array,  # [P] linear
    tone: float = 1.0,
) -> Array:
    """The [9] light under which the surface looks like the picture.

    Reweighted least squares (Geman-McClure) on the picture with the tone undone.
    """
    relative = _relative(picture)
    pivot = _middle(picture)
    target = pivot * np.maximum(picture / pivot, 1e-4) ** (1 / tone)
    slope = tone * (target / pivot) ** (tone - 1) * relative
    light: Array = np.zeros(9)
    weight: Array = np.asarray(np.square(slope), np.float64)
    for _ in range(6):
        normal = (basis * weight[:, None]).T @ basis
        ridge = np.trace(normal) / 9 * _LIGHT_RIDGE
        ridges = np.diag([ridge * 1e-3, *[ridge] * 3, *[4 * ridge] * 5])
        light = np.asarray(np.linalg.solve(normal + ridges, (basis * weight[:, None]).T @ target), np.float64)
        residual = (basis @ light - target) * slope
        spread = max(1.4826 * float(np.median(np.abs(residual))), 1e-3)
        weight = np.asarray(np.square(slope) / (1 + (residual / (2.5 * spread)) ** 2) ** 2, np.float64)
    return light


def _relative(picture: Array) -> Array:  # [P] -> [P]
    """What makes an error relative to the picture's brightness, gently so in the dark."""
    return 1 / (picture + _DARK * _middle(picture))


def _middle(picture: Array) -> float:
    """The median brightness, above 0."""
    return max(float(np.median(picture)), 1e-4) if picture.size else 1.0
