"""The generator's network: conformer blocks that clean a noisy window of motion, given speech frame by frame.

Self-attention sees the whole window, a depthwise convolution the neighbourhood (Gulati et al. 2020, Conformer). Speech
is *added* to the motion's frames rather than attended to, and the clean motion itself (x0) is predicted: both keep lips
in step and motion free of jitter (GAIA 2024; DiffPoseTalk 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class GeneratorSize:
    """Shape of a network; stored in the weights file.

    Attributes:
        channels: motion channels per frame.
        condition: numbers that describe the speech of a frame.
        width, blocks, heads: of the conformer.
        kernel: frames that the depthwise convolutions see (odd).
        time_width: width of the noise level's embedding.
    """

    channels: int
    condition: int
    width: int = 96
    blocks: int = 4
    heads: int = 4
    kernel: int = 9
    time_width: int = 64


@dataclass(frozen=True, eq=False)
class Window:
    """What is given when a window is cleaned.

    Attributes:
        condition: [B, T, condition] the speech.
        known: [B, channels] 1 where a channel is part of this motion, 0 where it is not (its values are ignored).
        prefix: [B, T] 1 where the motion given is clean already and has to be continued.
        spoken: [B] 1 where the condition counts, 0 to ignore it (classifier-free guidance, Ho & Salimans 2022).
    """

    condition: Tensor  # [B, T, condition]
    known: Tensor  # [B, channels]
    prefix: Tensor  # [B, T]
    spoken: Tensor  # [B]


class MotionNetwork(nn.Module):
    """x0 from a noisy window. Motion in and out is normalised: each channel has mean 0 and spread 1."""

    mean: Tensor
    spread: Tensor
    noise_frames: Tensor

    def __init__(self, size: GeneratorSize, dropout: float = 0.1) -> None:
        super().__init__()
        self.size = size
        width = size.width
        self.register_buffer("mean", torch.zeros(size.channels))
        self.register_buffer("spread", torch.ones(size.channels))
        self.register_buffer("noise_frames", torch.zeros(size.channels))
        self.motion_in = nn.Linear(2 * size.channels + 1, width)
        self.condition_in = nn.Sequential(nn.Linear(size.condition, width), nn.GELU(), nn.Linear(width, width))
        self.silent = nn.Parameter(torch.zeros(width))  # stands for a condition that does not count
        self.time = nn.Sequential(nn.Linear(2 * _FREQUENCIES, size.time_width), nn.SiLU())
        self.blocks = nn.ModuleList(_Block(size, dropout) for _ in range(size.blocks))
        self.out_norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, size.channels)
        # What a straight line says of the motion, given this frame's speech; the blocks correct it.
        self.line = nn.Linear(size.condition, size.channels)
        nn.init.zeros_(self.line.weight)
        nn.init.zeros_(self.line.bias)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def normalised(self, motion: Tensor) -> Tensor:  # [..., channels] physical units -> normalised
        """Physical units to the network's."""
        return (motion - self.mean) / self.spread

    def physical(self, motion: Tensor) -> Tensor:  # [..., channels] normalised -> physical units
        """The network's units to physical ones."""
        return motion * self.spread + self.mean

    def shaped(self, noise: Tensor) -> Tensor:  # [B, T, channels] white, unit variance -> the same, smooth in time
        """Noise as this network's motion is mixed with.

        A channel that moves slowly (a head) is hidden by slow noise, `noise_frames` wide: what few steps leave of it
        does not shake. Some white noise stays, or the motion's fast parts would show through at every level.
        """
        frames = torch.arange(noise.shape[1], device=noise.device)
        distance = (frames[:, None] - frames).square()
        kernel = torch.exp(-distance / (2 * self.noise_frames.clamp_min(0.1).square()[:, None, None]))  # [C, T, T]
        kernel = kernel / kernel.square().sum(-1, keepdim=True).sqrt()
        slow = torch.einsum("cts,bsc->btc", kernel, noise)
        # The middle of the kernel is what slow and white noise share: together they must have unit variance.
        shared = kernel.diagonal(dim1=1, dim2=2).T
        mixed = _SLOW * slow + _WHITE * noise
        return mixed / (_SLOW**2 + _WHITE**2 + 2 * _SLOW * _WHITE * shared).sqrt()

    def forward(self, noisy: Tensor, angle: Tensor, window: Window) -> Tensor:  # [B, T, C], [B] -> [B, T, C]
        """Clean motion.

        `noisy` is cos(angle) x0 + sin(angle) noise, and x0 itself where `window.prefix` is 1; the angle is from 0
        (clean) to pi / 2 (noise).
        """
        known = window.known[:, None].expand_as(noisy)
        hidden = self.motion_in(torch.cat([noisy * known, known, window.prefix[..., None]], -1))
        spoken = window.spoken[:, None, None]
        hidden = hidden + self.condition_in(window.condition) * spoken + self.silent * (1 - spoken)
        time = self.time(_waves(angle))
        turns = _rotary(noisy.shape[1], self.size.width // self.size.heads, noisy.device)
        for block in self.blocks:
            hidden = block(hidden, time, turns)
        return (self.out(self.out_norm(hidden)) + self.line(window.condition) * spoken) * known


_FREQUENCIES = 16
_SLOW, _WHITE = 0.9**0.5, 0.1**0.5


def _waves(angle: Tensor) -> Tensor:  # [B] -> [B, 32]
    """The noise level as sines of many frequencies."""
    rates = torch.exp(torch.linspace(0, 4, _FREQUENCIES, device=angle.device))
    phase = angle[:, None] * rates
    return torch.cat([phase.sin(), phase.cos()], -1)


def _rotary(frames: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:  # [T, width / 2] each
    """Cosines and sines by which positions turn queries and keys (RoPE, Su et al. 2021): attention sees distances."""
    rates = 200.0 ** -(torch.arange(0, width, 2, device=device) / width)
    phase = torch.arange(frames, device=device)[:, None] * rates
    return phase.cos(), phase.sin()


def _turned(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:  # [B, H, T, D]
    cosine, sine = turns
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)


class _Block(nn.Module):
    """Attention, convolution, feed-forward, each set by the noise level (adaLN, Peebles & Xie 2023)."""

    def __init__(self, size: GeneratorSize, dropout: float) -> None:
        super().__init__()
        width = size.width
        self.heads = size.heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.levels = nn.Linear(size.time_width, 9 * width)
        nn.init.zeros_(self.levels.weight)
        nn.init.zeros_(self.levels.bias)
        with torch.no_grad():  # every part starts half open
            for part in range(3):
                self.levels.bias[(3 * part + 2) * width : (3 * part + 3) * width] = 0.5
        self.attend_in = nn.Linear(width, 3 * width)
        self.attend_out = nn.Linear(width, width)
        self.mix_in = nn.Linear(width, 2 * width)
        self.spread = nn.Conv1d(width, width, size.kernel, padding=size.kernel // 2, groups=width)
        self.mix_out = nn.Linear(width, width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, time: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:  # [B, T, W]
        levels = self.levels(time)[:, None].chunk(9, -1)
        for part, (shift, scale, gate) in zip(
            (self._attended, self._convolved, self._fed), (levels[:3], levels[3:6], levels[6:]), strict=True
        ):
            x = x + gate * part(self.norm(x) * (1 + scale) + shift, turns)
        return x

    def _attended(self, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        batch, frames, width = x.shape
        query, key, value = self.attend_in(x).view(batch, frames, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(_turned(query, turns), _turned(key, turns), value)
        return self.attend_out(mixed.transpose(1, 2).reshape(batch, frames, width))

    def _convolved(self, x: Tensor, _turns: tuple[Tensor, Tensor]) -> Tensor:
        opened = functional.glu(self.mix_in(x), -1)
        return self.mix_out(functional.silu(self.spread(opened.transpose(1, 2)).transpose(1, 2)))

    def _fed(self, x: Tensor, _turns: tuple[Tensor, Tensor]) -> Tensor:
        return self.narrow(self.dropout(functional.gelu(self.widen(x))))
