"""The part of the head that a photo's light and shade can say something about, and smooth fields on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import eigsh
from scipy.spatial import ConvexHull, cKDTree

from face3d.model.landmark_sets import FACE_OVAL
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part

Array = NDArray[np.float64]

# Smooth fields reach this far beyond the face's outline, mm; there they are 0.
_MARGIN_MM = 35.0
# Triangles whose corners look farther to the back than this are ears and scalp.
_DEEPEST_MM = -45.0


@dataclass(frozen=True)
class FaceRegion:
    """A patch of the head mesh, fixed for a model.

    Attributes:
        vertices: [N] indices into the model's vertices: all corners of `triangles`.
        triangles: [G, 3] indices into `vertices`: all that touch a seen one, for normals.
        triangle_ids: [G] the same triangles' indices in the model.
        seen: [G] bool, skin and lips inside the face's outline: those that pictures are compared on.
        modes: [M, V] float64, eigenfunctions of the Laplacian on the face with a margin, root mean square 1 over it,
            carried along to all vertices of the model (parts inside follow the skin around them).
        stiffness: [M] their eigenvalues, 1 / mm^2, growing.
        symmetric: [M] bool, equal on both halves of the face; else of opposite sign.
    """

    vertices: NDArray[np.int64]
    triangles: NDArray[np.int64]
    triangle_ids: NDArray[np.int64]
    seen: NDArray[np.bool_]
    modes: Array
    stiffness: Array
    symmetric: NDArray[np.bool_]

    @classmethod
    def build(cls, model: MorphableModel, modes: int) -> FaceRegion:
        """Find the region of `model` and its `modes` smoothest fields (takes about a second)."""
        mean = model.mean.double().numpy()
        triangles = model.triangles.numpy()
        seen, near = seen_triangles(model), _skin_around(model, _MARGIN_MM)
        corners = np.concatenate([triangles[seen].ravel(), model.landmarks478.triangles[:468].numpy().ravel()])
        touching = np.isin(triangles, np.unique(corners)).any(1)
        ids = np.flatnonzero(touching)
        vertices, local = np.unique(triangles[ids], return_inverse=True)
        patch = triangles[near]
        fields, stiffness, symmetric, index = _modes(mean, patch, modes)
        carried = np.zeros((len(fields), len(mean)))
        carried[:, index] = fields
        _carry(carried, model, mean, index)
        return cls(vertices, local.reshape(-1, 3), ids, seen[ids], carried, stiffness, symmetric)


def seen_triangles(model: MorphableModel) -> NDArray[np.bool_]:  # [F]
    """Skin and lips inside the face's outline."""
    return _skin_around(model, 0.0)


def _skin_around(model: MorphableModel, margin: float) -> NDArray[np.bool_]:  # [F]
    mean = model.mean.double().numpy()
    outline = model.landmarks478.of(model.mean)[list(FACE_OVAL), :2].double().numpy()
    inside = (_beyond(mean[:, :2], outline) <= margin) & (mean[:, 2] > _DEEPEST_MM - margin)
    skin = np.isin(model.triangle_parts.numpy(), (Part.SKIN, Part.LIPS))
    return skin & inside[model.triangles.numpy()].all(1)


def _beyond(points: Array, outline: Array) -> Array:  # [N, 2], [L, 2] -> [N] mm
    """Distance from a convex outline, negative inside."""
    equations = ConvexHull(outline).equations
    return (points @ equations[:, :2].T + equations[:, 2]).max(1)


def _laplacian(points: Array, triangles: NDArray[np.int64]) -> tuple[sparse.csr_matrix, Array]:
    """The cotangent Laplacian [N, N] and the area of each vertex [N] (Meyer et al. 2003)."""
    count = len(points)
    rows, columns, values = [], [], []
    areas = np.zeros(count)
    for k in range(3):
        i, j, o = (triangles[:, (k + s) % 3] for s in range(3))
        u, v = points[i] - points[o], points[j] - points[o]
        double_area = np.linalg.norm(np.cross(u, v), axis=1)
        cotangent = 0.5 * (u * v).sum(1) / np.maximum(double_area, 1e-9)
        # Negative weights of obtuse triangles would make a field overshoot.
        cotangent = np.clip(cotangent, 0.02, 5.0)
        rows += [i, j, i, j]
        columns += [j, i, i, j]
        values += [-cotangent, -cotangent, cotangent, cotangent]
        np.add.at(areas, i, double_area / 6)
    entries = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix((np.concatenate(values), entries), (count, count)), areas


