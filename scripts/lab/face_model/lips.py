"""Lips that touch at rest.

MakeHuman's neutral lips stand a millimetre apart behind their visible line. Speech needs a mouth that is really closed,
for every identity, so the rims of the two lips (the edge loop in front of the mouth bag) are brought together in the
mean face and in each identity mode.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face3d.model.parts import Part
from scripts.lab.face_model.head import HeadMesh

# How far along the surface the correction reaches, mm (standard deviation of its Gaussian falloff).
REACH_MM = 3.0


# Rim vertices that jawOpen lowers by less than the first share of its largest motion are the upper rim, by more than
# the second the lower rim, between them the corners.
UPPER_SHARE, LOWER_SHARE = 0.2, 0.5


@dataclass(frozen=True)
class LipRims:
    """The rims that touch: vertex indices sorted by x (the subject's right to left), both ending in the two corners."""

    upper: np.ndarray
    lower: np.ndarray


def _edges(triangles: np.ndarray) -> np.ndarray:
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.concatenate([edges, edges[:, ::-1]])


def find_lip_rims(head: HeadMesh, mean: np.ndarray, jaw_open: np.ndarray) -> LipRims:
    """The skin vertices one edge in front of the mouth bag, told apart by what jawOpen [V, 3] does to them."""
    skin = head.triangles[head.parts == Part.SKIN]
    seam = np.intersect1d(skin, head.triangles[head.parts == Part.INNER_MOUTH])
    edges = _edges(skin)
    # Diagonals of split quads reach neighbours of neighbours: keep the nearest neighbour of each seam vertex.
    rim = []
    for vertex in seam:
        neighbours = np.setdiff1d(edges[edges[:, 0] == vertex, 1], seam)
        if len(neighbours):
            rim.append(neighbours[np.linalg.norm(mean[neighbours] - mean[vertex], axis=1).argmin()])
    index = np.unique(rim)
    share = jaw_open[index, 1] / jaw_open[index, 1].min()
    upper, lower, between = (
        index[share < UPPER_SHARE],
        index[share > LOWER_SHARE],
        (share >= UPPER_SHARE) & (share <= LOWER_SHARE),
    )
    corners = index[between]
    right, left = corners[mean[corners, 0].argmax()], corners[mean[corners, 0].argmin()]

    def chain(middle: np.ndarray) -> np.ndarray:
        return np.concatenate([[left], middle[np.argsort(mean[middle, 0])], [right]])

    return LipRims(chain(upper), chain(lower))


def _on_rim(x: np.ndarray, rim: np.ndarray, mean: np.ndarray, field: np.ndarray) -> np.ndarray:
    """[N, 3] `field` along the rim's polyline at each x."""
    return np.stack([np.interp(x, mean[rim, 0], field[rim, k]) for k in range(3)], 1)


def close_lips(field: np.ndarray, rims: LipRims, head: HeadMesh, mean: np.ndarray, jaw_open: np.ndarray) -> np.ndarray:
    """[V, 3] `field` (positions or displacements) changed near the mouth so that both rims share one curve.

    `mean` holds the positions that define x and distances; pass the uncorrected mean for all fields.
    """
    lower_side = jaw_open[:, 1] < LOWER_SHARE * jaw_open[rims.lower, 1].min()
    near = np.unique(head.triangles[np.isin(head.parts, (Part.SKIN, Part.INNER_MOUTH))])
    result = field.copy()
    for is_lower, own, other in ((False, rims.upper, rims.lower), (True, rims.lower, rims.upper)):
        move = (_on_rim(mean[own, 0], other, mean, field) - field[own]) / 2
        lip = near[lower_side[near] == is_lower]
        distance = np.linalg.norm(mean[lip][:, None] - mean[own][None], axis=2)
        weight = np.exp(-0.5 * (distance.min(1) / REACH_MM) ** 2)
        result[lip] += weight[:, None] * move[distance.argmin(1)]
    return result


def rim_points(
    x: np.ndarray, rim: np.ndarray, triangles: np.ndarray, mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points of a rim at given x (mm): triangle index [N] and barycentric coordinates [N, 3].

    The outermost segments, which only lead to the corners, are left out.
    """
    x = np.clip(x, mean[rim[1], 0] + 1e-6, mean[rim[-2], 0] - 1e-6)
    step = np.searchsorted(mean[rim, 0], x, side="right") - 1
    index, weights = np.zeros(len(x), int), np.zeros((len(x), 3))
    for i, s in enumerate(step):
        start, end = rim[s], rim[s + 1]
        share = (x[i] - mean[start, 0]) / (mean[end, 0] - mean[start, 0])
        carriers = np.flatnonzero((triangles == start).any(1) & (triangles == end).any(1))
        if not len(carriers):
            raise RuntimeError(f"Rim vertices {start} and {end} do not share a triangle.")
        index[i] = carriers[0]
        weights[i, triangles[carriers[0]] == start] = 1 - share
        weights[i, triangles[carriers[0]] == end] = share
    return index, weights
