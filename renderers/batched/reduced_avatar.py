"""Photos with a large face in torch: `renderers.reduced_avatar` for batches."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from renderers.batched.avatar import TorchPhotoAvatar
from renderers.batched.pictures import to_levels
from renderers.photo_avatar import PhotoAvatar
from renderers.pose import Pose
from renderers.reduced_avatar import ReducedAvatar


def make_torch_avatar(
    avatar: PhotoAvatar | ReducedAvatar, device: torch.device | str
) -> TorchPhotoAvatar | TorchReducedAvatar:
    """The twin of an avatar on a device."""
    return TorchPhotoAvatar(avatar, device) if isinstance(avatar, PhotoAvatar) else TorchReducedAvatar(avatar, device)


class TorchReducedAvatar:
    """`ReducedAvatar` for batches.

    Args:
        avatar: what was prepared of the photo.
        device: where to work.

    Attributes:
        photo: [H, W, 3] uint8, the photo.
        frame_size: (width, height) of every frame.
        window: rows and columns of the photo that frames replace.
    """

    def __init__(self, avatar: ReducedAvatar, device: torch.device | str) -> None:
        self._avatar, self._factor = TorchPhotoAvatar(avatar.small, device), avatar.state.factor
        self._detail = torch.as_tensor(avatar.state.detail, device=device).permute(2, 0, 1)
        self.photo: NDArray[np.uint8] = avatar.photo
        self.frame_size = avatar.frame_size
        rows, columns = (part.start * self._factor for part in self._avatar.window)
        height, width = self._detail.shape[1:]
        self.window = slice(rows, rows + height), slice(columns, columns + width)

    def render_changed(self, poses: Pose) -> Tensor:
        """As `TorchPhotoAvatar.render_changed`."""
        with torch.inference_mode():
            small = self._avatar.render_changed(poses).permute(0, 3, 1, 2).float()
            large = F.interpolate(small, scale_factor=self._factor, mode="bilinear", align_corners=False)
            height, width = self._detail.shape[1:]
            enlarged = to_levels(large[..., :height, :width]).short()
            return (enlarged + self._detail).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
