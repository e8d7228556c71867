"""A piecewise-linear warp of a picture by landmarks: the simple renderer that a better one has to beat."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from renderers.raster.numba_rasterizer import find_visible

Image = NDArray[np.uint8]
Points = NDArray[np.floating]  # [N, 2] px, centres of pixels at half-integers
Triangles = NDArray[np.int32]  # [F, 3]

_ANCHORS_PER_SIDE = 8


def triangulate(points: Points) -> Triangles:
    """Delaunay's triangulation of [N, 2] points."""
    return np.ascontiguousarray(Delaunay(np.asarray(points, np.float64)).simplices, np.int32)


def source_positions(
    source: Points,  # [N, 2]
    target: Points,  # [N, 2]
    triangles: Triangles,
    size: tuple[int, int],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """For each pixel of the warped picture, where in the original it comes from.

    Args:
        source: the triangles' corners in the original.
        target: the same in the warped picture.
        triangles: where they overlap in the warped picture, which one shows is not defined.
        size: (width, height) of the warped picture.

    Returns:
        [H, W, 2] positions in pixels, and [H, W] whether a triangle covers the pixel; elsewhere a position is its own.
    """
    flat = np.column_stack([target, np.ones(len(target))]).astype(np.float64)
    face = find_visible(flat, triangles, size[1], size[0])
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    positions = np.stack([x, y], -1)
    covered = face >= 0
    maps = _affine(np.asarray(source, np.float64), np.asarray(target, np.float64), triangles)
    place = np.column_stack([positions[covered], np.ones(int(covered.sum()))])
    positions[covered] = np.einsum("nk,nkc->nc", place, maps[face[covered]])
    return positions.astype(np.float32), covered


def _affine(source: NDArray[np.float64], target: NDArray[np.float64], triangles: Triangles) -> NDArray[np.float64]:
    """[F, 3, 2] maps of (x, y, 1) in the target to the source; the identity for a triangle without area."""
    corners = np.concatenate([target[triangles], np.ones((len(triangles), 3, 1))], -1)
    flat = np.abs(np.linalg.det(corners)) < 1e-9
    corners[flat] = np.eye(3)
    maps = np.linalg.solve(corners, source[triangles])
    maps[flat] = [[1, 0], [0, 1], [0, 0]]
    return np.asarray(maps)


def resample(image: Image, positions: NDArray[np.float32]) -> Image:
    """`image` [H, W, 3] read bilinearly at [h, w, 2] positions; beyond its border the nearest pixel counts."""
    x, y = np.ascontiguousarray(positions[..., 0] - 0.5), np.ascontiguousarray(positions[..., 1] - 0.5)
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


class LandmarkWarp:
    """A photo whose face follows landmarks; outside their triangulation it stands still.

    Args:
        photo: [H, W, 3] uint8.
        points: [N, 2] its landmarks.
        anchored: also hold the picture's border in place and let everything between it and the face stretch.
    """

    def __init__(self, photo: Image, points: Points, anchored: bool = False) -> None:
        self._photo = photo
        self._size = photo.shape[1], photo.shape[0]
        self._anchors = _border(self._size) if anchored else np.zeros((0, 2))
        self._source = np.concatenate([points, self._anchors])
        self._triangles = triangulate(self._source)

    def __call__(self, points: Points) -> Image:  # [N, 2] -> [H, W, 3]
        """The photo with its landmarks moved to `points`."""
        target = np.concatenate([points, self._anchors])
        positions, _ = source_positions(self._source, target, self._triangles, self._size)
        return resample(self._photo, positions)


def _border(size: tuple[int, int]) -> NDArray[np.float64]:
    share = np.linspace(0, 1, _ANCHORS_PER_SIDE + 1)[:-1]
    x, y = size[0] * share, size[1] * share
    sides = [(x, 0 * x), (0 * y + size[0], y), (size[0] - x, 0 * x + size[1]), (0 * y, size[1] - y)]
    return np.concatenate([np.column_stack(side) for side in sides])
