"""`MotionGenerator`: conditions in, finished frames of motion and blinks out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from talkinghead.speech.generate.channels import MOTION_RATE
from talkinghead.speech.generate.decisions import BlinkDecider, Fixations, Smoother
from talkinghead.speech.generate.sampler import SamplerOptions
from talkinghead.speech.generate.weights import TrainedGenerator, load_generator
from talkinghead.speech.generate.windows import SamplingOptions
from talkinghead.speech.perform.lids import TO_SHUT

Array = NDArray[np.float32]

BLINK_LEAD = round(TO_SHUT * MOTION_RATE)  # frames from a blink's start to shut lids


@dataclass(frozen=True, eq=False)
class MotionPiece:
    """The next `n` frames.

    Attributes:
        frames: [n, C] physical units, in the order of the generator's names. The column `blink` says only how likely a
            blink is.
        blinks: frames of this piece, counted from its first, in which lids begin to close.
    """

    frames: Array
    blinks: tuple[int, ...]


class MotionGenerator:
    """A trained generator, ready for any number of sounds; it keeps no state between them."""

    def __init__(self, trained: TrainedGenerator, sampler: SamplerOptions | None = None) -> None:
        self._trained = trained
        self._options = SamplingOptions(sampler or SamplerOptions(), temperature=trained.temperature)

    @classmethod
    def load(cls, path: Path, device: str = "cpu", sampler: SamplerOptions | None = None) -> MotionGenerator:
        """The generator of a file.

        Raises:
            InputError: `path` is not a motion generator.
        """
        return cls(load_generator(path, device), sampler)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the channels."""
        return self._trained.names

    @property
    def blinks_per_minute(self) -> float:
        """How often it blinks by itself."""
        return float(self._trained.notes["blinks_per_minute"])

    def start(self, seed: int) -> MotionRun:
        """Begin a motion."""
        return MotionRun(self._trained, self._options, seed)

    def stream(self, conditions: Iterable[Array], seed: int) -> Iterator[MotionPiece]:  # each [n, condition]
        """As many frames as there are conditions, in pieces; how these are cut changes the numbers by about 1e-6.

        What is decided from them, blinks and jumps of the gaze, changes only where a curve is that near a threshold.
        About 3 s of conditions are held back.
        """
        run = self.start(seed)
        for condition in conditions:
            yield from run.push(condition)
        yield from run.finish()


class MotionRun:
    """One motion in the making: push conditions, then finish. Memory is constant."""

    def __init__(self, trained: TrainedGenerator, options: SamplingOptions, seed: int) -> None:
        names = trained.names
        gaze = ("gaze_pitch", "gaze_yaw")
        self._stream = trained.stream([seed], options)
        self._decisions = _Decisions(
            trained.blink_threshold,
            names.index("blink") if "blink" in names else None,
            [names.index(name) for name in gaze] if set(gaze) <= set(names) else None,
        )
        self._mean = trained.mean.cpu().numpy()
        self._gain = trained.gain.cpu().numpy()
        slow = np.zeros(len(names), np.float32) if trained.smoothing is None else trained.smoothing.cpu().numpy()
        self._smoother = Smoother(slow)

    def push(self, condition: Array) -> list[MotionPiece]:  # [n, condition]
        """The motion that more speech completes."""
        made = self._scaled(self._stream.push(torch.from_numpy(condition)))
        return list(self._decisions.push(self._smoother.push(made)))

    def finish(self) -> list[MotionPiece]:
        """The rest: as many frames in all as there were conditions."""
        last = self._smoother.push(self._scaled(self._stream.finish()))
        return [
            *self._decisions.push(last),
            *self._decisions.push(self._smoother.finish()),
            *self._decisions.finish(),
        ]

    def _scaled(self, made: torch.Tensor) -> Array:  # [1, n, C] -> [n, C]
        return np.asarray(self._mean + self._gain * (made[0].cpu().numpy() - self._mean), np.float32)


class _Decisions:
    """Makes frames final: gaze rests or jumps, and blinks are known when they begin."""

    def __init__(self, threshold: float | None, blink: int | None, gaze: list[int] | None) -> None:
        self._blink, self._gaze = blink, gaze
        self._lids = BlinkDecider(threshold if threshold is not None else np.inf)
        self._fixations = Fixations()
        self._held: Array | None = None  # frames that are not out yet
        self._rested = np.zeros((0, 2), np.float32)  # their gaze, as far as it is decided
        self._first = 0  # number of the first of them
        self._blinks: list[int] = []  # numbers of the frames in which lids begin to close

    def push(self, frames: Array) -> Iterator[MotionPiece]:
        self._held = frames if self._held is None else np.concatenate([self._held, frames])
        ready = len(self._held)
        if self._blink is not None:
            self._shut(self._lids.push(frames[:, self._blink]))
            ready = min(ready, self._lids.decided - BLINK_LEAD - self._first)
        if self._gaze is not None:
            self._rested = np.concatenate([self._rested, self._fixations.push(frames[:, self._gaze])])
            ready = min(ready, len(self._rested))
        yield from self._out(ready)

    def finish(self) -> Iterator[MotionPiece]:
        if self._held is not None:
            if self._blink is not None:
                self._shut(self._lids.finish())
            if self._gaze is not None:
                self._rested = np.concatenate([self._rested, self._fixations.finish()])
            yield from self._out(len(self._held))

    def _shut(self, found: list[int]) -> None:
        self._blinks += [frame - BLINK_LEAD for frame in found if frame >= BLINK_LEAD]

    def _out(self, count: int) -> Iterator[MotionPiece]:
        if count <= 0 or self._held is None:
            return
        frames, self._held = self._held[:count].copy(), self._held[count:]
        if self._gaze is not None:
            frames[:, self._gaze], self._rested = self._rested[:count], self._rested[count:]
        stop = self._first + count
        begun = tuple(frame - self._first for frame in self._blinks if frame < stop)
        self._blinks = [frame for frame in self._blinks if frame >= stop]
        self._first = stop
        yield MotionPiece(frames, begun)
