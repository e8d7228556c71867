"""The speech network: a phonetic front half and a motion half, both stacks of dilated convolutions at 50 frames/s."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkinghead.speech.features import FEATURES
from talkinghead.speech.mouth import GATES, POSE_CHANNELS

OUTPUT_RATE = 50  # frames per second, half of the features' rate
PHONE_CLASSES = 40


@dataclass(frozen=True)
class NetworkSize:
    """Widths and dilations (in 20 ms frames); stored in the weights file."""

    phonetic_width: int = 160
    phonetic_dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 2, 4)
    motion_width: int = 112
    motion_dilations: tuple[int, ...] = (1, 2, 4, 1)

    @property
    def context(self) -> int:
        """Frames on each side that an output can depend on."""
        return sum(self.phonetic_dilations) + sum(self.motion_dilations) + 3


DEFAULT_SIZE = NetworkSize()


@dataclass(frozen=True)
class NetworkOutput:
    """What the network says about `[B, T]` frames at 50 frames/s, as logits (sigmoid or softmax gives 0..1)."""

    phones: Tensor  # [B, 40, T]
    pose: Tensor  # [B, 14, T]
    gates: Tensor  # [B, 3, T]


class ResidualBlock(nn.Module):
    """norm -> dilated convolution -> GELU -> pointwise, added to its input.

    Batch norm is a constant scale at inference: chunks give the same numbers as the whole. It trains fast on a CPU.
    """

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.spread = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, T] -> [B, C, T]
        return x + self.mix(self.dropout(functional.gelu(self.spread(self.norm(x)))))


class SpeechNetwork(nn.Module):
    """Features at 100 frames/s to phones, mouth pose and lip gates at 50 frames/s; about 1.2 M weights."""

    def __init__(self, size: NetworkSize = DEFAULT_SIZE, dropout: float = 0.1) -> None:
        super().__init__()
        self.size = size
        wide, narrow = size.phonetic_width, size.motion_width
        self.stem = nn.Conv1d(FEATURES, wide, 6, stride=2, padding=2)
        self.phonetic = nn.Sequential(*(ResidualBlock(wide, d, dropout) for d in size.phonetic_dilations))
        self.phone_head = nn.Conv1d(wide, PHONE_CLASSES, 1)
        self.join = nn.Conv1d(wide + PHONE_CLASSES, narrow, 1)
        self.motion = nn.Sequential(*(ResidualBlock(narrow, d, dropout) for d in size.motion_dilations))
        self.pose_head = nn.Conv1d(narrow, len(POSE_CHANNELS), 1)
        self.gate_head = nn.Conv1d(narrow, len(GATES), 1)

    def forward(self, features: Tensor) -> NetworkOutput:  # [B, 2 T, FEATURES]
        """An even number of feature frames in, half as many out."""
        hidden = self.phonetic(self.stem(features.transpose(1, 2)))
        phones = self.phone_head(hidden)
        moving = self.motion(self.join(torch.cat([hidden, phones.softmax(1)], 1)))
        return NetworkOutput(phones, self.pose_head(moving), self.gate_head(moving))
