"""The reference rasterizer: plain torch, one triangle after the other, slow and clear. The other backends are tested
against it.

The rules:
- A pixel is covered by a triangle when its centre (x + 0.5, y + 0.5) lies inside. A centre exactly on an edge
  belongs to the triangle for which that edge is a left edge or a horizontal top edge (as in Direct3D), so triangles
  that share an edge cover each pixel along it exactly once.
- The nearest triangle wins, by perspective-correct depth at the pixel's centre; of equally near ones, the first.
- Both sides of a triangle are visible unless `cull_backfaces`. The front is where the vertices run anti-clockwise on
  the screen (a negative signed area, as y points down); the head mesh's outside is its front.
- A triangle with a vertex at depth <= 0, one without area, and one with a coordinate that is not finite, is not drawn.
Everything is computed in float64, in the same order as in the numba backend, so that the two agree to the last bit.
"""

from __future__ import annotations

import torch
from torch import Tensor

from renderers.raster.fragments import Fragments, check_mesh, recompute


class ReferenceRasterizer:
    """`renderers.raster.rasterizer.Rasterizer` in plain torch."""

    def __init__(self, cull_backfaces: bool = False) -> None:
        self.cull_backfaces = cull_backfaces

    def rasterize(
        self,
        vertices: Tensor,  # [B, V, 3]: x px, y px, depth mm
        triangles: Tensor,  # [F, 3] int64
        size: tuple[int, int],
    ) -> Fragments:
        """See `renderers.raster.rasterizer.Rasterizer.rasterize`."""
        check_mesh(vertices, triangles)
        pictures = [self._visible(points, triangles, size) for points in vertices.detach().double()]
        index = torch.stack(pictures) if pictures else torch.empty(0, *size, dtype=torch.int64, device=vertices.device)
        return recompute(vertices, triangles, index)

    def _visible(self, vertices: Tensor, triangles: Tensor, size: tuple[int, int]) -> Tensor:  # [H, W] int64
        height, width = size
        y, x = torch.meshgrid(
            torch.arange(height, dtype=torch.float64, device=vertices.device) + 0.5,
            torch.arange(width, dtype=torch.float64, device=vertices.device) + 0.5,
            indexing="ij",
        )
        index = torch.full(size, -1, dtype=torch.int64, device=vertices.device)
        nearest = torch.zeros(size, dtype=torch.float64, device=vertices.device)  # 1 / depth
        for f, (a, b, c) in enumerate(vertices[triangles]):
            area = _twice_area(a, b, c)
            drawable = bool((torch.stack([a, b, c])[:, 2] > 0).all() and torch.isfinite(area) and area != 0)
            if not drawable or (self.cull_backfaces and area > 0):
                continue
            sign = float(area.sign())
            weights, insides = zip(*(_edge(p, q, sign, x, y) for p, q in ((b, c), (c, a), (a, b))), strict=True)
            scale = 1 / area.abs()
            inverse = weights[0] * (scale / a[2]) + weights[1] * (scale / b[2]) + weights[2] * (scale / c[2])
            wins = insides[0] & insides[1] & insides[2] & (inverse > nearest)
            nearest = torch.where(wins, inverse, nearest)
            index = torch.where(wins, f, index)
        return index


def _twice_area(a: Tensor, b: Tensor, c: Tensor) -> Tensor:  # each [3] -> []
    """Twice the signed area on the screen; positive when a, b, c run clockwise as one sees them (y points down)."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _edge(p: Tensor, q: Tensor, sign: float, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The edge p -> q of a triangle whose area has the sign `sign`, seen from the points (x, y).

    Returns:
        Twice the areas of (p, q, point), positive inside; and whether the point is on the inner side by the fill rule.
    """
    dx, dy = sign * (q[0] - p[0]), sign * (q[1] - p[1])
    # Start from the endpoint that comes first in reading order, whichever way the edge runs: both triangles at an
    # edge then compute the same number up to its sign, and no rounding can make both take a pixel or both leave it.
    swapped = bool(q[1] < p[1] or (q[1] == p[1] and q[0] < p[0]))
    origin = q if swapped else p
    weight = dx * (y - origin[1]) - dy * (x - origin[0])
    top_or_left = bool(dy < 0 or (dy == 0 and dx > 0))
    return weight, (weight >= 0) if top_or_left else (weight > 0)
