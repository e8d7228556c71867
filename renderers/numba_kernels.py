"""Fast interpolation over a rasterized mesh, for inference; `renderers.fragments.interpolate` is the differentiable
twin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderers.compiled import kernel
from renderers.rasterize_numba import FragmentArrays


def interpolate_arrays(
    fragments: FragmentArrays,
    triangles: NDArray[np.int32],  # [F, 3]
    attributes: NDArray[np.float32],  # [V, C]
    out: NDArray[np.float32] | None = None,  # [H, W, C]
) -> NDArray[np.float32]:  # [H, W, C]
    """Vertex attributes at every pixel, perspective-correct; 0 where the mesh is not visible. `out` is reused if
    given."""
    shape = (*fragments.face_index.shape, attributes.shape[1])
    out = np.empty(shape, np.float32) if out is None else out
    if out.shape != shape:
        raise ValueError(f"out has the shape {out.shape}, expected {shape}")
    _interpolate(fragments.face_index, fragments.barycentric, triangles, attributes, out)
    return out


@kernel
def _interpolate(face_index, barycentric, triangles, attributes, out):  # type: ignore[no-untyped-def]
    height, width, channels = out.shape
    for row in range(height):
        for column in range(width):
            f = face_index[row, column]
            if f < 0:
                for k in range(channels):
                    out[row, column, k] = 0
                continue
            a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
            wa, wb, wc = barycentric[row, column, 0], barycentric[row, column, 1], barycentric[row, column, 2]
            for k in range(channels):
                out[row, column, k] = wa * attributes[a, k] + wb * attributes[b, k] + wc * attributes[c, k]
