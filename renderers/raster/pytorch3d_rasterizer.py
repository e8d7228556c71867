"""pytorch3d's CUDA rasterizer behind our interface.

pytorch3d is optional and is installed more often than it works (its wheels import only beside a CUDA build of
torch), so nothing here imports it before `loading_problem` has said that it loads. Only its compiled
`rasterize_meshes` is used, which needs none of its Python dependencies. It works in float32 and does not apply the
fill rule to pixel centres that lie exactly on an edge, so there, and where two surfaces touch, it may choose another
triangle than the other backends.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from renderers.raster.fragments import Fragments, check_mesh, recompute


def loading_problem() -> str | None:
    """Why pytorch3d cannot be used here, in one sentence; None when it can."""
    try:
        from pytorch3d import _C
    except ImportError as error:
        return f"pytorch3d does not load here: {error}."
    return None if hasattr(_C, "rasterize_meshes") else "This pytorch3d was built without rasterize_meshes."


class Pytorch3dRasterizer:
    """`renderers.raster.rasterizer.Rasterizer` by pytorch3d, on the device of the vertices."""

    def __init__(self, cull_backfaces: bool = False) -> None:
        problem = loading_problem()
        if problem is not None:
            raise RuntimeError(problem)
        self.cull_backfaces = cull_backfaces

    def rasterize(
        self,
        vertices: Tensor,  # [B, V, 3]: x px, y px, depth mm
        triangles: Tensor,  # [F, 3] int64
        size: tuple[int, int],
    ) -> Fragments:
        """See `renderers.raster.rasterizer.Rasterizer.rasterize`."""
        from pytorch3d import _C

        check_mesh(vertices, triangles)
        batch, faces = len(vertices), len(triangles)
        corners = vertices.detach()[:, triangles]  # [B, F, 3, 3]
        drawable = self._drawable(corners)[..., None, None]
        # pytorch3d leaves out what is behind the camera; the numbering of the triangles stays.
        behind = corners.new_tensor([0.0, 0.0, -1.0])
        corners = torch.where(drawable, pixels_to_ndc(corners, size), behind).float().flatten(0, 1).contiguous()
        first = torch.arange(batch, device=vertices.device) * faces
        packed, _, _, _ = _C.rasterize_meshes(
            corners,
            first,
            torch.full_like(first, faces),
            torch.full((batch * faces,), -1, dtype=torch.int64, device=vertices.device),  # no clipped neighbours
            size,
            0.0,  # blur radius
            1,  # faces per pixel
            _bin_size(size) if vertices.is_cuda else 0,
            max(10_000, faces),  # per bin: none is lost even if all lie in one
            True,  # perspective-correct
            False,  # clip barycentric coordinates
            False,  # cull back faces: already done
        )
        index = packed[..., 0]
        return recompute(vertices, triangles, torch.where(index >= 0, index - first[:, None, None], -1))

    def _drawable(self, corners: Tensor) -> Tensor:  # [B, F, 3, 3] px, px, mm -> [B, F] bool
        a, b, c = corners.double().unbind(-2)
        area = (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])
        drawable = (corners[..., 2] > 0).all(-1) & area.isfinite() & (area != 0)
        return drawable & (area < 0) if self.cull_backfaces else drawable


def pixels_to_ndc(points: Tensor, size: tuple[int, int]) -> Tensor:  # [..., 3] -> [..., 3]
    """Pixel coordinates to pytorch3d's: x to the left, y up, -1..1 over the shorter side of a (height, width)
    picture."""
    height, width = size
    scale = 2 / min(height, width)
    x, y, depth = points.unbind(-1)
    return torch.stack([(width / 2 - x) * scale, (height / 2 - y) * scale, depth], -1)


def _bin_size(size: tuple[int, int]) -> int:
    """Side in pixels of the bins of pytorch3d's coarse pass, by pytorch3d's own rule: at most 16 bins a side."""
    larger = max(size)
    return 8 if larger <= 64 else 2 ** max(math.ceil(math.log2(larger)) - 4, 4)
