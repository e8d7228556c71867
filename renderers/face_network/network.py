"""The face network: a compact U-Net from the rendered face and its geometry to a correction of its colours."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from renderers.face_network.planes import CONTEXT, PLANES
from renderers.resources import FILES
from renderers.unet import UNet, Widths, block, read_network

WEIGHTS = "face-v1.safetensors"
# A colour changes by at most this share of the range.
MOST = 0.35


class FaceNetwork(UNet):
    """Planes of a rendered face to a residual of its colours and the mask with which it is blended in.

    Works at half and at smaller sizes (Ronneberger et al., "U-Net", 2015, with sub-pixel output, Shi et al., 2016);
    the head's and the face's change of pose enters at the bottom. The last layer starts at zero: untrained, it changes
    nothing.

    Args:
        widths: channels at 1/2, 1/4 and 1/8 of the window's size.
    """

    def __init__(self, widths: Widths = (24, 40, 64)) -> None:
        super().__init__(widths)
        a, b, c = widths
        self.start = block(4 * PLANES, a)
        self.down1, self.down2 = block(a, b, stride=2), block(b, c, stride=2)
        self.motion = nn.Linear(CONTEXT, c)
        self.up1, self.up2 = block(c + b, b), block(b + a, a)
        self.end = nn.Conv2d(a, 16, 3, padding=1)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)  # type: ignore[arg-type]

    def forward(self, planes: Tensor, context: Tensor) -> Tensor:  # [B, PLANES, S, S], [B, CONTEXT]
        """[B, 3, S, S] what to add to the colours (0..1): residual times mask; S is a multiple of 8."""
        first = self.start(F.pixel_unshuffle(planes, 2))
        second = self.down1(first)
        bottom = self.down2(second) + self.motion(context)[:, :, None, None]
        x = F.interpolate(bottom, scale_factor=2.0)
        x = F.interpolate(self.up1(torch.cat([x, second], 1)), scale_factor=2.0)
        raw = F.pixel_shuffle(self.end(self.up2(torch.cat([x, first], 1))), 2)
        residual, mask = MOST * torch.tanh(raw[:, :3]), torch.sigmoid(raw[:, 3:])
        return residual * mask


def load_network(path: Path | None = None) -> FaceNetwork:
    """Read the weights, ready for inference.

    Args:
        path: other weights than the shipped ones.

    Raises:
        InputError: `path` is not the file of such a network.
        InstallationError: the shipped weights are damaged.
    """
    return read_network(FaceNetwork, path or FILES.path(WEIGHTS))
