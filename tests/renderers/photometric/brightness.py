"""The picture's model in torch, differentiable through the rasterizer: what `pixel_terms` writes out by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from face3d.camera import Camera
from renderers.photometric.pixel_terms import LEAST_SHADING
from renderers.raster.rasterizer import Rasterizer, interpolate
from renderers.raster.shading import sh_shading, vertex_normals


def render_brightness(
    rasterizer: Rasterizer,
    points: Tensor,  # [V, 3] mm, camera frame
    triangles: Tensor,  # [F, 3]
    camera: Camera,
    log_albedo: Tensor,  # [V]
    light: Tensor,  # [9]
    tone: float = 1.0,
    pivot: float = 1.0,
) -> tuple[Tensor, Tensor]:  # [H, W], [H, W] int64
    """Brightness of a matt mesh at each pixel (0 where there is none), and the triangle that it shows (-1: none).

    Differentiable with respect to points, albedo and light, on any device that the rasterizer works on.
    """
    width, height = camera.image_size
    pixels = torch.cat([camera.project(points), points[:, 2:]], 1)
    fragments = rasterizer.rasterize(pixels[None], triangles, (height, width))
    attributes = torch.cat([vertex_normals(points, triangles), log_albedo[:, None]], 1)
    mixed = interpolate(fragments, triangles, attributes)[0]
    covered = fragments.covered[0]
    normals = torch.nn.functional.normalize(mixed[covered][:, :3], dim=-1)
    shading = torch.maximum(sh_shading(normals, light[:, None])[:, 0], LEAST_SHADING * light[0].abs())
    matt = mixed[covered][:, 3].exp() * shading
    toned = pivot * (matt / pivot) ** tone
    return toned.new_zeros(height, width).index_put((covered,), toned), fragments.pix_to_face[0]