def _modes(mean: Array, patch: NDArray[np.int64], count: int) -> tuple[Array, Array, NDArray[np.bool_], NDArray]:
    """Eigenfunctions that are 0 on the patch's border, apart for the even and the odd ones: [M, P], [M], [M], [P]."""
    index, local = np.unique(patch, return_inverse=True)
    local = local.reshape(-1, 3)
    points = mean[index]
    laplacian, area = _laplacian(points, local)
    edges = np.sort(local[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    rim = unique[counts == 1]
    # The outer border only: lips and lids are borders of the skin too, but there the face may move.
    outer = _outer_rim(points, rim)
    twin = cKDTree(points).query(points * [-1.0, 1.0, 1.0])[1]
    # Two vertices may share a place on the middle line.
    middle = np.abs(points[:, 0]) < 1e-6
    twin[middle] = np.flatnonzero(middle)
    free = np.setdiff1d(np.arange(len(index)), outer)
    mass = sparse.diags(area)
    found = []
    for sign in (1.0, -1.0):
        fold = _fold(free, twin, sign, len(index))
        share = count // 2 + (count % 2 if sign > 0 else 0)
        values, vectors = eigsh(
            (fold.T @ laplacian @ fold).tocsc(),
            share,
            (fold.T @ mass @ fold).tocsc(),
            sigma=-1e-4,
            v0=np.ones(fold.shape[1]),
        )
        fields = fold @ vectors
        fields = fields / np.sqrt((area[:, None] * fields**2).sum(0) / area.sum())
        found += [(value, sign > 0, field) for value, field in zip(values, fields.T, strict=True)]
    found.sort(key=lambda item: item[0])
    return (
        np.stack([field for _, _, field in found]),
        np.array([value for value, _, _ in found]),
        np.array([even for _, even, _ in found]),
        index,
    )


def _outer_rim(points: Array, rim: NDArray[np.int64]) -> NDArray[np.int64]:
    """Vertices of the longest border loop."""
    graph = sparse.coo_matrix((np.ones(len(rim)), (rim[:, 0], rim[:, 1])), (len(points), len(points)))
    _, label = sparse.csgraph.connected_components(graph, directed=False)
    lengths = np.bincount(label[rim[:, 0]], weights=np.linalg.norm(points[rim[:, 0]] - points[rim[:, 1]], axis=1))
    return np.unique(rim[label[rim[:, 0]] == lengths.argmax()])


def _fold(free: NDArray[np.int64], twin: NDArray[np.int64], sign: float, count: int) -> sparse.csr_matrix:
    """[count, H]: fields on one half of the face continued to the other with this sign."""
    half = free[(free <= twin[free]) & np.isin(twin[free], free)]
    if sign < 0:
        half = half[twin[half] != half]
    column = np.arange(len(half))
    other = twin[half] != half
    rows = np.concatenate([half, twin[half[other]]])
    columns = np.concatenate([column, column[other]])
    values = np.concatenate([np.ones(len(half)), np.full(other.sum(), sign)])
    return sparse.csr_matrix((values, (rows, columns)), (count, len(half)))


def _carry(fields: Array, model: MorphableModel, mean: Array, index: NDArray[np.int64]) -> None:
    """Continue [M, V] fields from the patch `index` to what hangs on it: lids' insides, lashes, eyeballs, mouth."""
    tree = cKDTree(mean[index])
    for part in (Part.INNER_MOUTH, Part.EYE_SOCKET, Part.LASHES):
        missing = np.setdiff1d(model.part_vertices(part).numpy(), index)
        fields[:, missing] = fields[:, index[tree.query(mean[missing])[1]]]
    for part in (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL, Part.UPPER_TEETH, Part.LOWER_TEETH, Part.TONGUE):
        rigid = model.part_vertices(part).numpy()
        near = index[np.unique(tree.query(mean[rigid])[1])]
        fields[:, rigid] = fields[:, near].mean(1, keepdims=True)
