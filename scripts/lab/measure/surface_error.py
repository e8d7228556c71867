"""How far a predicted face lies from a known one, as the NoW challenge measures it (Sanyal et al. 2019), non-metrical.

The prediction is laid on the known face by a similarity from seven landmarks, then by iterative closest points with
scale (the farthest 5 % left out); the distance of every known vertex within 95 mm of the nose base to the predicted
surface counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d.model.plugins import surface

Array = NDArray[Any]

NOSE_BASE = 4  # among the seven landmarks of `face3d.model.morphable_model.LANDMARKS_7`
RADIUS_MM = 95.0
_ITERATIONS = 30
_KEPT = 0.95
_NEIGHBOURS = 12  # triangles looked at for each point, by the distance of their middles


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
    rotation, translation, scale = surface.rigid_fit(source, target, with_scale=True)
    moved: Array = scale * points @ rotation.T + translation
    return moved


def closest_points(points: Array, vertices: Array, triangles: Array) -> tuple[Array, Array]:
    """The surface's nearest points [P, 3] and their distances [P]; exact where one of the nearest middles' triangles
    holds the nearest point."""
    nearest = surface.closest_points(points, vertices, triangles, candidates=_NEIGHBOURS).of(vertices)
    return nearest, np.linalg.norm(nearest - points, axis=1)
