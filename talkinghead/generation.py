"""The main job: one photo and one recording in, an MP4 of that person speaking out.

Arranged so that the first frame comes soon. Half of the wait is Python importing torch and numba, so the rest goes on
beside it where it can: the face is looked for during the imports, and the speech is worked on while the face is fitted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from talkinghead.config import Config, load_config
from talkinghead.media.spoken import check_sound
from talkinghead.portrait import Portrait
from talkinghead.runtime import check_device, limited_threads
from talkinghead.stages import Stages, silent
from talkinghead.talker import Talker

if TYPE_CHECKING:
    from talkinghead.media.spoken import SoundSource
    from talkinghead.rendering import VideoResult


def generate(
    photo: str | Path,
    audio: SoundSource | None,
    output: str | Path,
    *,
    text: str | None = None,
    parameters: str | Path | None = None,
    config: Config | None = None,
    progress: Callable[[int, int], None] | None = None,
    stages: Stages = silent,
) -> VideoResult:
    """Make the person in a photo speak: `Portrait.open`, `Talker` and `Talker.generate` in one call.

    Args:
        photo: a picture, or a video of which the first good frame is taken.
        audio: any file with sound, or (samples, rate); None with `text`.
        output: the MP4 to write.
        text: English words to speak with a synthetic voice instead of `audio`.
        parameters: where to save the face parameters (.safetensors) that drive the video.
        config: settings; the defaults when not given.
        progress: called with (frames done, frames in all).
        stages: where fitting the video of `motion.style_from` reports its progress.

    Raises:
        InputError: something is wrong with the inputs; nothing was written.
    """
    config = config or load_config()
    check_device(config)
    talker = Talker(config, stages=stages)
    talker.check_outputs(output, parameters, photo, audio)
    check_sound(audio, text)
    with ExitStack() as stack:
        if config.motion.style_from is not None or "torch" in sys.modules:
            # At once, before a thread loads libraries: the search for BLAS and the loader hold locks of their own.
            stack.enter_context(limited_threads(config.general.threads))
            talker.motion  # noqa: B018 - a style's reference is fitted before the face is looked for
        with Portrait.opening(photo, config) as found:
            performance = stack.enter_context(talker.performing(audio, text=text))
            person = found()
        return talker.write(person, performance, output, parameters, progress)
