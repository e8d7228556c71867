"""RGB to yuv420p in torch, for frames that are on a GPU: the numbers of `talkinghead.media.planar` to the bit."""

from __future__ import annotations

import torch
from torch import Tensor

from talkinghead.media.planar import BLACK, CHROMA_WEIGHTS, LUMA_WEIGHTS, NO_COLOUR, PlanarChange

_SHIFT = 16
_HALF = 1 << (_SHIFT - 1)


def to_planes(pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Convert B pictures.

    Args:
        pictures: [B, h, w, 3] uint8 RGB, even sizes.

    Returns:
        [B, h, w], [B, h / 2, w / 2], [B, h / 2, w / 2] uint8: Y', Cb, Cr on the same device.

    Raises:
        ValueError: an odd size.
    """
    count, height, width, _ = pictures.shape
    if height % 2 or width % 2:
        raise ValueError(f"yuv420p needs even sizes, got {width} x {height}")
    levels = pictures.int()
    # Means of four pixels are sums of four over 2 more bits, which the chroma weights leave free.
    sums = levels.reshape(count, height // 2, 2, width // 2, 2, 3).sum((2, 4), dtype=torch.int32)
    luma = _weigh(levels, LUMA_WEIGHTS.tolist(), BLACK)
    blue, red = (_weigh(sums, weights, NO_COLOUR) for weights in CHROMA_WEIGHTS.tolist())
    return luma, blue, red


def planar_changes(pictures: Tensor, left: int, top: int) -> list[PlanarChange]:
    """What B frames change of a still photo, on the CPU.

    Args:
        pictures: [B, h, w, 3] uint8 RGB; an odd last column or row, which only the photo's border has, is no part of a
            video.
        left: column of the window, even.
        top: row of the window, even.
    """
    height, width = (n - n % 2 for n in pictures.shape[1:3])
    luma, blue, red = (plane.cpu().numpy() for plane in to_planes(pictures[:, :height, :width]))
    return [PlanarChange(*frame, left, top) for frame in zip(luma, blue, red, strict=True)]


def _weigh(values: Tensor, weights: list[int], base: int) -> Tensor:  # [..., 3] int32 -> [...] uint8
    red, green, blue = values.unbind(-1)
    total = weights[0] * red + weights[1] * green + weights[2] * blue + ((base << _SHIFT) + _HALF)
    return (total >> _SHIFT).to(torch.uint8)
