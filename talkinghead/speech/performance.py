"""One seeded performance of what the encoder has heard, in a stream: frames of the face for ticks of the speech."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from talkinghead.speech.channels import UPPER_CHANNELS
from talkinghead.speech.controls import MotionControls
from talkinghead.speech.encoder import Ticks
from talkinghead.speech.frames import FrameSampler
from talkinghead.speech.idle import IdleMotion
from talkinghead.speech.mouth import GATES, POSE_CHANNELS
from talkinghead.speech.options import MotionOptions, SpeechMotion

Array = NDArray[np.float32]

_POSES, _GATES = len(POSE_CHANNELS), len(GATES)
_PEAK = np.zeros(_POSES + _GATES + len(UPPER_CHANNELS), np.bool_)
_PEAK[[_POSES, _POSES + 1, _POSES + _GATES + UPPER_CHANNELS.index("blink")]] = True  # bilabial, labiodental, blink


class Performance:
    """What a face does to a speech. Blocks may be cut anywhere; memory is constant.

    Args:
        options: what the user asked for.
        fps: frames per second.
        seed: decides blinks, gaze, head and brows.
    """

    def __init__(self, options: MotionOptions, fps: float, seed: int) -> None:
        self._fps = fps
        self._idle = IdleMotion(seed, options.blinks_per_minute)
        self._sampler = FrameSampler(fps, _PEAK)
        self._controls = MotionControls(options, fps, seed)

    def push(self, heard: Ticks) -> SpeechMotion:
        """The frames that more speech completes."""
        upper = self._idle.advance(heard.loudness)
        return self._motion(self._sampler.push(np.concatenate([heard.pose, heard.gates, upper], 1)))

    def finish(self, count: int) -> SpeechMotion:
        """The rest of `count` frames in all."""
        return self._motion(self._sampler.finish(count))

    def _motion(self, frames: Array) -> SpeechMotion:
        pose, gates, upper = np.split(frames, [_POSES, _POSES + _GATES], 1)
        expression, rotation, eyes = self._controls.apply(pose, gates, upper)
        return SpeechMotion(torch.from_numpy(expression), torch.from_numpy(rotation), torch.from_numpy(eyes), self._fps)
