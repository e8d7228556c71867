"""Applies the warp of `renderers.surround` to a photo crop, frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from face3d.landmark_sets import FACE_OVAL
from renderers.driven_mesh import DrivenFrame, DrivenMesh
from renderers.half_grid import half_grid
from renderers.photo_layers import face_height
from renderers.rasterize_numba import rasterize_arrays
from renderers.surround import (
    Grid,
    HarmonicExtension,
    SurroundOptions,
    expression_weight,
    inverse_flow,
    rigid_weight,
    warp,
)

FloatArray = NDArray[np.float32]

# What lies beside the face (hair, ears) is about this much farther away than the face's outline, mm.
_HAIR_DEPTH_MM = 25.0


class SurroundWarp:
    """The photo around the face, following the driven mesh.

    Args:
        mesh: the photo's mesh.
        skin: [F, 3] the triangles that the surround follows.
        origin: [2] the crop's corner in the photo, px.
        photo: [h, w, 3] uint8, the crop.
        landmarks: [478, 2] px in the crop.
        covered: [h, w] uint8, 1 where the driven face is drawn over the photo anyway.
        options: reach of the warp.
    """

    def __init__(
        self,
        mesh: DrivenMesh,
        skin: NDArray[np.int32],
        origin: FloatArray,
        photo: NDArray[np.uint8],
        landmarks: FloatArray,
        covered: NDArray[np.uint8],
        options: SurroundOptions,
    ) -> None:
        self._photo, self._origin, self._fine, self._covered = photo, origin, half_grid(photo), covered
        height, width = photo.shape[:2]
        face = face_height(landmarks)
        self._grid = Grid.over(width, height, face / options.nodes)
        undriven = mesh.undriven()
        self._camera = mesh.camera
        inside, corners, weights, depth = self._find_nodes(undriven, mesh.source - origin, skin)
        self._extension = HarmonicExtension(inside, (1 / options.nodes / options.expression_reach) ** 2)
        rim = self._extension.rim
        self._rim_corners, self._rim_weights = (
            corners.reshape(-1, 3)[rim],
            weights.reshape(-1, 3)[rim].astype(np.float32),
        )
        self._source = (mesh.source - origin).astype(np.float32)
        self._weight = rigid_weight(self._grid, inside, float(landmarks[list(FACE_OVAL), 1].max()), face, options)
        self._skin_weight = expression_weight(self._grid, inside, face, options)
        self._points = self._lift(inside, depth)

    def _find_nodes(
        self, undriven: DrivenFrame, source: FloatArray, skin: NDArray[np.int32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int32], FloatArray, FloatArray]:
        """Which nodes lie on the undriven face's skin, and where on it."""
        rows, columns = self._grid.shape
        step = np.array([self._grid.x[1] - self._grid.x[0], self._grid.y[1] - self._grid.y[0]], np.float32)
        # Rasterize in node units: node i sits at pixel centre i + 0.5.
        vertices = np.concatenate([source / step + 0.5, undriven.pixels[:, 2:]], 1).astype(np.float32)
        fragments = rasterize_arrays(vertices, skin, rows, columns)
        inside = fragments.face_index >= 0
        corners = skin[np.maximum(fragments.face_index, 0)]
        return inside, corners, fragments.barycentric, fragments.depth

    def _lift(self, inside: NDArray[np.bool_], depth: FloatArray) -> FloatArray:
        """[gh, gw, 3] nodes as points in the camera frame, mm: the face's depth, continued around it."""
        if inside.any():
            nearest = distance_transform_edt(~inside, return_distances=False, return_indices=True)
            depth = depth[tuple(nearest)] + np.where(inside, 0, _HAIR_DEPTH_MM).astype(np.float32)
        pixels = self._grid.points() + self._origin
        principal = np.array(self._camera.principal_point_px, np.float32)
        flat = (pixels - principal) / np.float32(self._camera.focal_px) * depth[..., None]
        return np.concatenate([flat, depth[..., None]], -1).astype(np.float32)

    def __call__(self, frame: DrivenFrame) -> NDArray[np.uint8]:
        """[h, w, 3] the crop, warped for this frame."""
        turned = frame.move(self._points)
        principal = np.array(self._camera.principal_point_px, np.float32)
        projected = turned[..., :2] / turned[..., 2:] * np.float32(self._camera.focal_px) + principal - self._origin
        rigid = (projected - self._grid.points()) * self._weight[..., None]
        moved = frame.pixels[:, :2] - self._origin - self._source
        total = (moved[self._rim_corners] * self._rim_weights[..., None]).sum(1)
        rest = total - rigid.reshape(-1, 2)[self._extension.rim]
        displacement = rigid + self._extension(rest) * self._skin_weight[..., None]
        crop = self._photo.copy()
        warp(self._fine, inverse_flow(displacement, self._grid), self._grid, crop, self._covered)
        return crop
