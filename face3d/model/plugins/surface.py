"""Points on triangle meshes: which is nearest, and how landmarks of one head are carried to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# Triangles whose middles are nearest to a point and are looked at closely.
_CANDIDATES = 48
# Millimetres of difference in motion that count as one millimetre of distance.
_MOTION_PER_DISTANCE = 3.0


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """Points on a mesh.

    Attributes:
        triangles: [N, 3] vertices of the triangle of each point.
        barycentric: [N, 3] weights of its corners, sum 1, none negative.
    """

    triangles: Indices
    barycentric: Array

    def of(self, vertices: Array) -> Array:  # [V, C] -> [N, C]
        """The points on (moved) vertices, or any other quantity of vertices."""
        return np.einsum("nkc,nk->nc", vertices[self.triangles], self.barycentric)


def closest_points(
    points: Array,  # [N, 3]
    vertices: Array,  # [V, 3]
    triangles: Indices,  # [F, 3]
    motion: tuple[Array, Array] | None = None,  # [N, 3] and [V, 3]
    candidates: int = _CANDIDATES,
) -> SurfacePoints:
    """The point of the surface nearest to each of `points`.

    Args:
        points, vertices: in the same frame, mm.
        triangles: what may carry a point.
        motion: how the points ought to move in some expression, and how the vertices do. Where two sheets touch, as
            closed lips do, a point goes to the one that moves with it.
        candidates: how many triangles, those with the nearest middles, are looked at.
    """
    middles = vertices[triangles].mean(1)
    count = min(candidates, len(triangles))
    _, found = cKDTree(middles).query(points, k=count)
    found = found.reshape(len(points), count)
    corners = vertices[triangles[found]]  # [N, C, 3, 3]
    weights = _closest_on_triangles(points[:, None], corners)
    cost = np.square(np.einsum("nckd,nck->ncd", corners, weights) - points[:, None]).sum(-1)
    if motion is not None:
        moved = np.einsum("nckd,nck->ncd", motion[1][triangles[found]], weights)
        cost += np.square((moved - motion[0][:, None]) / _MOTION_PER_DISTANCE).sum(-1)
    best = cost.argmin(1)
    rows = np.arange(len(points))
    return SurfacePoints(triangles[found[rows, best]], weights[rows, best])


def _closest_on_triangles(points: Array, corners: Array) -> Array:  # [..., 3], [..., 3, 3] -> [..., 3]
    """Barycentric weights of the nearest point of each triangle: inside, or on the nearest edge."""
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    area = d00 * d11 - d01 * d01
    flat = area <= 1e-12
    area = np.where(flat, 1, area)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    inside = np.stack([1 - v - w, v, w], -1)
    weights, distances = [], []
    for start, end, i, j in ((a, b, 0, 1), (b, c, 1, 2), (c, a, 2, 0)):
        edge = end - start
        along = ((points - start) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-12)
        along = np.clip(along, 0, 1)
        on_edge = np.zeros(inside.shape)
        on_edge[..., i], on_edge[..., j] = 1 - along, along
        weights.append(on_edge)
        distances.append(np.square(points - start - along[..., None] * edge).sum(-1))
    nearest = np.argmin(distances, 0)[None, ..., None]
    on_edges: Array = np.take_along_axis(np.stack(weights), nearest, 0)[0]
    return np.where(((inside >= 0).all(-1) & ~flat)[..., None], inside, on_edges)


def smooth_warp(sources: Array, targets: Array, smoothing: float | Array = 1.0) -> RBFInterpolator:
    """The smooth map of space that brings `sources` [N, 3] near to `targets` (polyharmonic spline, r in three dims).

    Some smoothing is needed where two sources coincide, as points of closed lips do.
    """
    return RBFInterpolator(sources, targets, kernel="linear", degree=1, smoothing=smoothing)


def rigid_fit(
    sources: Array, targets: Array, with_scale: bool = False
) -> tuple[Array, Array, float]:  # [N, 3] both -> [3, 3], [3], s
    """(R, t, s) with s R source + t nearest to target (Umeyama, 1991); s = 1 unless asked for."""
    middle_s, middle_t = sources.mean(0), targets.mean(0)
    u, values, vt = np.linalg.svd((targets - middle_t).T @ (sources - middle_s))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    scale = float((values * signs).sum() / np.square(sources - middle_s).sum()) if with_scale else 1.0
    return rotation, middle_t - scale * rotation @ middle_s, scale


def register(sources: Array, vertices: Array, triangles: Indices) -> Array:  # [N, 3] -> [N, 3]
    """Points of a head, moved onto another head that stands in the same frame: similarity, then smooth bending.

    An iterative-closest-point search for heads without known landmarks; a few millimetres accurate.
    """
    points = sources
    for _ in range(20):
        targets = closest_points(points, vertices, triangles).of(vertices)
        rotation, offset, scale = rigid_fit(sources, targets, with_scale=True)
        points = scale * sources @ rotation.T + offset
    for smoothing in (300.0, 100.0, 30.0, 10.0):
        targets = closest_points(points, vertices, triangles).of(vertices)
        points = smooth_warp(sources[::3], targets[::3], smoothing)(sources)
    return closest_points(points, vertices, triangles).of(vertices)


def bend(
    anchors: Array,  # [A, 3]
    targets: Array,  # [A, 3]
    others: Array,  # [N, 3]
    vertices: Array,  # [V, 3]
    triangles: Indices,  # [F, 3]
) -> RBFInterpolator:
    """The smooth map of space that brings `anchors` to their `targets`, and `others` to any place on the surface."""
    warp = smooth_warp(anchors, targets)
    for smoothing in (100.0, 30.0):
        nearest = closest_points(warp(others), vertices, triangles).of(vertices)
        weights = np.concatenate([np.ones(len(anchors)), np.full(len(others), smoothing)])
        warp = smooth_warp(np.concatenate([anchors, others]), np.concatenate([targets, nearest]), weights)
    return warp
