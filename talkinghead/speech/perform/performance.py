"""One seeded performance of what the encoder has heard, in a stream: frames of the face for ticks of the speech."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from talkinghead.speech.hear.encoder import Ticks
from talkinghead.speech.options import MotionOptions, SpeechMotion
from talkinghead.speech.perform.controls import MotionControls
from talkinghead.speech.perform.frame_sources import CLOSURES, POSES, FrameSource

Array = NDArray[np.float32]


class Performance:
    """What a face does to a speech. Blocks may be cut anywhere; memory is constant.

    Args:
        source: of the frames.
        options: what the user asked for.
        fps: frames per second.
        seed: of what the controls vary by chance.
    """

    def __init__(self, source: FrameSource, options: MotionOptions, fps: float, seed: int) -> None:
        self._source = source
        self._fps = fps
        self._controls = MotionControls(options, fps, seed)

    def push(self, heard: Ticks) -> SpeechMotion:
        """The frames that more speech completes."""
        return self._motion(self._source.push(heard))

    def finish(self, count: int) -> SpeechMotion:
        """The rest of `count` frames in all."""
        return self._motion(self._source.finish(count))

    def _motion(self, frames: Array) -> SpeechMotion:
        pose, gates, upper = np.split(frames, [POSES, POSES + CLOSURES], 1)
        expression, rotation, eyes = self._controls.apply(pose, gates, upper)
        return SpeechMotion(torch.from_numpy(expression), torch.from_numpy(rotation), torch.from_numpy(eyes), self._fps)
