"""The shadow between closed lips in torch: `renderers.mouth.lip_seam` and `renderers.pixels.soft_line` for batches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from face3d.model.landmark_sets import LOWER_INNER_LIP, UPPER_INNER_LIP
from renderers.batched.pictures import Windows, blur, gaussian_weights, pixel_centres, to_levels
from renderers.mouth.lip_seam import CONTACT_MM, STRENGTH, SeamState
from renderers.pixels.soft_line import SAMPLES

# Half of what OpenCV's thick anti-aliased lines are wider than asked, and what odd widths have besides, samples.
_WIDER, _ODD = 1.2, 0.5


class TorchLipSeam:
    """`LipSeam.draw` for batches.

    Args:
        seam: the photo's.
        device: where to work.
    """

    def __init__(self, seam: SeamState, device: torch.device) -> None:
        self._missing, self._width = seam.missing, seam.width
        self._rgb = torch.as_tensor(seam.rgb, device=device)

    def draw(self, crops: Tensor, points: Tensor, opening_mm: Tensor) -> None:
        """Darken the line of contact of crops [B, 3, h, w] uint8 in place.

        Args:
            crops: the frames.
            points: [B, 478, 2] their landmarks in the crop, px.
            opening_mm: [B] of the lips.
        """
        if self._missing == 0:
            return
        strength = self._missing * (1 - opening_mm / CONTACT_MM).clamp_min(0) * STRENGTH
        middle = (points[:, list(UPPER_INNER_LIP)] + points[:, list(LOWER_INNER_LIP)]) / 2
        draw_soft_lines(
            crops, torch.cat([points[:, 78:79], middle, points[:, 308:309]], 1), self._rgb, self._width, strength
        )


def draw_soft_lines(crops: Tensor, lines: Tensor, rgb: Tensor, width: float, strength: Tensor) -> None:
    """Blend one soft polyline into each picture in place, as `draw_soft_line`.

    Args:
        crops: [B, 3, h, w] uint8.
        lines: [B, N, 2] px.
        rgb: [3] 0..255.
        width: px.
        strength: [B] 0..1; pictures with 0 stay as they are.
    """
    margin = 2 * width + 3
    low, high = lines.amin(1) - margin, lines.amax(1) + margin
    windows = Windows.between(low, torch.where(strength[:, None] > 0, high, low), *crops.shape[2:])
    if windows is None:
        return
    fine = pixel_centres(windows.height * SAMPLES, windows.width * SAMPLES, lines.device)
    local = (lines - windows.corner[:, None]) * SAMPLES
    thickness = max(1, round(width * SAMPLES))
    reach = thickness / 2 + _WIDER + _ODD * (thickness % 2)
    mask = (reach - _distance(fine, local)).clamp(0, 1)
    weights = gaussian_weights(max(0.5, 0.5 * width), lines.device)
    alpha = blur(F.avg_pool2d(mask[:, None], SAMPLES), weights) * strength[:, None, None, None]
    under = windows.read(crops).float()
    windows.write(crops, to_levels(under * (1 - alpha) + rgb[:, None, None] * alpha))


def _distance(places: Tensor, lines: Tensor) -> Tensor:  # [h, w, 2], [B, N, 2] -> [B, h, w]
    """Distance of positions from polylines."""
    nearest = places.new_full((len(lines), *places.shape[:2]), torch.inf)
    for k in range(lines.shape[1] - 1):
        start, along = lines[:, k, None, None], (lines[:, k + 1] - lines[:, k])[:, None, None]
        offset = places - start
        share = ((offset * along).sum(-1) / (along * along).sum(-1).clamp_min(1e-9)).clamp(0, 1)
        nearest = torch.minimum(nearest, (offset - share[..., None] * along).norm(dim=-1))
    return nearest
