"""From the generator's smooth curves to what eyes really do: lids blink or do not, gaze rests or jumps.

A network that samples curves makes half blinks and gliding eyes; like the lips' gates, these are decisions. Both work
on streams and look a few frames ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Smoother:
    """Takes the shake out of slow channels: a Gaussian mean over time, per channel.

    Args:
        frames: [C] standard deviation of each channel's Gaussian, in frames; 0 leaves a channel as it is.
    """

    def __init__(self, frames: Array) -> None:
        self._reach = int(np.ceil(3 * float(np.max(frames, initial=0))))
        offsets = np.arange(-self._reach, self._reach + 1)[:, None]
        kernel = np.exp(-((offsets / np.maximum(frames, 0.1)) ** 2) / 2)
        self._kernel = (kernel / kernel.sum(0)).astype(np.float32)  # [2 reach + 1, C]
        self._held: Array | None = None

    def push(self, values: Array) -> Array:  # [n, C] -> [m, C]
        """More frames; those whose surroundings are known. Before the first frame is the first frame."""
        if self._held is None:
            if not len(values):
                return values
            self._held = np.repeat(values[:1], self._reach, 0)
        self._held = np.concatenate([self._held, values])
        count = len(self._held) - 2 * self._reach
        if count <= 0:
            return values[:0]
        around = np.lib.stride_tricks.sliding_window_view(self._held, 2 * self._reach + 1, axis=0)
        smooth = np.einsum("tck,kc->tc", around, self._kernel)
        self._held = self._held[count:]
        return smooth.astype(np.float32)

    def finish(self) -> Array:
        """The last frames; after the last frame is the last frame."""
        if self._held is None:
            return np.zeros((0, self._kernel.shape[1]), np.float32)
        return self.push(np.repeat(self._held[-1:], self._reach, 0))


class BlinkDecider:
    """Frames at which lids are shut: the highest points of the curve `blink` within `reach` frames to each side.

    Args:
        threshold: a lower peak is no blink.
        reach: frames that a decision looks ahead and back, so also the least distance of two blinks.
    """

    def __init__(self, threshold: float, reach: int = 18) -> None:
        self._threshold = threshold
        self._reach = reach
        self._held = np.full(reach, -np.inf)  # decided frames that are still looked back at, then the others
        self._next = 0  # number of the first frame that is not decided

    @property
    def decided(self) -> int:
        """Frames up to this number are decided."""
        return self._next

    def push(self, curve: Array) -> list[int]:  # [n]
        """More of the curve; the blinks found, as frame numbers from the start of all."""
        self._held = np.concatenate([self._held, curve])
        found = []
        span = 2 * self._reach + 1
        if len(self._held) >= span:
            around = np.lib.stride_tricks.sliding_window_view(self._held, span)
            middle = around[:, self._reach]
            # Of equally high neighbours the first counts.
            first = (middle > around[:, : self._reach].max(1)) & (middle >= around.max(1))
            found = [self._next + int(i) for i in np.flatnonzero(first & (middle >= self._threshold))]
            self._next += len(around)
            self._held = self._held[len(around) :]
        return found

    def finish(self) -> list[int]:
        """The blinks among the last frames."""
        return self.push(np.full(self._reach, -np.inf, np.float32))


@dataclass(frozen=True)
class FixationOptions:
    """How gaze is made to rest.

    Attributes:
        jump: radians that gaze must leave the point it rests on before the eyes follow.
        shortest: frames that they rest at least.
        ahead: frames after a jump whose median is the new resting point.
    """

    jump: float = 0.02
    shortest: int = 5
    ahead: int = 6


class Fixations:
    """Gaze that stays where it is until the generated one has really left, then is there within a frame (40 ms)."""

    def __init__(self, options: FixationOptions | None = None) -> None:
        self._options = options or FixationOptions()
        self._held = np.zeros((0, 2), np.float32)
        self._point: Array | None = None
        self._rested = 0

    def push(self, gaze: Array) -> Array:  # [n, 2] -> [m, 2]
        """More gaze; the frames decided so far, `ahead` fewer in all."""
        self._held = np.concatenate([self._held, gaze])
        return self._advanced(max(len(self._held) - self._options.ahead, 0))

    def finish(self) -> Array:
        """The last frames."""
        return self._advanced(len(self._held))

    def _advanced(self, count: int) -> Array:
        o = self._options
        result = np.zeros((count, 2), np.float32)
        for i in range(count):
            coming = np.median(self._held[i + 1 : i + 1 + o.ahead], 0) if i + 1 < len(self._held) else self._held[i]
            if self._point is None:
                self._point = np.zeros(2, np.float32)  # it leaves the photo's gaze with a jump, as any other
            elif self._rested >= o.shortest and self._left(self._held[i]) and self._left(coming):
                self._point, self._rested = coming.astype(np.float32), 0
            result[i] = self._point
            self._rested += 1
        self._held = self._held[count:]
        return result

    def _left(self, gaze: Array) -> bool:
        return self._point is not None and float(np.linalg.norm(gaze - self._point)) > self._options.jump
