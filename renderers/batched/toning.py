"""Photos of one tone in torch: `renderers.photo.toning` for batches."""

from __future__ import annotations

import torch
from torch import Tensor

from renderers.batched.pictures import Windows
from renderers.photo.toning import Toning

# OpenCV's weights of red, green and blue for grey levels, 15 bits behind the point.
_GREY, _SHIFT = (9798, 19235, 3735), 15


class TorchToning:
    """`Toning.apply` for batches.

    Args:
        toning: the photo's.
        device: where to work.
    """

    def __init__(self, toning: Toning, device: torch.device) -> None:
        self._table = torch.as_tensor(toning.table, device=device)

    def apply(self, crops: Tensor, windows: Windows) -> None:
        """Give the windows of crops [B, 3, h, w] uint8 the photo's tone, in place."""
        part = windows.read(crops)
        windows.write(crops, self._table[grey(part).long()].permute(0, 3, 1, 2))


def grey(pictures: Tensor) -> Tensor:  # [B, 3, h, w] uint8 -> [B, h, w] int32, 0..255
    """Brightness as `cv2.cvtColor` gives it."""
    red, green, blue = pictures.int().unbind(1)
    return (_GREY[0] * red + _GREY[1] * green + _GREY[2] * blue + (1 << (_SHIFT - 1))) >> _SHIFT
