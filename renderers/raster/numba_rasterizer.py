"""The CPU rasterizer: a z-buffer loop over triangles, compiled by numba, on one thread and without the GIL.

It covers exactly the pixels that `renderers.raster.reference_rasterizer` covers; that module explains the rules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.compiled import kernel
from renderers.raster.fragments import Fragments, check_mesh, recompute


@dataclass(frozen=True)
class FragmentArrays:
    """What one picture shows of a mesh, as numpy arrays; the buffers are reused when passed to `rasterize_arrays`.

    Attributes:
        face_index: [H, W] int32, the nearest triangle at the pixel's centre, -1 where there is none.
        barycentric: [H, W, 3] float32, perspective-correct weights of that triangle's vertices, 0 where there is none.
        depth: [H, W] float32, mm along the camera's axis, 0 where there is none.
    """

    face_index: NDArray[np.int32]
    barycentric: NDArray[np.float32]
    depth: NDArray[np.float32]

    @classmethod
    def empty(cls, height: int, width: int) -> FragmentArrays:
        """Buffers for a picture of `height` x `width` pixels."""
        return cls(
            np.empty((height, width), np.int32),
            np.empty((height, width, 3), np.float32),
            np.empty((height, width), np.float32),
        )


def rasterize_arrays(
    vertices: NDArray[np.floating],  # [V, 3]: x px, y px, depth mm
    triangles: NDArray[np.int32],  # [F, 3]
    height: int,
    width: int,
    out: FragmentArrays | None = None,
    cull_backfaces: bool = False,
) -> FragmentArrays:
    """Rasterize one mesh: the fast path of inference, without torch.

    Args:
        vertices: [V, 3] float32 or float64, projected: pixels (centres at half-integers) and depth > 0 in mm.
        triangles: [F, 3] int32 vertex indices in 0..V-1.
        height, width: the picture's size in pixels.
        out: buffers of that size to write into; made when not given.
        cull_backfaces: leave out triangles seen from behind (see `raster.reference_rasterizer`).

    Returns:
        `out`, or new arrays.
    """
    out = FragmentArrays.empty(height, width) if out is None else out
    if out.face_index.shape != (height, width):
        raise ValueError(f"out has the size {out.face_index.shape}, expected {(height, width)}")
    out.face_index.fill(-1)
    _find_visible(vertices, triangles, cull_backfaces, np.zeros((height, width)), out.face_index)
    _find_weights(vertices, triangles, out.face_index, out.barycentric, out.depth)
    return out


def find_visible(
    vertices: NDArray[np.floating],  # [V, 3]: x px, y px, depth mm
    triangles: NDArray[np.int32],  # [F, 3]
    height: int,
    width: int,
    cull_backfaces: bool = False,
) -> NDArray[np.int32]:
    """[H, W] the nearest triangle at each pixel's centre, -1: none; what `rasterize_arrays` does without the rest."""
    face_index = np.full((height, width), -1, np.int32)
    _find_visible(vertices, triangles, cull_backfaces, np.zeros((height, width)), face_index)
    return face_index


class NumbaRasterizer:
    """`renderers.raster.rasterizer.Rasterizer` on the CPU; one picture of the batch after the other."""

    def __init__(self, cull_backfaces: bool = False) -> None:
        self.cull_backfaces = cull_backfaces

    def rasterize(
        self,
        vertices: Tensor,  # [B, V, 3]: x px, y px, depth mm
        triangles: Tensor,  # [F, 3] int64
        size: tuple[int, int],
    ) -> Fragments:
        """See `renderers.raster.rasterizer.Rasterizer.rasterize`."""
        check_mesh(vertices, triangles)
        batch = vertices.detach().cpu().contiguous().numpy()
        faces = triangles.cpu().to(torch.int32).contiguous().numpy()
        index = np.full((len(batch), *size), -1, np.int64)
        for picture, points in zip(index, batch, strict=True):
            _find_visible(points, faces, self.cull_backfaces, np.zeros(size), picture)
        return recompute(vertices, triangles, torch.from_numpy(index).to(vertices.device))


