"""Cuts a head out of the body: vertices, triangles, parts, head-only texture atlas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components

from face3d.model.parts import Part
from scripts.lab.face_model.makehuman import BaseMesh

MM_PER_UNIT = 100.0
# The cut: below the collar bones and beside the shoulders there is nothing that a talking head needs.
LOWEST_Y, WIDEST_X = 5.55, 1.6

_GROUP_PARTS = {
    "helper-upper-teeth": Part.UPPER_TEETH,
    "helper-lower-teeth": Part.LOWER_TEETH,
    "helper-tongue": Part.TONGUE,
    "helper-l-eye": Part.LEFT_EYEBALL,
    "helper-r-eye": Part.RIGHT_EYEBALL,
    "helper-l-eyelashes-1": Part.LASHES,
    "helper-l-eyelashes-2": Part.LASHES,
    "helper-r-eyelashes-1": Part.LASHES,
    "helper-r-eyelashes-2": Part.LASHES,
}
# MakeHuman unwraps the body into islands that are just the parts we need; each is known by a point of the island.
_BODY_ISLANDS = {
    (0.80, 0.40): Part.SKIN,
    (0.84, 0.07): Part.INNER_MOUTH,
    (0.38, 0.90): Part.NECK,
    (0.045, 0.59): Part.EYE_SOCKET,
    (0.12, 0.59): Part.EYE_SOCKET,
}
# Rectangles (left, bottom, width, height) of the head-only atlas, in the order of the islands below.
_SHELVES = {
    Part.SKIN: [(0.0, 0.0, 0.56, 1.0)],
    Part.INNER_MOUTH: [(0.57, 0.0, 0.42, 0.30)],
    Part.NECK: [(0.57, 0.31, 0.42, 0.19)],
    Part.EYE_SOCKET: [(0.57, 0.51, 0.14, 0.18), (0.72, 0.51, 0.14, 0.18)],
    Part.TONGUE: [(0.87, 0.51, 0.12, 0.27)],
    Part.UPPER_TEETH: [(0.57, 0.70, 0.29, 0.10)],
    Part.LOWER_TEETH: [(0.57, 0.81, 0.29, 0.10)],
    Part.LEFT_EYEBALL: [(0.87, 0.79, 0.06, 0.06), (0.94, 0.79, 0.05, 0.05)],
    Part.RIGHT_EYEBALL: [(0.87, 0.86, 0.06, 0.06), (0.94, 0.86, 0.05, 0.05)],
    Part.LASHES: [
        (0.57, 0.92, 0.10, 0.07),
        (0.68, 0.92, 0.10, 0.07),
        (0.79, 0.93, 0.09, 0.06),
        (0.89, 0.93, 0.10, 0.06),
    ],
}


@dataclass(frozen=True)
class HeadMesh:
    """The head cut from the body.

    Attributes:
        source: [V] index of each head vertex in the base mesh.
        triangles: [F, 3] head vertex indices, counter-clockwise seen from outside.
        parts: [F] `Part` of each triangle.
        uv: [U, 2] head-only atlas, 0..1, v up.
        uv_triangles: [F, 3] indices into `uv`.
        origin: [3] dm, midpoint between the eyeballs of the unchanged base.
    """

    source: np.ndarray
    triangles: np.ndarray
    parts: np.ndarray
    uv: np.ndarray
    uv_triangles: np.ndarray
    origin: np.ndarray


def _islands(texture_quads: np.ndarray, count: int) -> np.ndarray:
    """[Q] number of the connected texture island of each quad."""
    rows = np.concatenate([texture_quads[:, i] for i in range(3)])
    columns = np.concatenate([texture_quads[:, i + 1] for i in range(3)])
    graph = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), (count, count))
    return connected_components(graph, directed=False)[1][texture_quads[:, 0]]


def _body_parts(quads: np.ndarray, texture_quads: np.ndarray, texture: np.ndarray) -> np.ndarray:
    islands = _islands(texture_quads, len(texture))
    parts = np.full(len(quads), -1)
    for point, part in _BODY_ISLANDS.items():
        centres = texture[texture_quads].mean(1)
        nearest = np.linalg.norm(centres - point, axis=1).argmin()
        parts[islands == islands[nearest]] = part
    if (parts < 0).any():
        raise RuntimeError("The base mesh has texture islands in the head that this build does not know.")
    return parts


def _select(base: BaseMesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quads [Q, 4], texture quads [Q, 4] and parts [Q] of the head."""
    quads, texture_quads, parts = [], [], []
    for group in ("body", *_GROUP_PARTS):
        q, t = base.quads[group], base.texture_quads[group]
        corners = base.vertices[q]
        keep = (corners[..., 1] > LOWEST_Y).all(1) & (np.abs(corners[..., 0]) < WIDEST_X).all(1)
        q, t = q[keep], t[keep]
        quads.append(q)
        texture_quads.append(t)
        if group == "body":
            parts.append(_body_parts(q, t, base.texture_coordinates))
        else:
            parts.append(np.full(len(q), _GROUP_PARTS[group]))
    return np.concatenate(quads), np.concatenate(texture_quads), np.concatenate(parts)


def _pack_atlas(texture: np.ndarray, texture_quads: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """[U, 2] the islands moved, with one scale per island, into the rectangles of the head-only atlas."""
    result = np.zeros_like(texture)
    for part, shelves in _SHELVES.items():
        quads = texture_quads[parts == part]
        islands = _islands(quads, len(texture))
        order = sorted(np.unique(islands), key=lambda i: (-(islands == i).sum(), i))
        if len(order) != len(shelves):
            raise RuntimeError(
                f"{Part(part).name} has {len(order)} texture islands, the atlas has {len(shelves)} places."
            )
        for island, (left, bottom, width, height) in zip(order, shelves, strict=True):
            index = np.unique(quads[islands == island])
            low, high = texture[index].min(0), texture[index].max(0)
            scale = min(width / (high - low)[0], height / (high - low)[1])
            result[index] = (texture[index] - low) * scale + (left, bottom)
    return result


def cut_head(base: BaseMesh) -> HeadMesh:
    """Cut the head, split quads into triangles, label parts and pack the atlas."""
    quads, texture_quads, parts = _select(base)
    packed = _pack_atlas(base.texture_coordinates, texture_quads, parts)

    def split(q: np.ndarray) -> np.ndarray:
        return np.stack([q[:, [0, 1, 2]], q[:, [0, 2, 3]]], 1).reshape(-1, 3)

    triangles, texture_triangles, parts = split(quads), split(texture_quads), np.repeat(parts, 2)
    real = triangles[:, 1:] != triangles[:, :2]
    keep = real.all(1) & (triangles[:, 0] != triangles[:, 2])
    triangles, texture_triangles, parts = triangles[keep], texture_triangles[keep], parts[keep]
    source, triangles = np.unique(triangles, return_inverse=True)
    used, uv_triangles = np.unique(texture_triangles, return_inverse=True)
    eyes = [base.vertices[np.unique(base.quads[f"helper-{side}-eye"])].mean(0) for side in "lr"]
    return HeadMesh(
        source,
        triangles.reshape(-1, 3),
        parts,
        packed[used],
        uv_triangles.reshape(-1, 3),
        (eyes[0] + eyes[1]) / 2,
    )
