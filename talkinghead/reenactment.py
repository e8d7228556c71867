"""Somebody else's video drives a photo: fit, then render, in one call."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from talkinghead.config import Config, load_config
from talkinghead.stages import Progress, Stages, silent

if TYPE_CHECKING:
    from talkinghead.rendering import VideoResult


def drive(
    photo: str | Path,
    video: str | Path,
    output: str | Path,
    *,
    audio: str | Path | None = None,
    parameters: str | Path | None = None,
    config: Config | None = None,
    progress: Progress | None = None,
    stages: Stages = silent,
) -> VideoResult:
    """The person in a photo does what the person in a video does.

    Args:
        photo: a picture, or a video of which the first good frame is taken.
        video: whose expressions, gaze and head motion are taken over, relative to its first frame.
        output: the MP4 to write.
        audio: sound to put in; the video's own when not given.
        parameters: where to keep the fitted motion (.safetensors); an interrupted fit goes on there.
        config: settings; the defaults when not given. `photo.face_index` is the photo's.
        progress: called with (frames drawn, frames in all).
        stages: where fitting the video reports its progress.

    Raises:
        InputError: something is wrong with the inputs; nothing was written.
    """
    from talkinghead.fitting.video import FitOutputs, fit_video
    from talkinghead.media.audio import AudioFile
    from talkinghead.media.output import check_output
    from talkinghead.media.own_sound import sound_beside
    from talkinghead.media.video_file import VideoFile
    from talkinghead.portrait import Portrait
    from talkinghead.rendering import write_motion
    from talkinghead.runtime import check_device, limited_threads

    config = config or load_config()
    inputs = tuple(path for path in (photo, video, audio) if path is not None)
    check_output(output, ".mp4", inputs)
    if parameters is not None:
        check_output(parameters, ".safetensors", inputs)
    check_device(config)
    film = VideoFile.open(video)
    sound = AudioFile.open(audio) if audio is not None else sound_beside(film)
    start = film.start_seconds if audio is None else None
    with limited_threads(config.general.threads), tempfile.TemporaryDirectory(prefix="talkinghead-") as folder:
        # The photo first: it is quick, and what is wrong with it is better told before the video is fitted.
        person = Portrait.open(photo, config)
        kept = Path(parameters) if parameters is not None else Path(folder) / "motion.safetensors"
        motion = fit_video(video, FitOutputs(kept), config=config, stages=stages).parameters
        return write_motion(person, motion, output, sound, config, progress, start)
