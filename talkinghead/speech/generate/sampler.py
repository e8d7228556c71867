"""Sampling by diffusion, apart from any network: from noise to motion in few deterministic steps.

The path is variance preserving: x = cos(angle) x0 + sin(angle) noise, angle from pi / 2 (noise) to 0 (motion). Whoever
knows E[x0 | x] follows the probability-flow ODE (Song et al. 2021) from noise to a sample. A step with x0 held turns x
by an angle: DDIM (Song, Meng & Ermon 2021), the slow and plain reference. Few such steps lose spread; the sampler in
use leads x0 on along the line through its last two values (second order, after Adams and Bashforth).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from face3d.errors import InputError

Denoiser = Callable[[Tensor, float], Tensor]
"""(noisy motion, angle) -> the expected clean motion; any shapes."""


@dataclass(frozen=True)
class SamplerOptions:
    """How a sample is drawn.

    Attributes:
        steps: evaluations of the network, 1..1000.
        guidance: 1 takes the conditional prediction as it is and costs one evaluation a step; more exaggerates what the
            condition changes and costs two.
    """

    steps: int = 8
    guidance: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 1000:
            raise InputError(f"The sampler takes 1 to 1000 steps, got {self.steps!r}.")
        if not (math.isfinite(self.guidance) and 0 <= self.guidance <= 10):
            raise InputError(f"guidance must be from 0 to 10, got {self.guidance!r}.")


def noisy(clean: Tensor, noise: Tensor, angle: Tensor) -> Tensor:  # [B, ...], [B, ...], [B] -> [B, ...]
    """A point of the path, per batch entry."""
    shape = (-1, *([1] * (clean.ndim - 1)))
    return angle.cos().view(shape) * clean + angle.sin().view(shape) * noise


def angles(steps: int) -> list[float]:
    """`steps + 1` angles from pi / 2 down to 0, closer to each other near 0: narrow distributions keep their spread."""
    return [math.pi / 2 * (1 - i / steps) ** 1.5 for i in range(steps + 1)]


def sample(denoise: Denoiser, noise: Tensor, steps: int) -> Tensor:
    """The sample that `noise` leads to, one evaluation a step.

    Of a Gaussian of spread 0.2 to 1.2, eight steps keep 92 to 98 % of the spread (DDIM: 79 to 85 %).
    """
    x, grid = noise, angles(steps)
    before: Tensor | None = None
    for i, (now, then) in enumerate(itertools.pairwise(grid)):
        clean = denoise(x, now)
        middle = clean
        if before is not None:
            middle = clean + (clean - before) * ((now - then) / 2 / (grid[i - 1] - now))
        x = _stepped(x, middle, now, then)
        before = clean
    return x


def _stepped(x: Tensor, clean: Tensor, now: float, then: float) -> Tensor:
    """To the next angle along the noise that `x` and `clean` imply."""
    noise = (x - math.cos(now) * clean) / math.sin(now)
    return math.cos(then) * clean + math.sin(then) * noise


def guided(conditional: Tensor, unconditional: Tensor, guidance: float) -> Tensor:
    """Classifier-free guidance (Ho & Salimans 2022): 0 is unconditional, 1 conditional, more exaggerates."""
    return torch.lerp(unconditional, conditional, guidance)
