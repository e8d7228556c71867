"""Spreads values known at landmarks smoothly over a mesh."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

Array = NDArray[np.float64]


def graph_laplacian(triangles: NDArray[np.integer], count: int) -> sparse.csr_matrix:
    """[V, V] uniform Laplacian (degree - adjacency), each row divided by its degree."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    adjacency = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), (count, count)).tocsr()
    adjacency.data[:] = 1.0
    degree = np.maximum(np.asarray(adjacency.sum(1)).ravel(), 1.0)
    return sparse.identity(count, format="csr") - sparse.diags(1 / degree) @ adjacency


class MeshField:
    """Smooth fields on one mesh: thin-plate energy plus a pull to zero, solved exactly.

    Minimises ``trust |B f - values|^2 + |L f|^2 + pull |f|^2``, where B reads the field at the landmarks. The field
    follows the mesh's connections, so the two lips (or lids) do not leak into each other although they nearly touch.

    Args:
        triangles: [F, 3] vertex indices; the mesh may have several components.
        count: V, the number of vertices.
        landmark_triangles: [L, 3] corners of the triangle that carries each landmark.
        landmark_weights: [L, 3] barycentric coordinates.
        trust: [L] how exactly each value is met.
        pull: how soon the field falls to zero away from landmarks (about ``pull ** -0.25`` edges).
    """

    def __init__(
        self,
        triangles: NDArray[np.integer],
        count: int,
        landmark_triangles: NDArray[np.integer],
        landmark_weights: NDArray[np.floating],
        trust: NDArray[np.floating],
        pull: float = 1e-4,
    ) -> None:
        rows = np.repeat(np.arange(len(landmark_triangles)), 3)
        shape = (len(landmark_triangles), count)
        reader = sparse.coo_matrix((landmark_weights.ravel(), (rows, landmark_triangles.ravel())), shape).tocsr()
        laplacian = graph_laplacian(triangles, count)
        self._right = (reader.T @ sparse.diags(np.asarray(trust, float))).tocsr()
        normal = self._right @ reader + laplacian.T @ laplacian + pull * sparse.identity(count)
        # Symmetric and positive definite: no pivoting is needed, and an ordering for such matrices halves the work.
        options = {"SymmetricMode": True}
        self._solver = splu(normal.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)

    def spread(self, values: NDArray[np.floating]) -> Array:  # [L, C] -> [V, C]
        """The field that best meets `values` at the landmarks."""
        return self._solver.solve(self._right @ np.asarray(values, float))
