"""Motion of any length at constant memory: windows that continue each other.

Every window is given the last frames of the motion so far as a clean prefix and makes what follows. Its last frames are
made again by the next window, which has heard more, and the two are crossfaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from talkinghead.speech.generate.network import MotionNetwork, Window
from talkinghead.speech.generate.sampler import SamplerOptions, guided, sample


@dataclass(frozen=True)
class WindowOptions:
    """Frames of a window.

    Attributes:
        prefix: frames given of the motion so far.
        new: frames made after them.
        fade: of the new ones, how many the next window makes again and fades into.
    """

    prefix: int = 10
    new: int = 65
    fade: int = 6


@dataclass(frozen=True, eq=False)
class Rest:
    """What lies before the first frame: physical `motion [channels]`, and the `condition [condition]` of silence."""

    motion: Tensor
    condition: Tensor


@dataclass(frozen=True, eq=False)
class SamplingOptions:
    """Everything about how a trained network is sampled. `temperature [channels]` scales each channel's noise; None: 1.

    A channel of temperature 1 has the spread that the data have, given the speech; at 0 it takes its likeliest course.
    """

    sampler: SamplerOptions = field(default_factory=SamplerOptions)
    windows: WindowOptions = field(default_factory=WindowOptions)
    temperature: Tensor | None = None


class MotionStream:
    """Motion for speech that arrives piece by piece; several samples of it side by side, one for each seed.

    The windows' places depend on the frame numbers alone: any cut into pieces gives the same motion to about 1e-6 of a
    channel's spread (matrix products round by where their inputs lie in memory, on some processors).
    """

    def __init__(
        self, network: MotionNetwork, seeds: Sequence[int], rest: Rest, options: SamplingOptions | None = None
    ) -> None:
        self._network = network
        self._options = options or SamplingOptions()
        self._device = network.mean.device
        self._noise = [torch.Generator().manual_seed(seed) for seed in seeds]
        size, frames = network.size, self._options.windows.prefix
        before = network.normalised(rest.motion.to(self._device))
        self._prefix = before.expand(len(seeds), frames, size.channels).clone()
        self._tail = torch.zeros(len(seeds), 0, size.channels, device=self._device)  # made, and to be faded
        # Speech from the prefix's first frame on.
        self._condition = rest.condition.to(self._device).expand(frames, size.condition).clone()

    @torch.inference_mode()
    def push(self, condition: Tensor) -> Tensor:  # [n, condition] -> [seeds, m, channels] physical units
        """Take more speech; the motion that it completes."""
        self._condition = torch.cat([self._condition, condition.to(self._device)])
        o = self._options.windows
        pieces = [self._prefix[:, :0]]
        while len(self._condition) >= o.prefix + o.new:
            made = self._faded(self._made(o.prefix + o.new))
            ready, self._tail = made[:, : o.new - o.fade], made[:, o.new - o.fade :]
            pieces.append(ready)
            self._prefix = torch.cat([self._prefix, ready], 1)[:, -o.prefix :]
            self._condition = self._condition[o.new - o.fade :]
        return self._network.physical(torch.cat(pieces, 1))

    @torch.inference_mode()
    def finish(self) -> Tensor:  # [seeds, m, channels]
        """The frames of the speech's end."""
        frames = len(self._condition)
        left = frames - self._options.windows.prefix
        if left > self._tail.shape[1]:
            self._tail = self._faded(self._made(frames))
        return self._network.physical(self._tail)

    def _made(self, frames: int) -> Tensor:
        """A window's new frames, normalised: [seeds, frames - prefix, channels]."""
        o = self._options
        seeds, given = self._prefix.shape[:2]
        noise = torch.stack([self._drawn(generator) for generator in self._noise]).to(self._device)
        noise = self._network.shaped(noise)[:, :frames]
        if o.temperature is not None:
            noise = noise * o.temperature.to(self._device)
        known = torch.ones(seeds, self._network.size.channels, device=self._device)
        prefix = torch.zeros(seeds, frames, device=self._device)
        prefix[:, :given] = 1
        condition = self._condition[:frames].expand(seeds, -1, -1)
        spoken = torch.ones(seeds, device=self._device)
        heard = Window(condition, known, prefix, spoken)
        unheard = Window(condition, known, prefix, torch.zeros_like(spoken))

        def denoise(x: Tensor, angle: float) -> Tensor:
            x = torch.cat([self._prefix, x[:, given:]], 1)
            level = torch.full((seeds,), angle, device=self._device)
            clean = self._network(x, level, heard)
            if o.sampler.guidance == 1:
                return clean
            return guided(clean, self._network(x, level, unheard), o.sampler.guidance)

        return sample(denoise, noise, o.sampler.steps)[:, given:]

    def _drawn(self, generator: torch.Generator) -> Tensor:
        """A whole window's noise, also for a shorter one: the draws that follow stay the same."""
        o = self._options.windows
        return torch.randn(o.prefix + o.new, self._network.size.channels, generator=generator)

    def _faded(self, made: Tensor) -> Tensor:
        """The new frames, after the old ones for the first few."""
        fade = self._tail.shape[1]
        if not fade:
            return made
        weight = ((torch.arange(fade, device=self._device) + 0.5) / fade)[:, None]
        mixed = torch.lerp(self._tail, made[:, :fade], weight)
        return torch.cat([mixed, made[:, fade:]], 1)
