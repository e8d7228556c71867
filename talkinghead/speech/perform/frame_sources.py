"""Where a performance takes its frames from: the generator, or, live, the encoder's own lips and a random process.

Both take ticks of what is heard and give frames `[n, 27]`: open pose (14), gates (3), upper face (10), in the orders of
`POSE_CHANNELS`, `GATES` and `UPPER_CHANNELS`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from talkinghead.speech.generate.channels import MOTION_CHANNELS, MOTION_RATE, UPPER_CHANNELS
from talkinghead.speech.generate.conditions import FrameConditions
from talkinghead.speech.generate.generator import MotionGenerator, MotionPiece
from talkinghead.speech.hear.encoder import Ticks
from talkinghead.speech.hear.network import OUTPUT_RATE
from talkinghead.speech.perform.frames import CurveSampler, FrameSampler
from talkinghead.speech.perform.idle import HeadRise, IdleMotion, Posture
from talkinghead.speech.perform.lids import BlinkRetimer, BlinkShaper, BlinkStart
from talkinghead.speech.perform.mouth import GATES, POSE_CHANNELS, assemble, lip_gap_mm

Array = NDArray[np.float32]

POSES, CLOSURES = len(POSE_CHANNELS), len(GATES)
_COLUMNS = POSES + CLOSURES + len(UPPER_CHANNELS)
_HEAD = slice(POSES, POSES + 3)  # of MOTION_CHANNELS
# A long stream is calmer than the short clips on which the generator's gains are set: with these, any 3 s of it move as
# much as 3 s of GRID's filmed heads (79 training and development clips).
_HEAD_SCALE = np.array([1.15, 1.3, 0.88], np.float32)
_BLINK, _PITCH = UPPER_CHANNELS.index("blink"), UPPER_CHANNELS.index("head_pitch")
_PEAK_GATES = np.array([name != "rest" for name in GATES])  # short: no frame may miss them
_TICKS = OUTPUT_RATE // MOTION_RATE
# GRID's speakers read from a screen: their brows hardly move, and some glances go further than one would in talking.
_BROWS = [MOTION_CHANNELS.index(name) for name in ("browInnerUp", "browOuterUp", "browDown")]
_BROW_SCALE = np.float32(2.0)
_GAZE = slice(POSES + 3, POSES + 5)
_FARTHEST_GAZE = np.array([0.07, 0.12], np.float32)  # radians, pitch and yaw


class FrameSource(Protocol):
    """Frames for ticks, in a stream of constant memory."""

    def push(self, heard: Ticks) -> Array:  # -> [n, 27]
        """The frames that more speech completes."""
        ...

    def finish(self, count: int) -> Array:  # -> [n, 27]
        """The rest of `count` frames in all."""
        ...


class LiveSource:
    """Frames as soon as they are heard: the encoder's lips; head, gaze, brows and blinks of a random process.

    Args:
        fps: frames per second.
        seed: of the random process.
        blinks_per_minute: 0..60.
    """

    def __init__(self, fps: float, seed: int, blinks_per_minute: float) -> None:
        self._idle = IdleMotion(seed, blinks_per_minute)
        peak = np.zeros(_COLUMNS, np.bool_)
        peak[POSES : POSES + CLOSURES] = _PEAK_GATES
        peak[POSES + CLOSURES + _BLINK] = True
        self._sampler = FrameSampler(fps, peak, prompt=True)

    def push(self, heard: Ticks) -> Array:  # -> [n, 27]
        """The frames that more speech completes."""
        upper = self._idle.advance(heard.loudness)
        return self._sampler.push(np.concatenate([heard.pose, heard.gates, upper], 1))

    def finish(self, count: int) -> Array:  # -> [n, 27]
        """The rest of `count` frames in all."""
        return self._sampler.finish(count)


class GeneratedSource:
    """Frames of generated motion; the gates are the encoder's, the lids those of the blinks.

    Args:
        generator: makes all of `MOTION_CHANNELS`.
        fps: frames per second.
        seed: decides head, gaze, brows and blinks, and hardly the lips.
        blinks_per_minute: 0..60; None leaves the generated blinks as they come.
    """

    def __init__(self, generator: MotionGenerator, fps: float, seed: int, blinks_per_minute: float | None) -> None:
        kept, drawn, posture = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
        self._conditions = FrameConditions()
        self._run = generator.start(seed)
        self._retimer = BlinkRetimer(kept, blinks_per_minute, generator.blinks_per_minute)
        self._shaper = BlinkShaper(drawn)
        self._posture = Posture(posture, MOTION_RATE)
        self._rise = HeadRise(fps)
        self._curves = CurveSampler(fps, MOTION_RATE, len(MOTION_CHANNELS))
        self._gates = FrameSampler(fps, _PEAK_GATES)
        self._lids = FrameSampler(fps, np.ones(1, np.bool_))
        self._waiting: list[Array] = [np.zeros((0, n), np.float32) for n in (len(MOTION_CHANNELS), CLOSURES, 1)]

    def push(self, heard: Ticks) -> Array:  # -> [n, 27]
        """The frames that more speech completes."""
        self._keep(1, self._gates.push(heard.gates))
        condition = self._conditions.push(heard)
        for piece in self._run.push(condition):
            self._take(piece)
        return self._ready()

    def finish(self, count: int) -> Array:  # -> [n, 27]
        """The rest of `count` frames in all."""
        rest = self._conditions.finish()
        for piece in [*self._run.push(rest), *self._run.finish()]:
            self._take(piece)
        self._keep(0, self._curves.finish(count))
        self._keep(1, self._gates.finish(count))
        self._keep(2, self._lids.finish(count))
        return self._ready()

    def _take(self, piece: MotionPiece) -> None:
        frames = piece.frames.copy()
        frames[:, _HEAD] = (frames[:, _HEAD] + self._posture.advance(len(frames))) * _HEAD_SCALE
        frames[:, _BROWS] *= _BROW_SCALE
        frames[:, _GAZE] = frames[:, _GAZE].clip(-_FARTHEST_GAZE, _FARTHEST_GAZE)
        self._keep(0, self._curves.push(frames))
        starts = [BlinkStart(_TICKS * frame) for frame in piece.blinks]
        ticks = _TICKS * len(piece.frames)
        lids = self._shaper.advance(ticks, self._retimer.advance(ticks, starts))
        self._keep(2, self._lids.push(lids[:, None]))

    def _keep(self, number: int, frames: Array) -> None:
        self._waiting[number] = np.concatenate([self._waiting[number], frames])

    def _ready(self) -> Array:
        count = min(len(frames) for frames in self._waiting)
        motion, gates, lids = (frames[:count] for frames in self._waiting)
        self._waiting = [frames[count:] for frames in self._waiting]
        upper = motion[:, POSES:].copy()
        upper[:, _BLINK] = lids[:, 0]
        upper[:, _PITCH] += self._rise.advance(lip_gap_mm(assemble(motion[:, :POSES].clip(0, 1), gates)))
        return np.concatenate([motion[:, :POSES], gates, upper], 1)