@kernel
def _directed_edge(px, py, qx, qy, sign):  # type: ignore[no-untyped-def]
    """Edge p -> q as origin, direction and the number that a point's weight must exceed to be inside.

    That number is 0, or just below it where a point exactly on the edge is inside (a top or a left edge).

    The origin is the endpoint that comes first in reading order, whichever way the edge runs: two triangles that
    share it compute the same number for a pixel up to its sign, so no rounding can make them both take the pixel or
    both leave it.
    """
    dx, dy = sign * (qx - px), sign * (qy - py)
    least = -1e-300 if dy < 0 or (dy == 0 and dx > 0) else 0.0
    if qy < py or (qy == py and qx < px):
        return qx, qy, dx, dy, least
    return px, py, dx, dy, least


@kernel
def _pixel_range(low, high, length):  # type: ignore[no-untyped-def]
    """Indices [first, last) of the pixels whose centres lie in low..high, clipped to the picture before rounding."""
    first = math.ceil(min(max(low - 0.5, 0.0), float(length)))
    last = math.floor(min(max(high - 0.5, -1.0), length - 1.0)) + 1
    return first, last


@kernel
def _find_visible(vertices, triangles, cull, nearest, face_index):  # type: ignore[no-untyped-def]
    """The z-buffer loop. `nearest` is 1 / depth: that is linear over the picture, so that is what is interpolated."""
    height, width = face_index.shape
    for f in range(triangles.shape[0]):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay, az = float(vertices[a, 0]), float(vertices[a, 1]), float(vertices[a, 2])
        bx, by, bz = float(vertices[b, 0]), float(vertices[b, 1]), float(vertices[b, 2])
        cx, cy, cz = float(vertices[c, 0]), float(vertices[c, 1]), float(vertices[c, 2])
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # Written so that NaN fails too.
        if not (az > 0 and bz > 0 and cz > 0 and 0 < abs(area) < np.inf) or (cull and area > 0):
            continue
        sign = 1.0 if area > 0 else -1.0
        x0, x1 = _pixel_range(min(ax, bx, cx), max(ax, bx, cx), width)
        y0, y1 = _pixel_range(min(ay, by, cy), max(ay, by, cy), height)
        aox, aoy, adx, ady, a_least = _directed_edge(bx, by, cx, cy, sign)
        box, boy, bdx, bdy, b_least = _directed_edge(cx, cy, ax, ay, sign)
        cox, coy, cdx, cdy, c_least = _directed_edge(ax, ay, bx, by, sign)
        scale = 1.0 / abs(area)
        az, bz, cz = scale / az, scale / bz, scale / cz
        for row in range(y0, y1):
            y = row + 0.5
            a_row, b_row, c_row = adx * (y - aoy), bdx * (y - boy), cdx * (y - coy)
            # Slices and one branch-free expression: the compiler turns them into vector code.
            nearest_row, face_row = nearest[row, x0:x1], face_index[row, x0:x1]
            for i in range(nearest_row.shape[0]):
                x = x0 + i + 0.5
                wa = a_row - ady * (x - aox)
                wb = b_row - bdy * (x - box)
                wc = c_row - cdy * (x - cox)
                inverse = wa * az + wb * bz + wc * cz
                old = nearest_row[i]
                wins = (wa > a_least) & (wb > b_least) & (wc > c_least) & (inverse > old)
                nearest_row[i] = inverse if wins else old
                face_row[i] = f if wins else face_row[i]


@kernel
def _find_weights(vertices, triangles, face_index, barycentric, depth):  # type: ignore[no-untyped-def]
    """`renderers.raster.fragments.recompute` for one picture, in float64."""
    height, width = face_index.shape
    for row in range(height):
        for column in range(width):
            f = face_index[row, column]
            if f < 0:
                barycentric[row, column, 0] = 0
                barycentric[row, column, 1] = 0
                barycentric[row, column, 2] = 0
                depth[row, column] = 0
                continue
            x, y = column + 0.5, row + 0.5
            a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
            ax, ay, bx, by = vertices[a, 0] - x, vertices[a, 1] - y, vertices[b, 0] - x, vertices[b, 1] - y
            cx, cy = vertices[c, 0] - x, vertices[c, 1] - y
            wa, wb, wc = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
            area = wa + wb + wc
            wa, wb, wc = wa / vertices[a, 2], wb / vertices[b, 2], wc / vertices[c, 2]
            scale = 1.0 / (wa + wb + wc)
            barycentric[row, column, 0] = wa * scale
            barycentric[row, column, 1] = wb * scale
            barycentric[row, column, 2] = wc * scale
            depth[row, column] = area * scale
