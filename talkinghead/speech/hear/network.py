"""The speech network: a phonetic front half and a motion half, both stacks of dilated convolutions at 50 frames/s."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkinghead.speech.hear.features import FEATURES
from talkinghead.speech.perform.mouth import GATES, POSE_CHANNELS

OUTPUT_RATE = 50  # frames per second, half of the features' rate
PHONE_CLASSES = 40


@dataclass(frozen=True)
class NetworkSize:
    """Widths, dilations and look-ahead (in 20 ms frames); stored in the weights file.

    Attributes:
        phonetic_width, phonetic_dilations: of the phonetic half.
        motion_width, motion_dilations: of the motion half.
        lookahead: frames that the blocks see ahead, all together; None: as far as back.
        level_lookahead: 10 ms frames that the level normaliser sees ahead.
    """

    phonetic_width: int = 160
    phonetic_dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 2, 4)
    motion_width: int = 112
    motion_dilations: tuple[int, ...] = (1, 2, 4, 1)
    lookahead: int | None = None
    level_lookahead: int = 150

    @property
    def futures(self) -> tuple[int, ...]:
        """By how much each block sees ahead: its dilation while the look-ahead lasts, then nothing."""
        dilations = (*self.phonetic_dilations, *self.motion_dilations)
        if self.lookahead is None:
            return dilations
        left, futures = self.lookahead, []
        for dilation in dilations:
            futures.append(dilation if dilation <= left else 0)
            left -= futures[-1]
        return tuple(futures)

    @property
    def past(self) -> int:
        """Frames back that an output can depend on."""
        dilations = (*self.phonetic_dilations, *self.motion_dilations)
        return sum(2 * d - f for d, f in zip(dilations, self.futures, strict=True)) + _STEM_FRAMES

    @property
    def future(self) -> int:
        """Frames ahead that an output can depend on."""
        return sum(self.futures) + _STEM_FRAMES


_STEM_FRAMES = 1  # the stem sees 20 ms beyond its own frame on each side

OFFLINE_SIZE = NetworkSize(192, (1, 2, 4, 8, 1, 2, 4, 8), 128, (1, 2, 4, 1))
# 60 ms in the blocks, 20 in the stem and 13 in the mel window: 93 ms.
LIVE_SIZE = NetworkSize(176, (1, 2, 4, 8, 1, 2, 4, 8), 112, (1, 2, 4, 1), lookahead=3, level_lookahead=0)


@dataclass(frozen=True, eq=False)
class NetworkOutput:
    """What the network says about `[B, T]` frames at 50 frames/s, as logits (sigmoid or softmax gives 0..1)."""

    phones: Tensor  # [B, 40, T]
    pose: Tensor  # [B, 14, T]
    gates: Tensor  # [B, 3, T]


class ResidualBlock(nn.Module):
    """norm -> dilated convolution -> GELU -> pointwise, added to its input.

    Batch norm is a constant scale at inference: chunks give the whole's numbers, to rounding. It trains fast on a CPU.
    """

    def __init__(self, width: int, dilation: int, future: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.margins = (2 * dilation - future, future)
        self.spread = nn.Conv1d(width, width, 3, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, T] -> [B, C, T]
        padded = functional.pad(self.norm(x), self.margins)
        return x + self.mix(self.dropout(functional.gelu(self.spread(padded))))


class SpeechNetwork(nn.Module):
    """Features at 100 frames/s to phones, mouth pose and lip gates at 50 frames/s; 1.7 M weights offline."""

    def __init__(self, size: NetworkSize = OFFLINE_SIZE, dropout: float = 0.1) -> None:
        super().__init__()
        self.size = size
        wide, narrow = size.phonetic_width, size.motion_width
        self.stem = nn.Conv1d(FEATURES, wide, 6, stride=2, padding=2)
        futures = iter(size.futures)
        self.phonetic = nn.Sequential(
            *(ResidualBlock(wide, d, next(futures), dropout) for d in size.phonetic_dilations)
        )
        self.phone_head = nn.Conv1d(wide, PHONE_CLASSES, 1)
        self.join = nn.Conv1d(wide + PHONE_CLASSES, narrow, 1)
        self.motion = nn.Sequential(*(ResidualBlock(narrow, d, next(futures), dropout) for d in size.motion_dilations))
        self.pose_head = nn.Conv1d(narrow, len(POSE_CHANNELS), 1)
        self.gate_head = nn.Conv1d(narrow, len(GATES), 1)

    def forward(self, features: Tensor) -> NetworkOutput:  # [B, 2 T, FEATURES]
        """An even number of feature frames in, half as many out."""
        hidden, phones = self.hear(features)
        moving = self.motion(self.join(torch.cat([hidden, phones.softmax(1)], 1)))
        return NetworkOutput(phones, self.pose_head(moving), self.gate_head(moving))

    def hear(self, features: Tensor) -> tuple[Tensor, Tensor]:  # [B, 2 T, FEATURES]
        """The phonetic half alone: hidden states `[B, C, T]` and phone logits `[B, 40, T]`."""
        hidden = self.phonetic(self.stem(features.transpose(1, 2)))
        return hidden, self.phone_head(hidden)
