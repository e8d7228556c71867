"""How far a predicted face lies from a known one, as the NoW challenge measures it (Sanyal et al. 2019), non-metrical.

The prediction is laid on the known face by a similarity from seven landmarks, then by iterative closest points with
scale (the farthest 5 % left out); the distance of every known vertex within 95 mm of the nose base to the predicted
surface counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from face3d.calibration import align

Array = NDArray[Any]

NOSE_BASE = 4  # among the seven landmarks of `face3d.morphable_model.LANDMARKS_7`
RADIUS_MM = 95.0
_ITERATIONS = 30
_KEPT = 0.95
_NEIGHBOURS = 12  # triangles looked at for each point, by the distance of their centres


def surface_errors(
    known: Array,  # [V, 3] mm
    known_landmarks: Array,  # [7, 3] mm
    vertices: Array,  # [N, 3] in any unit
    triangles: Array,  # [M, 3]
    landmarks: Array,  # [7, 3] in the unit of `vertices`
) -> Array:
    """[R] mm: distances of the known vertices around the nose to the aligned prediction."""
    known = np.asarray(known, float)
    nose = np.asarray(known_landmarks, float)[NOSE_BASE]
    region = known[np.linalg.norm(known - nose, axis=1) < RADIUS_MM]
    moved = _similarity(np.asarray(landmarks, float), np.asarray(known_landmarks, float), np.asarray(vertices, float))
    for _ in range(_ITERATIONS):
        nearest, distance = closest_points(region, moved, triangles)
        kept = distance < np.quantile(distance, _KEPT)
        moved = _similarity(nearest[kept], region[kept], moved)
    return closest_points(region, moved, triangles)[1]


def _similarity(source: Array, target: Array, points: Array) -> Array:
    scale, rotation, translation = align(source, target[None])
    moved: Array = scale[0] * points @ rotation[0].T + translation[0]
    return moved


def closest_points(points: Array, vertices: Array, triangles: Array) -> tuple[Array, Array]:
    """The surface's nearest points [P, 3] and their distances [P]; exact where one of the nearest centres' triangles
    holds the nearest point (Ericson, Real-Time Collision Detection, 2005, section 5.1.5)."""
    corners = vertices[triangles]
    count = min(_NEIGHBOURS, len(triangles))
    index = cKDTree(corners.mean(1)).query(points, k=count)[1].reshape(len(points), count)
    best, nearest = np.full(len(points), np.inf), np.zeros_like(points)
    for k in range(count):
        candidate = _on_triangles(points, corners[index[:, k]])
        distance = np.linalg.norm(candidate - points, axis=1)
        closer = distance < best
        best[closer], nearest[closer] = distance[closer], candidate[closer]
    return nearest, best


def _on_triangles(points: Array, corners: Array) -> Array:  # [P, 3], [P, 3, 3] -> [P, 3]
    """The nearest point of one triangle each: inside, or on the nearest of its three edges."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    area = np.maximum((normal**2).sum(1), 1e-20)
    wb = (np.cross(points - a, c - a) * normal).sum(1) / area
    wc = (np.cross(b - a, points - a) * normal).sum(1) / area
    flat = a + wb[:, None] * (b - a) + wc[:, None] * (c - a)
    inside = (wb >= 0) & (wc >= 0) & (wb + wc <= 1)
    best, result = np.where(inside, np.linalg.norm(flat - points, axis=1), np.inf), flat.copy()
    for start, end in ((a, b), (b, c), (c, a)):
        edge = end - start
        along = ((points - start) * edge).sum(1) / np.maximum((edge**2).sum(1), 1e-20)
        candidate = start + np.clip(along, 0, 1)[:, None] * edge
        distance = np.linalg.norm(candidate - points, axis=1)
        closer = ~inside & (distance < best)
        best[closer], result[closer] = distance[closer], candidate[closer]
    return result
