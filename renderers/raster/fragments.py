"""What a rasterizer returns, and the differentiable part that all rasterizers share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Fragments:
    """The visible surface of a mesh at the pixel centres of B pictures.

    Attributes:
        pix_to_face: [B, H, W] int64; `pix_to_face[b, y, x] = f` means that triangle f (in 0..F-1, the same numbering
            for every picture of the batch) is the nearest one at (x + 0.5, y + 0.5); -1 where there is none.
            No gradient.
        barycentric: [B, H, W, 3], perspective-correct weights of that triangle's vertices: they sum to 1; 0 where there
            is none. Differentiable with respect to the vertices.
        depth: [B, H, W] mm along the camera's axis; 0 where there is none. Differentiable too.
    """

    pix_to_face: Tensor
    barycentric: Tensor
    depth: Tensor

    @property
    def covered(self) -> Tensor:
        """[B, H, W] bool: whether the pixel shows the mesh."""
        return self.pix_to_face >= 0


def check_mesh(vertices: Tensor, triangles: Tensor) -> None:
    """ValueError unless vertices are floating [B, V, 3] and triangles are int64 [F, 3] with indices in 0..V-1."""
    if vertices.ndim != 3 or vertices.shape[-1] != 3 or not vertices.is_floating_point():
        raise ValueError(f"vertices must be floating [B, V, 3], got {vertices.dtype} {list(vertices.shape)}")
    if triangles.ndim != 2 or triangles.shape[-1] != 3 or triangles.dtype != torch.int64:
        raise ValueError(f"triangles must be int64 [F, 3], got {triangles.dtype} {list(triangles.shape)}")
    if len(triangles) and not (int(triangles.min()) >= 0 and int(triangles.max()) < vertices.shape[1]):
        raise ValueError(f"triangles must index the {vertices.shape[1]} vertices")


def recompute(
    vertices: Tensor,  # [B, V, 3]: x px, y px, depth mm
    triangles: Tensor,  # [F, 3] int64
    pix_to_face: Tensor,  # [B, H, W] int64
) -> Fragments:
    """Barycentric weights and depth at the covered pixels, from the visibility that some rasterizer found.

    Inside a triangle the result and its gradients are exact; that another triangle may become visible when a vertex
    moves is ignored. Only covered pixels cost time.
    """
    batch, row, column = torch.nonzero(pix_to_face >= 0, as_tuple=True)
    corners = vertices[batch[:, None], triangles[pix_to_face[batch, row, column]]]  # [N, 3, 3]
    pixels = torch.stack([column, row], -1).to(vertices.dtype) + 0.5
    x, y = (corners[..., :2] - pixels[:, None]).unbind(-1)  # [N, 3] relative to the pixel, which keeps float32 exact
    # Twice the areas of (pixel, next corner, the corner after it), divided by depth: 1 / depth is linear in the
    # picture.
    areas = x.roll(-1, 1) * y.roll(-2, 1) - y.roll(-1, 1) * x.roll(-2, 1)
    weights = areas / corners[..., 2]
    total = weights.sum(1, keepdim=True)
    barycentric = vertices.new_zeros(*pix_to_face.shape, 3).index_put((batch, row, column), weights / total)
    depth = vertices.new_zeros(pix_to_face.shape).index_put((batch, row, column), areas.sum(1) / total.squeeze(1))
    return Fragments(pix_to_face, barycentric, depth)


def interpolate(
    fragments: Fragments,
    triangles: Tensor,  # [F, 3] int64
    attributes: Tensor,  # [V, C] or [B, V, C]
) -> Tensor:  # [B, H, W, C]
    """Attributes of the vertices interpolated over the visible surface, perspective-correct; 0 where there is none."""
    batch, row, column = torch.nonzero(fragments.covered, as_tuple=True)
    corners = triangles[fragments.pix_to_face[batch, row, column]]  # [N, 3]
    values = attributes[corners] if attributes.ndim == 2 else attributes[batch[:, None], corners]  # [N, 3, C]
    mixed = (fragments.barycentric[batch, row, column, :, None] * values).sum(1)
    picture = mixed.new_zeros(*fragments.pix_to_face.shape, attributes.shape[-1])
    return picture.index_put((batch, row, column), mixed)
