"""Albedo texture and coloured light of a refined face, in linear RGB.

Light and albedo share one unknown factor in each channel: here the face's shading has the mean 1, so the texture has
the face's own colours with light and shade taken out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.model.morphable_model import MorphableModel
from renderers.photometric.crop import FaceCrop
from renderers.photometric.face_region import FaceRegion
from renderers.photometric.patch import Patch, Shape, View
from renderers.photometric.photometric import fit_light
from renderers.photometric.pixel_terms import harmonics
from renderers.photometric.visibility import Visible
from renderers.raster.numba_rasterizer import rasterize_arrays

Array = NDArray[np.float64]

# A texel this much behind what its pixel shows is hidden, mm.
_HIDDEN_MM = 4.0
# Cosines between surface and view: from the first on a texel is used, at the second fully.
_GRAZING, _FACING = 0.2, 0.5
# Shading is not divided out below this share of its mean: what is in the dark there stays dark.
_LEAST_SHADING = 0.1


@dataclass(frozen=True)
class Appearance:
    """How the face looks without light, and the light.

    Attributes:
        texture: [S, S, 3] float32 albedo in the model's UV atlas, linear RGB, 0..1, row 0 at v = 1. Texels that no
            photo shows have the smooth albedo (on the face) or the face's mean colour.
        lights: [P, 9, 3] float32, one for each photo, linear RGB, as `renderers.raster.shading.sh_shading` takes it,
            over normals in the camera frame.
    """

    texture: NDArray[np.float32]
    lights: NDArray[np.float32]


class AppearanceEstimator:
    """Makes appearances; the atlas is rasterized once.

    Args:
        model: the face model. region: of it. size: texels along a side.
    """

    def __init__(self, model: MorphableModel, region: FaceRegion, size: int) -> None:
        corners = np.ones((len(model.uv), 3), np.float32)
        corners[:, :2] = model.uv.numpy() * [size, -size] + [0, size]
        atlas = rasterize_arrays(corners, model.uv_triangles.numpy().astype(np.int32), size, size)
        place = np.full(len(model.triangles) + 1, -1)  # the last one is for texels without a triangle
        place[region.triangle_ids[region.seen]] = np.flatnonzero(region.seen)
        triangle = place[atlas.face_index]
        self._size = size
        self._texels = np.nonzero(triangle >= 0)
        self._triangle = triangle[self._texels]
        self._weights = atlas.barycentric[self._texels].astype(np.float64)

    def __call__(
        self, patch: Patch, shape: Shape, views: list[View], crops: list[FaceCrop], seen: list[Visible]
    ) -> Appearance:
        """The appearance that explains these photos on this face."""
        corners = patch.triangles[self._triangle]
        # The tone belongs to the photo; the appearance is to reproduce the photo without it.
        tone = float(np.mean([view.tone for view in views]))
        log_albedo = tone * patch.log_albedo(shape)
        smooth = np.exp((log_albedo[corners] * self._weights).sum(1))
        total, weight, lights = np.zeros((len(corners), 3)), np.zeros((len(corners), 1)), []
        for view, crop, visible in zip(views, crops, seen, strict=True):
            positions = patch.camera(shape, view)
            normals, _ = patch.normals(positions)
            light = _light(patch, positions, normals, log_albedo, crop, visible)
            lights.append(light)
            points, directions = (
                (values[corners] * self._weights[..., None]).sum(1) for values in (positions, normals)
            )
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            colour, use = _look_up(points, directions, positions, patch, crop, visible)
            total += use * colour / np.maximum(harmonics(directions) @ light, _LEAST_SHADING)
            weight += use
        found = total / np.maximum(weight, 1e-9)
        used = weight[:, 0] > 0.5
        tint = np.median(found[used] / smooth[used, None], axis=0) if used.any() else np.full(3, 0.5)
        share = np.minimum(weight, 1)
        texture = np.empty((self._size, self._size, 3))
        texture[:] = tint
        texture[self._texels] = share * found + (1 - share) * tint * smooth[:, None]
        return Appearance(np.clip(texture, 0, 1).astype(np.float32), np.stack(lights).astype(np.float32))


def _light(
    patch: Patch, positions: Array, normals: Array, log_albedo: Array, crop: FaceCrop, visible: Visible
) -> Array:  # [9, 3]
    """The coloured light, with a mean shading of 1."""
    used = (visible.face_index >= 0) & crop.skin
    if not used.any():
        return np.zeros((9, 3)) + np.eye(9, 3)[:, :1] * np.sqrt(4 * np.pi)
    corners, weights = patch.triangles[visible.face_index[used]], visible.barycentric[used][..., None]
    normal = (normals[corners] * weights).sum(1)
    basis = harmonics(normal / np.linalg.norm(normal, axis=1, keepdims=True))
    lit = basis * np.exp((log_albedo[corners] * weights[..., 0]).sum(1))[:, None]
    light = np.stack([fit_light(lit, crop.linear[used][:, c].astype(np.float64)) for c in range(3)], 1)
    return light / np.maximum((basis @ light).mean(0), 1e-6)


def _look_up(
    points: Array, normals: Array, positions: Array, patch: Patch, crop: FaceCrop, visible: Visible
) -> tuple[Array, Array]:  # [X, 3], [X, 1]
    """Colour of each texel in the photo, and how far it can be trusted, 0..1."""
    x, y = crop.camera.principal_point_px
    column = np.floor(points[:, 0] / points[:, 2] * crop.camera.focal_px + x).astype(int)
    row = np.floor(points[:, 1] / points[:, 2] * crop.camera.focal_px + y).astype(int)
    height, width = crop.luminance.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    column, row = column.clip(0, width - 1), row.clip(0, height - 1)
    covered = visible.face_index >= 0
    depth = np.zeros(covered.shape)
    corners = patch.triangles[visible.face_index[covered]]
    depth[covered] = (positions[corners, 2] * visible.barycentric[covered]).sum(1)
    shown = inside & covered[row, column] & (points[:, 2] < depth[row, column] + _HIDDEN_MM)
    cosine = -(points * normals).sum(1) / np.linalg.norm(points, axis=1)
    trust = np.where(shown, np.clip((cosine - _GRAZING) / (_FACING - _GRAZING), 0, 1), 0)
    return crop.linear[row, column].astype(np.float64), trust[:, None]
