"""The mouth's generator: a small U-Net that relights and recolours each material behind the lips."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from renderers.mouth.canvas import MATERIALS
from renderers.mouth.planes import CONTEXT, PLANES
from renderers.resources import FILES
from renderers.unet import UNet, Widths, block, read_network

WEIGHTS = "mouth-v1.safetensors"
# Fields per material: log-gain and offset of each colour.
FIELDS = 6 * MATERIALS
# Bounds per material: log-gain, and offset in shares of the teeth's brightness; and how much of what differs between
# the colours counts. They are tight on purpose: where real teeth stand elsewhere than the mesh's, a free network learns
# to paint teeth on the tongue, or an orange tongue.
_MOST_GAIN, _MOST_OFFSET = (0.15, 0.15, 0.2, 0.15, 0.1), (0.02, 0.02, 0.02, 0.01, 0.01)
_HUE = 0.2


class MouthNetwork(UNet):
    """Planes of a painted mouth to smooth fields of gain and offset, at half the planes' size.

    The fields are smooth and kept per material, so edges, gaps between teeth and the photo's own teeth stay as sharp as
    they were painted at any size, and small changes of the parameters stay small changes of the picture.

    Args:
        widths: channels at the three sizes.
    """

    def __init__(self, widths: Widths = (8, 16, 24)) -> None:
        super().__init__(widths)
        a, b, c = widths
        self.start = block(PLANES + CONTEXT, a)
        self.down1, self.down2 = block(a, b, stride=2), block(b, c, stride=2)
        self.up1, self.up2 = block(c + b, b), block(b + a, a)
        self.end = nn.Conv2d(a, FIELDS, 3, padding=1)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)  # type: ignore[arg-type]

    def forward(self, planes: Tensor, context: Tensor) -> Tensor:  # [B, PLANES, h, w], [B, CONTEXT]
        """[B, FIELDS, h / 2, w / 2] log-gains and offsets; h and w are multiples of 8."""
        return self.fields(F.avg_pool2d(planes, 2), context)

    def fields(self, x: Tensor, context: Tensor) -> Tensor:  # [B, PLANES, h / 2, w / 2], [B, CONTEXT]
        """What `forward` answers to planes that are averaged over pairs of rows and columns already."""
        constant = context[:, :, None, None].expand(-1, -1, x.shape[2], x.shape[3])
        first = self.start(torch.cat([x, constant], 1))
        second = self.down1(first)
        x = F.interpolate(self.down2(second), scale_factor=2.0)
        x = F.interpolate(self.up1(torch.cat([x, second], 1)), scale_factor=2.0)
        raw = self.end(self.up2(torch.cat([x, first], 1)))
        raw = torch.tanh(raw.unflatten(1, (MATERIALS, 2, 3)))
        grey = raw.mean(3, keepdim=True)
        raw = grey + _HUE * (raw - grey)
        bound = raw.new_tensor([_MOST_GAIN, _MOST_OFFSET]).T[:, :, None, None, None]
        return (raw * bound).flatten(1, 3)


def apply_fields(planes: Tensor, fields: Tensor) -> Tensor:  # [B, PLANES, h, w], [B, FIELDS, h / 2, w / 2]
    """[B, 3, h, w] premultiplied colours of the opening, in shares of the teeth's brightness.

    What `renderers.mouth.kernels.finish` does per pixel, on cells.
    """
    fine = F.interpolate(fields, scale_factor=2.0, mode="bilinear", align_corners=False)
    gain, offset = fine.unflatten(1, (MATERIALS, 2, 3)).unbind(2)
    materials = planes[:, : 4 * MATERIALS].unflatten(1, (MATERIALS, 4))
    return (materials[:, :, 1:] * gain.exp() + materials[:, :, :1] * offset).sum(1)


def load_network(path: Path | None = None) -> MouthNetwork:
    """Read the weights, ready for inference.

    Args:
        path: other weights than the shipped ones.

    Raises:
        InputError: `path` is not the file of such a network.
        InstallationError: the shipped weights are damaged.
    """
    return read_network(MouthNetwork, path or FILES.path(WEIGHTS))
