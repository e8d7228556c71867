"""What the face network sees: the rendered face and what the mesh knows of every pixel, in a small square window."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.compiled import kernel
from face3d.model.morphable_model import MorphableModel
from renderers.head.skin_kernels import affine_maps
from renderers.raster.numba_rasterizer import find_visible
from renderers.raster.shading import vertex_normals_arrays

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

SIZE = 128
# The picture's colours, the photo's own, the normals (camera frame), their change, the place on the head (2), how far
# the pixel belongs to the face (1), how much the surface has been stretched (1, log of the area's ratio).
PLANES = 3 + 3 + 3 + 3 + 2 + 1 + 1
# Changes of the 52 weights, of the head (turn, 3) and of the gaze (4).
CONTEXT = 52 + 3 + 4
MARGIN = 0.06
_ATTRIBUTES = 10


@dataclass(frozen=True)
class FaceWindow:
    """A box of the crop that the network sees as SIZE x SIZE pixels: (x, y) px of its corner and its sides, px."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def around(cls, points: FloatArray) -> FaceWindow:
        """The box of [478, 2] landmarks with a margin."""
        low, high = points.min(0), points.max(0)
        size = (high - low) * (1 + 2 * MARGIN)
        corner = (low + high - size) / 2
        return cls(float(corner[0]), float(corner[1]), float(size[0]), float(size[1]))

    @property
    def scale(self) -> FloatArray:
        """[2] cells per pixel."""
        return np.array([SIZE / self.width, SIZE / self.height], np.float32)

    def cells(self, points: FloatArray) -> FloatArray:  # [N, 2] px -> [N, 2]
        """Points of the crop in cells of the window."""
        return ((points - (self.left, self.top)) * self.scale).astype(np.float32)

    def cut(self, picture: Image) -> FloatArray:  # [h, w, 3] -> [SIZE, SIZE, 3]
        """The picture in the window, 0..1, every pixel counted; beyond its border it is continued."""
        step = max(1, int(0.5 / max(self.scale)))  # two samples per cell are enough
        x = self.left + self.width * (np.arange(2 * SIZE, dtype=np.float32) + 0.5) / (2 * SIZE) - 0.5
        y = self.top + self.height * (np.arange(2 * SIZE, dtype=np.float32) + 0.5) / (2 * SIZE) - 0.5
        if step > 1:
            picture = np.asarray(cv2.resize(picture, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA))
            x, y = (x + 0.5) / step - 0.5, (y + 0.5) / step - 0.5
        grid = np.meshgrid(x, y)
        fine = cv2.remap(picture, *grid, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.resize(fine, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)


@dataclass(frozen=True)
class FaceSurface:
    """The drawn mesh of one photo.

    Attributes:
        triangles: [F, 3] what is drawn.
        source: [V, 2] px in the crop, where the photo shows the vertices.
        normals: [V, 3] in the photo, camera frame.
        place: [V, 2] on the head at rest, from the front, in units of 100 mm.
        inside: [V] 0..1 how far the photo's face mask covers the vertex.
    """

    triangles: NDArray[np.int32]
    source: FloatArray
    normals: FloatArray
    place: FloatArray
    inside: FloatArray

    @classmethod
    def of(
        cls,
        model: MorphableModel,
        triangles: NDArray[np.int32],
        source: FloatArray,
        camera: FloatArray,
        face_mask: FloatArray,
    ) -> FaceSurface:
        """The surface of a photo.

        Args:
            model: the face model.
            triangles: [F, 3] what is drawn of it.
            source: [V, 2] px in the crop.
            camera: [V, 3] mm, the undriven vertices.
            face_mask: [h, w] of `PhotoLayers`.
        """
        columns, rows = np.floor(source).astype(int).T
        columns, rows = columns.clip(0, face_mask.shape[1] - 1), rows.clip(0, face_mask.shape[0] - 1)
        place = model.mean.numpy()[:, :2].astype(np.float32) / np.float32(100)
        normals = vertex_normals_arrays(camera, triangles)
        return cls(triangles, source.astype(np.float32), normals, place, face_mask[rows, columns])

    def planes(self, window: FaceWindow, pixels: FloatArray, normals: FloatArray) -> FloatArray:
        """[SIZE, SIZE, 10]: normals, their change, place, belonging and stretch; 0 where there is no mesh.

        Args:
            window: what to draw.
            pixels: [V, 3] this frame's x, y in the crop, px, and depth, mm.
            normals: [V, 3] this frame's.
        """
        values = np.concatenate([normals, normals - self.normals, self.place, self.inside[:, None]], 1)
        local = pixels.copy()
        local[:, :2] = (local[:, :2] - (window.left, window.top)) * window.scale
        maps = affine_maps(local[:, :2], self.triangles, values.astype(np.float32))
        visible = find_visible(local, self.triangles, SIZE, SIZE)
        out = np.zeros((SIZE, SIZE, _ATTRIBUTES), np.float32)
        _fill(visible, maps, _stretch(pixels, self.source, self.triangles), out)
        return out


def _stretch(pixels: FloatArray, source: FloatArray, triangles: NDArray[np.int32]) -> FloatArray:
    """[F] log of how much larger each triangle is than in the photo, within -1..1."""

    def area(points: FloatArray) -> FloatArray:
        a, b, c = (points[triangles[:, k]] for k in range(3))
        first, second = b - a, c - a
        return np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) + np.float32(1e-3)

    return np.clip(np.log(area(pixels[:, :2]) / area(source)), -1, 1).astype(np.float32)


@kernel
def _fill(visible, maps, stretch, out):  # type: ignore[no-untyped-def]
    count = maps.shape[2]
    for row in range(out.shape[0]):
        y = np.float32(row) + np.float32(0.5)
        for column in range(out.shape[1]):
            f = visible[row, column]
            if f < 0:
                continue
            x = np.float32(column) + np.float32(0.5)
            for k in range(count):
                out[row, column, k] = maps[f, 0, k] + maps[f, 1, k] * x + maps[f, 2, k] * y
            out[row, column, count] = stretch[f]
