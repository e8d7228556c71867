"""The rasterizer's contract and the choice between its backends."""

from __future__ import annotations

import importlib
from typing import Protocol

import torch
from torch import Tensor

from renderers.raster.fragments import Fragments, interpolate

__all__ = ["BACKENDS", "Fragments", "Rasterizer", "get_rasterizer", "interpolate"]

BACKENDS = ("auto", "numba", "reference", "pytorch3d")


class Rasterizer(Protocol):
    """Finds which triangle each pixel shows. `raster.reference_rasterizer` says what is right, backends agree."""

    cull_backfaces: bool

    def rasterize(
        self,
        vertices: Tensor,  # [B, V, 3]: x px, y px, depth mm
        triangles: Tensor,  # [F, 3] int64
        size: tuple[int, int],
    ) -> Fragments:
        """Rasterize B projected versions of one mesh.

        Args:
            vertices: pixel coordinates (pixel centres at half-integers) and depth > 0 along the camera's axis.
            triangles: vertex indices, the same for all B.
            size: (height, width) of the pictures.

        Returns:
            Fragments whose barycentric weights and depth are differentiable with respect to `vertices`.

        Raises:
            ValueError: wrong shapes, dtypes or indices.
        """
        ...


def get_rasterizer(name: str = "auto", device: torch.device | str = "cpu", cull_backfaces: bool = False) -> Rasterizer:
    """A rasterizer by name.

    Args:
        name: "numba" (CPU), "reference" (slow, any device), "pytorch3d" (CUDA), or "auto": pytorch3d for a CUDA
            device where it is installed, numba otherwise (whose fragments are moved to the vertices' device).
        device: where the vertices will be.
        cull_backfaces: leave out triangles seen from behind.

    Raises:
        ValueError: an unknown name.
        RuntimeError: "pytorch3d" where it cannot be loaded, with the reason.
    """
    if name not in BACKENDS:
        raise ValueError(f"Unknown rasterizer {name!r}; choose one of {', '.join(BACKENDS)}")
    if name == "auto":
        on_cuda = torch.device(device).type == "cuda"
        name = "pytorch3d" if on_cuda and _pytorch3d_problem() is None else "numba"
    module = importlib.import_module(f"renderers.raster.{name}_rasterizer")
    classes = {"numba": "NumbaRasterizer", "reference": "ReferenceRasterizer", "pytorch3d": "Pytorch3dRasterizer"}
    rasterizer: Rasterizer = getattr(module, classes[name])(cull_backfaces)
    return rasterizer


def _pytorch3d_problem() -> str | None:
    from renderers.raster.pytorch3d_rasterizer import loading_problem

    return loading_problem()
