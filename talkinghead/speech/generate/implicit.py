"""Implicit motion: a code with fewer frames, which the generator makes in the channels' place, and its decoder.

The code is learnt by a variational autoencoder (`scripts.lab.speech.ablation.implicit`). Groups of channels that are
not always known together, the mouth and the rest, have codes of their own: either can be generated or masked alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkinghead.speech.generate.network import MotionNetwork
from talkinghead.speech.generate.windows import MotionStream, Rest, SamplingOptions, WindowOptions


@dataclass(frozen=True)
class CodeSize:
    """Shape of a code and its decoder; stored in the weights file.

    Attributes:
        channels: motion channels of each group, in the motion's order.
        codes: numbers that stand for each group.
        stride: frames that one code stands for.
        width: of the convolutions.
    """

    channels: tuple[int, ...]
    codes: tuple[int, ...]
    stride: int = 2
    width: int = 64

    @property
    def code(self) -> int:
        """Numbers of a whole code."""
        return sum(self.codes)

    @staticmethod
    def read(header: dict[str, Any]) -> CodeSize:
        """From JSON, which knows no tuples."""
        lists = {name: tuple(value) for name, value in header.items() if isinstance(value, list)}
        return CodeSize(**{**header, **lists})


class MotionDecoder(nn.Module):
    """Code to motion. Convolutions only: a frame depends on the codes within `context` of its own."""

    mean: Tensor
    spread: Tensor

    def __init__(self, size: CodeSize) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.zeros(sum(size.channels)))
        self.register_buffer("spread", torch.ones(sum(size.channels)))
        self.groups = nn.ModuleList(
            _GroupDecoder(channels, code, size) for channels, code in zip(size.channels, size.codes, strict=True)
        )

    @property
    def context(self) -> int:
        """Codes to each side of a code that its frames depend on."""
        return 2 + math.ceil(2 / self.size.stride)

    def normalised(self, motion: Tensor) -> Tensor:  # [..., C] physical units -> mean 0, spread 1
        """Physical units to the decoder's."""
        return (motion - self.mean) / self.spread

    def physical(self, motion: Tensor) -> Tensor:  # [..., C] normalised -> physical units
        """The decoder's units to physical ones."""
        return motion * self.spread + self.mean

    def forward(self, code: Tensor) -> Tensor:  # [B, n, D] -> [B, n * stride, C] normalised
        """The motion that a code stands for."""
        parts = code.transpose(1, 2).split(list(self.size.codes), 1)
        made = [group(part) for group, part in zip(self.groups, parts, strict=True)]
        return torch.cat(made, 1).transpose(1, 2)

    def group_flags(self, known: Tensor) -> Tensor:  # [B, C] -> [B, D]
        """1 for the codes of groups of which any channel is known."""
        groups = known.split(list(self.size.channels), 1)
        flags = [g.amax(1, keepdim=True).expand(-1, code) for g, code in zip(groups, self.size.codes, strict=True)]
        return torch.cat(flags, 1)


class _GroupDecoder(nn.Module):
    def __init__(self, channels: int, code: int, size: CodeSize) -> None:
        super().__init__()
        self._stride, width = size.stride, size.width
        self.near = nn.Conv1d(code, width, 3, padding=1)
        self.middle = nn.Conv1d(width, width, 3, padding=1)
        self.rise = nn.Conv1d(width, size.stride * width, 1)
        self.smooth = nn.Conv1d(width, width, 3, padding=1)
        self.out = nn.Conv1d(width, channels, 3, padding=1)

    def forward(self, code: Tensor) -> Tensor:  # [B, d, n] -> [B, c, n * stride]
        hidden = functional.gelu(self.near(code))
        hidden = hidden + functional.gelu(self.middle(hidden))
        batch, width, codes = hidden.shape
        frames = self.rise(hidden).view(batch, self._stride, width, codes).permute(0, 2, 3, 1).flatten(2)
        return self.out(frames + functional.gelu(self.smooth(frames)))


