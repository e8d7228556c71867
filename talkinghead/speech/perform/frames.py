"""From ticks at 50 per second to video frames at any rate, without losing short closures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from talkinghead.speech.hear.network import OUTPUT_RATE

Array = NDArray[np.float32]


def frame_count(samples: int, sample_rate: int, fps: float) -> int:
    """`ceil(duration * fps)`, safe against rounding: 1 s at 25 fps is 25 frames."""
    return math.ceil(samples * fps / sample_rate - 1e-6)


_SHORTEST_CLOSURE = 0.045  # s


class FrameSampler:
    """Resamples columns of ticks (tick `i` at `(i + 0.5) / 50` s) to frames that each show `1 / fps` seconds.

    Most columns take their mean over the frame's time. Those in `peak` are closures of 60 ms and more: they take the
    value in the frame's middle, at low rates the maximum around it, so that none falls between two frames.

    Args:
        fps: frames per second.
        peak: [C] which columns are closures.
        prompt: a frame comes with the last tick within its time, and sees none beyond: 20 ms sooner, a little rougher.
    """

    def __init__(self, fps: float, peak: NDArray[np.bool_], prompt: bool = False) -> None:
        self._fps = fps
        self._prompt = prompt
        self._peak = peak
        self._pooled = max(0.0, 1 - _SHORTEST_CLOSURE * fps)  # share of the frame's time
        self._inside = max(1, math.ceil(2 * OUTPUT_RATE / fps))  # points looked at within a frame
        self._ticks = np.zeros((0, len(peak)), np.float32)
        self._first = 0  # number of the tick in row 0
        self._frame = 0

    def push(self, ticks: Array) -> Array:  # [n, C] -> [m, C]
        """Take more ticks; the frames that they complete."""
        self._ticks = np.concatenate([self._ticks, ticks])
        # Time of the last tick's middle, or of its end.
        known = (self._first + len(self._ticks) - (0 if self._prompt else 0.5)) / OUTPUT_RATE
        complete = max(self._frame, math.floor(known * self._fps + (1e-9 if self._prompt else -1e-9)))
        frames = self._sample(complete)
        keep = max(0, math.floor(self._frame / self._fps * OUTPUT_RATE) - 2 - self._first)
        self._ticks, self._first = self._ticks[keep:], self._first + keep
        return frames

    def finish(self, total: int) -> Array:
        """The rest of `total` frames; the last tick holds to the end."""
        return self._sample(max(total, self._frame))

    def _sample(self, stop: int) -> Array:
        numbers = np.arange(self._frame, stop)
        self._frame = stop
        if not len(numbers) or not len(self._ticks):
            return np.zeros((len(numbers), len(self._peak)), np.float32)
        inside = (np.arange(self._inside) + 0.5) / self._inside
        pooled = 0.5 + (np.linspace(-0.5, 0.5, self._inside) if self._inside > 1 else np.zeros(1)) * self._pooled
        latest = np.full((len(numbers), 1), np.inf)
        if self._prompt:  # the middle of the last tick that ends with the frame
            latest[:, 0] = (np.floor((numbers + 1) / self._fps * OUTPUT_RATE + 1e-9) - 0.5) / OUTPUT_RATE
        means = self._at(np.minimum((numbers[:, None] + inside) / self._fps, latest)).mean(1)
        peaks = self._at(np.minimum((numbers[:, None] + pooled) / self._fps, latest)).max(1)
        return np.where(self._peak, peaks, means).astype(np.float32)

    def _at(self, times: NDArray[np.float64]) -> Array:  # [...] s -> [..., C]
        position = np.clip(times * OUTPUT_RATE - 0.5 - self._first, 0, len(self._ticks) - 1)
        low = np.minimum(position.astype(int), max(len(self._ticks) - 2, 0))
        high = np.minimum(low + 1, len(self._ticks) - 1)
        weight = (position - low)[..., None].astype(np.float32)
        return self._ticks[low] * (1 - weight) + self._ticks[high] * weight


class CurveSampler:
    """Resamples smooth curves given `rate` times a second to frames: each shows the curve in the frame's middle.

    Between two given values runs a cubic of Catmull and Rom 1974; at `fps == rate` the values stay as they are.
    """

    def __init__(self, fps: float, rate: float, columns: int) -> None:
        self._fps = fps
        self._rate = rate
        self._values = np.zeros((0, columns), np.float32)
        self._first = 0  # number of the value in row 0
        self._frame = 0

    def push(self, values: Array) -> Array:  # [n, columns] -> [m, columns]
        """Take more values; the frames that they complete."""
        self._values = np.concatenate([self._values, values])
        last = self._first + len(self._values) - 1
        # A frame needs two values after its middle's place.
        complete = max(self._frame, math.ceil((last - 0.5) * self._fps / self._rate - 0.5 - 1e-9))
        frames = self._sample(complete)
        needed = math.floor((self._frame + 0.5) / self._fps * self._rate - 0.5) - 2 - self._first
        keep = min(max(0, needed), len(self._values))
        self._values, self._first = self._values[keep:], self._first + keep
        return frames

    def finish(self, total: int) -> Array:
        """The rest of `total` frames; the last value holds to the end."""
        return self._sample(max(total, self._frame))

    def _sample(self, stop: int) -> Array:
        numbers = np.arange(self._frame, stop)
        self._frame = stop
        if not len(numbers) or not len(self._values):
            return np.zeros((len(numbers), self._values.shape[1]), np.float32)
        position = (numbers + 0.5) / self._fps * self._rate - 0.5 - self._first
        low = np.floor(position + 1e-9).astype(int)
        x = (position - low)[:, None]
        a, b, c, d = (self._values[np.clip(low + i, 0, len(self._values) - 1)] for i in (-1, 0, 1, 2))
        curve = b + 0.5 * x * (c - a + x * (2 * a - 5 * b + 4 * c - d + x * (3 * (b - c) + d - a)))
        return curve.astype(np.float32)
