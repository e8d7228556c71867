"""`Talker`: the speech model with its settings, loaded once: sound in, motion or a finished video out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talkinghead.config import Config, with_settings
from talkinghead.stages import Stages, silent

if TYPE_CHECKING:
    from face3d.parameters import FaceParameters
    from talkinghead.driving import Pose
    from talkinghead.media.audio import Sound
    from talkinghead.person import Portrait
    from talkinghead.pipeline import VideoResult
    from talkinghead.sound import SoundSource
    from talkinghead.speech.model import SpeechModel
    from talkinghead.speech.options import MotionOptions

Image = NDArray[np.uint8]  # [H, W, 3], sRGB, 0..255
Progress = Callable[[int, int], None]

# Poses that are known ahead: more than the speech model gives at a time, so that it does not hold up the frames.
_WAITING_POSES = 100


@dataclass(frozen=True)
class Performance:
    """A sound that is being performed.

    Attributes:
        sound: what is heard.
        spoken: a pose for each of its frames, of nobody in particular: expressions are the spoken ones alone.
    """

    sound: Sound
    spoken: Iterator[Pose]


class Talker:
    """The speech model. One object serves any number of recordings and people, one call at a time.

    Args:
        config: settings, the defaults when not given.
        stages: where fitting the video of `style_from` reports its progress.
        settings: single settings that differ, by their name in `configs/default.yaml`: `Talker(emotion="happy", fps=30)`.

    Raises:
        InputError: a setting that cannot be, or a style's reference that cannot be used.
    """

    def __init__(self, config: Config | None = None, *, stages: Stages = silent, **settings: object) -> None:
        from talkinghead.devices import check_device

        self.config = with_settings(config, **settings)
        self._stages = stages
        check_device(self.config)

    @cached_property
    def model(self) -> SpeechModel:
        """The networks; loaded when they are first needed."""
        from talkinghead.pipeline import load_speech

        return load_speech(self.config)

    @cached_property
    def motion(self) -> MotionOptions:
        """What is asked of the motion; a style's reference is read, or fitted, when it is first needed."""
        from talkinghead.motion import motion_options

        return motion_options(self.config, self._stages)

    def animate(
        self,
        sound: SoundSource | None,
        *,
        text: str | None = None,
        person: Portrait | None = None,
        seed: int | None = None,
        progress: Progress | None = None,
    ) -> FaceParameters:
        """Speech to motion.

        Args:
            sound: any file with sound, or (samples, rate): [N] or [N, C], floats in -1..1 or 16-bit integers, Hz.
            text: English words to speak with a synthetic voice instead of `sound`.
            person: whose motion it is: in their pose, with their face's own expression under the speech; without one
                it is nobody's, and `Portrait.frames` makes it a person's.
            seed: another performance of the same words; None: the settings' `seed`.
            progress: called with (frames done, frames in all).

        Raises:
            InputError: the sound cannot be used.
        """
        raise NotImplementedError