def decoded(decoder: MotionDecoder, codes: Tensor, rest: Tensor) -> Tensor:  # [B, n, D], [D] -> [B, n * stride, C]
    """Motion in physical units; before the first code lies `rest`."""
    before = rest.expand(len(codes), decoder.context, -1)
    made = decoder(torch.cat([before, codes], 1))[:, decoder.context * decoder.size.stride :]
    return decoder.physical(made)


def coded_windows(windows: WindowOptions, stride: int) -> WindowOptions:
    """Windows of codes about as long as the given ones of frames."""
    return WindowOptions(windows.prefix // stride, math.ceil(windows.new / stride), windows.fade // stride)


class MotionSource(Protocol):
    """Motion for speech that arrives piece by piece: `MotionStream`, or `CodedStream`."""

    def push(self, condition: Tensor) -> Tensor:  # [n, condition] -> [seeds, m, channels] physical units
        """Take more speech; the motion that it completes."""
        ...

    def finish(self) -> Tensor:  # [seeds, m, channels]
        """The frames of the speech's end."""
        ...


class CodedStream:
    """A `MotionSource` that generates codes and decodes them.

    Args:
        network: of codes; its condition is that of `stride` frames side by side.
        rest: code and condition (of `stride` frames) before the first frame.
        options: of the network: windows and temperature are those of codes.
    """

    def __init__(
        self,
        network: MotionNetwork,
        decoder: MotionDecoder,
        seeds: Sequence[int],
        rest: Rest,
        options: SamplingOptions | None = None,
    ) -> None:
        self._decoder = decoder
        self._codes = MotionStream(network, seeds, rest, options)
        stride = decoder.size.stride
        self._condition = torch.zeros(0, network.size.condition // stride)
        # Codes whose frames are not out yet, after `context` ones of which they are.
        self._held = rest.motion.to(network.mean.device).expand(len(seeds), decoder.context, -1)
        self._due = 0  # frames that the speech so far asks for and that are not out

    @torch.inference_mode()
    def push(self, condition: Tensor) -> Tensor:
        """As `MotionSource`."""
        self._due += len(condition)
        self._condition = torch.cat([self._condition, condition.cpu()])
        whole = len(self._condition) // self._decoder.size.stride
        made = self._codes.push(self._taken(whole))
        return self._out(made, self._decoder.context)

    @torch.inference_mode()
    def finish(self) -> Tensor:
        """As `MotionSource`."""
        pieces = []
        if left := len(self._condition):  # the last code's missing frames repeat the last one
            missing = self._condition[-1:].expand(self._decoder.size.stride - left, -1)
            self._condition = torch.cat([self._condition, missing])
            pieces.append(self._codes.push(self._taken(1)))
        pieces.append(self._codes.finish())
        return self._out(torch.cat(pieces, 1), 0)

    def _taken(self, codes: int) -> Tensor:  # -> [codes, stride * condition]
        frames = codes * self._decoder.size.stride
        taken, self._condition = self._condition[:frames], self._condition[frames:]
        return taken.reshape(codes, taken.shape[1] * self._decoder.size.stride)

    def _out(self, made: Tensor, ahead: int) -> Tensor:
        """Frames of the codes that are followed by `ahead` others."""
        stride, context = self._decoder.size.stride, self._decoder.context
        self._held = torch.cat([self._held, made], 1)
        ready = max(self._held.shape[1] - context - ahead, 0)
        if not ready:
            return self._held.new_zeros(len(self._held), 0, len(self._decoder.mean))
        motion = self._decoder(self._held)[:, context * stride :][:, : min(ready * stride, self._due)]
        self._held = self._held[:, ready:]
        self._due -= motion.shape[1]
        return self._decoder.physical(motion)


def decoder_header(decoder: MotionDecoder | None) -> dict[str, Any]:
    """What a weights file says of its representation."""
    if decoder is None:
        return {"representation": "explicit"}
    return {"representation": "implicit", "code": dataclasses.asdict(decoder.size)}
