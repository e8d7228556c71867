"""Openings of eyes in torch: `renderers.eyes.opening` for batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from renderers.eyes.opening import EYES, LEAST_STEP, STEPS, EyeOpening


@dataclass(frozen=True)
class OpeningBatch:
    """One eye in B pictures; see `EyeOpening`.

    Attributes:
        axes: [B, 6].
        upper, lower: [B, STEPS].
    """

    axes: Tensor
    upper: Tensor
    lower: Tensor

    @classmethod
    def single(cls, opening: EyeOpening, device: torch.device) -> OpeningBatch:
        """The opening of one picture, B = 1."""
        return cls(*(torch.as_tensor(a, device=device)[None] for a in (opening.axes, opening.upper, opening.lower)))

    @classmethod
    def of(cls, points: Tensor, side: int) -> OpeningBatch:  # [B, 478, 2] px
        """The left (side 0) or the right eye (1) between landmarks."""
        inner, outer, upper, lower = EYES[side]
        along = points[:, outer] - points[:, inner]
        width = along.norm(dim=1, keepdim=True).clamp_min(1e-3)
        down = torch.stack([-along[:, 1], along[:, 0]], 1) / width
        down = torch.where(down[:, 1:] >= 0, down, -down)
        axes = torch.cat([points[:, inner], along, down], 1)
        lids = torch.stack([points[:, list(upper)], points[:, list(lower)]], 1)  # [B, 2, N, 2]
        first, second = _curve(torch.stack(_local(axes, lids), -1)).unbind(1)
        return cls(axes, first, torch.maximum(first, second))

    def local(self, places: Tensor) -> tuple[Tensor, Tensor]:  # [B, ..., 2] px
        """The coordinates s and v of positions."""
        return _local(self.axes, places)

    def place(self, s: Tensor, v: Tensor) -> Tensor:  # [B, ...] -> [B, ..., 2] px
        """The position of coordinates."""
        origin, along, down = (_beside(self.axes[:, i : i + 2], s.ndim + 1) for i in (0, 2, 4))
        return origin + s[..., None] * along + v[..., None] * down


def read_curve(values: Tensor, s: Tensor) -> Tensor:  # [B or 1, STEPS], [B, h, w] -> [B, h, w]
    """A lid's curve at s; 0 (the line between the corners) beyond them."""
    at = s.clamp(0, 1) * (STEPS - 1)
    index = at.long().clamp_max(STEPS - 2)
    table, flat = values.expand(len(s), -1), index.flatten(1)
    low, high = (table.gather(1, flat + k).view_as(s) for k in (0, 1))
    return torch.where((s > 0) & (s < 1), low + (at - index) * (high - low), 0)


def _beside(values: Tensor, dims: int) -> Tensor:  # [B, C] -> [B, 1, ..., C]
    return values.reshape(len(values), *[1] * (dims - 2), values.shape[-1])


def _local(axes: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    origin, along, down = (_beside(axes[:, i : i + 2], places.ndim) for i in (0, 2, 4))
    offset = places - origin
    s = (offset * along).sum(-1) / (along * along).sum(-1).clamp_min(1e-6)
    return s, (offset * down).sum(-1)


def _curve(rims: Tensor) -> Tensor:  # [B, 2, N, 2] (s, v) -> [B, 2, STEPS]
    """Cubic Hermite curves through the corners and the points between them, as `eye_opening._hermite`."""
    last = rims.shape[2] + 1
    s = [torch.zeros_like(rims[:, :, 0, 0])]
    for i in range(1, last):
        s.append(torch.maximum(rims[:, :, i - 1, 0], s[-1] + LEAST_STEP).clamp_max(1 - LEAST_STEP * (last - i)))
    x = torch.stack([*s, torch.ones_like(s[0])], -1)
    y = torch.nn.functional.pad(rims[..., 1], (1, 1))
    step, rise = x.diff(dim=-1), y.diff(dim=-1)
    slope = rise / step
    before, after = step[..., :-1], step[..., 1:]
    middle = (slope[..., :-1] * after + slope[..., 1:] * before) / (before + after)
    slopes = torch.cat([slope[..., :1], middle, slope[..., -1:]], -1)
    at = torch.linspace(0, 1, STEPS, device=rims.device).expand(*x.shape[:-1], -1).contiguous()
    k = torch.searchsorted(x[..., 1:-1].contiguous(), at)
    h = step.gather(-1, k)
    t = (at - x.gather(-1, k)) / h
    u = 1 - t
    start, end = y.gather(-1, k), y.gather(-1, k + 1)
    rising, falling = slopes.gather(-1, k), slopes.gather(-1, k + 1)
    return (start * (1 + 2 * t) + rising * h * t) * u * u + (end * (1 + 2 * u) - falling * h * u) * t * t
