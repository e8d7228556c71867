"""Batches of pictures in torch: sampling, windows that lie elsewhere in each frame, composition.

Pixel (row, column) of a picture has its centre at (column + 0.5, row + 0.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import torch
from torch import Tensor
from torch.nn import functional as F


def sample(picture: Tensor, places: Tensor, padding: str = "border") -> Tensor:
    """Bilinear samples of a picture.

    Args:
        picture: [C, h, w], or [B, C, h, w] with one picture per frame.
        places: [B, H, W, 2] positions (x, y), px.
        padding: what lies outside: "border" goes on with the last pixels, "zeros" is 0.

    Returns:
        [B, C, H, W] float32.
    """
    batch = picture.expand(len(places), *picture.shape[-3:]).float()
    height, width = picture.shape[-2:]
    scale = places.new_tensor([2 / max(1, width - 1), 2 / max(1, height - 1)])
    return F.grid_sample(batch, (places - 0.5) * scale - 1, "bilinear", padding, align_corners=True)


def pixel_centres(height: int, width: int, device: torch.device) -> Tensor:  # [h, w, 2]
    """(x, y) of each pixel's centre."""
    y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    return torch.stack([x, y], -1) + 0.5


def to_levels(colours: Tensor) -> Tensor:  # float 0..255 -> uint8, any shape
    """Round half up."""
    return (colours + 0.5).clamp(0, 255).to(torch.uint8)


def gaussian_weights(sigma: float, device: torch.device) -> Tensor:  # [n]
    """OpenCV's Gaussian for pictures of floating-point numbers."""
    size = math.floor(8 * sigma + 1.5) | 1
    return torch.as_tensor(cv2.getGaussianKernel(size, sigma)[:, 0], dtype=torch.float32, device=device)


def blur(pictures: Tensor, weights: Tensor) -> Tensor:  # [B, 1, h, w] -> [B, 1, h, w]
    """Convolve rows and columns with weights [n], n odd; outside of the pictures there is 0."""
    half = len(weights) // 2
    rows = F.conv2d(pictures, weights[None, None, None], padding=(0, half))
    return F.conv2d(rows, weights[None, None, :, None], padding=(half, 0))


def composite(base: Tensor, overlay: Tensor) -> Tensor:  # [B, 3, h, w], [B, 4, h, w] uint8 -> [B, 3, h, w] uint8
    """Premultiplied `overlay` over `base`, to the bit as `renderers.head.skin_kernels.composite`."""
    alpha = overlay[:, 3:].int()
    under = torch.div(base.int() * (255 - alpha) + 127, 255, rounding_mode="floor")
    result = (overlay[:, :3].int() + under).clamp_max(255).to(torch.uint8)
    return torch.where(alpha > 0, result, base)


@dataclass(frozen=True)
class Windows:
    """A rectangle of each of B pictures, all on arrays of one size.

    Attributes:
        corner: [B, 2] int64 (left, top) of the rectangle, and of its array.
        size: [B, 2] int64 (width, height) of the rectangle; 0 where there is none.
        height: of the arrays, that of the largest rectangle.
        width: of the arrays.
    """

    corner: Tensor
    size: Tensor
    height: int
    width: int

    @classmethod
    def between(cls, low: Tensor, high: Tensor, height: int, width: int) -> Windows | None:
        """Whole pixels from `low` to `high` [B, 2] inside pictures of height x width; None if all lie outside."""
        limit = low.new_tensor([width, height])
        first = torch.minimum(low.floor().clamp_min(0), limit).long()
        last = torch.minimum(high.ceil(), limit).long()
        size = (last - first).clamp_min(0)
        size = size * (size.amin(1, keepdim=True) > 0)
        columns, rows = size.amax(0).tolist()
        return cls(first, size, rows, columns) if rows and columns else None

    @classmethod
    def around(cls, points: Tensor, margin: float, height: int, width: int) -> Windows | None:
        """The box of [B, N, 2] points grown by `margin`."""
        return cls.between(points.amin(1) - margin, points.amax(1) + margin, height, width)

    def inside(self) -> Tensor:  # [B, h, w] bool
        """Which pixels of the arrays belong to the rectangle."""
        x, y = (torch.arange(n, device=self.corner.device) for n in (self.width, self.height))
        columns, rows = (v[:, None] for v in self.size.unbind(1))
        return (y < rows)[:, :, None] & (x < columns)[:, None]

    def centres(self) -> Tensor:  # [B, h, w, 2]
        """The pixels' centres in the picture."""
        return pixel_centres(self.height, self.width, self.corner.device) + self.corner[:, None, None]

    def _index(self, height: int, width: int) -> Tensor:  # [B, h, w] flat indices
        x, y = (torch.arange(n, device=self.corner.device) for n in (self.width, self.height))
        left, top = (v[:, None] for v in self.corner.unbind(1))
        rows, columns = (top + y).clamp_max(height - 1), (left + x).clamp_max(width - 1)
        return rows[:, :, None] * width + columns[:, None]

    def read(self, pictures: Tensor) -> Tensor:  # [B, C, H, W] -> [B, C, h, w]
        """The windows' pixels; what lies outside of a picture is anything."""
        batch, channels, height, width = pictures.shape
        index = self._index(height, width).flatten(1)[:, None].expand(-1, channels, -1)
        return pictures.flatten(2).gather(2, index).reshape(batch, channels, self.height, self.width)

    def write(self, pictures: Tensor, values: Tensor) -> None:  # [B, C, H, W], [B, C, h, w]
        """Replace the rectangles in place."""
        height, width = pictures.shape[2:]
        inside = self.inside()
        frame = torch.nonzero(inside)[:, 0]
        index = self._index(height, width)[inside]
        # A view, not a copy: it fails for pictures that are not contiguous.
        pictures.view(*pictures.shape[:2], -1)[frame, :, index] = values.permute(0, 2, 3, 1)[inside]
