"""The driven skin in torch: what `renderers.photo_avatar` draws of the mesh with `renderers.head.skin_kernels`."""

from __future__ import annotations

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from renderers.batched.pictures import Windows, composite, sample, to_levels
from renderers.head.relight import DARKEST, GAMMA, LEAST_LIGHT, RelightState
from renderers.raster.rasterizer import get_rasterizer
from renderers.raster.shading import sh_basis, vertex_normals


def affine_maps(pixels: Tensor, triangles: Tensor, values: Tensor) -> Tensor:
    """`renderers.head.skin_kernels.affine_maps` for batches.

    Args:
        pixels: [B, V, 2].
        triangles: [F, 3] int64.
        values: [V, C] or [B, V, C].

    Returns:
        [B, F, 3, C]: values as c + x dx + y dy of the position (x, y); rows c, dx, dy.
    """
    corners = pixels[:, triangles]  # [B, F, 3, 2]
    first = corners[:, :, 0]
    (bx, by), (cx, cy) = ((corners[:, :, k] - first).unbind(-1) for k in (1, 2))
    area = bx * cy - by * cx
    # A triangle seen edge-on covers no pixel.
    scale = torch.where(area.abs() > 1e-9, 1 / area, 0)[..., None]
    known = values[..., triangles, :].expand(len(pixels), -1, -1, -1)  # [B, F, 3, C]
    start = known[:, :, 0]
    vb, vc = known[:, :, 1] - start, known[:, :, 2] - start
    bx, by, cx, cy = (v[..., None] for v in (bx, by, cx, cy))
    dx, dy = (vb * cy - vc * by) * scale, (vc * bx - vb * cx) * scale
    return torch.stack([start - dx * first[..., :1] - dy * first[..., 1:], dx, dy], 2)


def map_at(maps: Tensor, faces: Tensor, places: Tensor) -> Tensor:
    """Values of the visible triangles.

    Args:
        maps: [B, F, 3, C] of :func:`affine_maps`.
        faces: [B, h, w] triangles; anything where the result does not matter, but >= 0.
        places: [B, h, w, 2] px.

    Returns:
        [B, h, w, C].
    """
    frame = torch.arange(len(maps), device=maps.device)[:, None, None]
    constant, dx, dy = maps[frame, faces].unbind(3)
    return constant + dx * places[..., :1] + dy * places[..., 1:]


class TorchRelight:
    """`renderers.head.relight.Relight` for batches.

    Args:
        relight: what was prepared of the photo.
        device: where to work.
    """

    def __init__(self, relight: RelightState, device: torch.device) -> None:
        self._options = relight.options
        self._triangles = torch.as_tensor(relight.triangles, device=device).long()
        self._light = torch.as_tensor(relight.light, device=device)
        self._before, self._weight = (torch.as_tensor(a, device=device) for a in (relight.before, relight.weight))

    def gains(self, camera: Tensor) -> Tensor:  # [B, V, 3] mm -> [B, V]
        """Factors on the photo's gamma-encoded colours for driven vertices."""
        shading = sh_basis(vertex_normals(camera, self._triangles)) @ self._light
        floor = (LEAST_LIGHT * self._light[0]).clamp_min(DARKEST)
        ratio = (torch.maximum(shading, floor) / self._before).clamp(self._options.least, self._options.most)
        return 1 + self._weight * (ratio ** (1 / GAMMA) - 1)


class TorchSkin:
    """Draws the photo's skin on the driven mesh.

    Args:
        skin: [2h - 1, 2w - 1, 4] uint8, of `photo_kernels.skin_layer`.
        source: [V, 2] px, the vertices in the photo's crop.
        triangles: [F, 3] what is drawn.
        backend: name of the rasterizer that finds what is visible.
        device: where to work.
    """

    def __init__(
        self,
        skin: NDArray,
        source: NDArray,
        triangles: NDArray,
        backend: str,
        device: torch.device,
    ) -> None:
        self._skin = torch.as_tensor(skin, device=device).permute(2, 0, 1).float()
        self._source = torch.as_tensor(source, device=device)
        self._triangles = torch.as_tensor(triangles, device=device).long()
        self._rasterizer = get_rasterizer(backend, device, cull_backfaces=True)

    def maps(self, pixels: Tensor, gains: Tensor) -> Tensor:  # [B, V, 3] px in the crop, [B, V] -> [B, F, 3, 3]
        """Where in the photo each triangle's points come from, px, and the factor on their colours."""
        source = self._source.expand(len(pixels), -1, -1)
        return affine_maps(pixels[..., :2], self._triangles, torch.cat([source, gains[..., None]], -1))

    def draw(self, crops: Tensor, pixels: Tensor, maps: Tensor, windows: Windows, samples: int) -> None:
        """Put the mesh over crops in place.

        Args:
            crops: [B, 3, h, w] uint8.
            pixels: [B, V, 3] the driven vertices: px in the crop, depth in mm.
            maps: of :meth:`maps`.
            windows: where to draw.
            samples: per pixel and axis.
        """
        local = pixels.clone()
        local[..., :2] = (local[..., :2] - windows.corner[:, None]) * samples
        size = windows.height * samples, windows.width * samples
        visible = self._rasterizer.rasterize(local, self._triangles, size).pix_to_face
        fine = Windows(windows.corner * samples, windows.size * samples, *size)
        overlay = self._shade(visible, maps, fine.centres() / samples)
        if samples > 1:
            overlay = to_levels(F.avg_pool2d(overlay.float(), samples))
        windows.write(crops, composite(windows.read(crops), overlay))

    def _shade(self, visible: Tensor, maps: Tensor, places: Tensor) -> Tensor:  # [B, 4, h, w] uint8
        source, gain = map_at(maps, visible.clamp_min(0), places).split([2, 1], -1)
        colours, opacity = sample(self._skin, 2 * source - 0.5).split([3, 1], 1)
        alpha = to_levels(opacity) / 255 * (visible >= 0)[:, None]
        lit = (colours * gain[:, None, ..., 0]).clamp_max(255)
        premultiplied = torch.cat([lit, torch.full_like(opacity, 255)], 1) * alpha
        return to_levels(premultiplied)
