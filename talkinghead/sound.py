"""What is spoken: the user's recording, or a text made into one."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from face3d.errors import InputError
from face3d.parameters import FaceParameters
from talkinghead.media.audio import AudioFile
from talkinghead.media.video_file import VideoFile

_log = logging.getLogger(__name__)


@contextmanager
def sound_of(audio: str | Path | None, text: str | None, seed: int) -> Iterator[AudioFile]:
    """The recording, or `text` spoken into a temporary file.

    Raises:
        InputError: both or neither are given, or the one given cannot be used.
    """
    if (audio is None) == (text is None):
        raise InputError("Give either a recording (--audio) or words to say (--text).")
    with ExitStack() as stack:
        if text is not None:
            from talkinghead.tts import synthesize

            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="talkinghead-"))
            audio = Path(folder) / "speech.wav"
            synthesize(text, audio, seed)
        assert audio is not None  # noqa: S101 - one of them was given
        yield AudioFile.open(audio)


def sound_beside(video: VideoFile) -> AudioFile | None:
    """A video's own sound, or None; a sound track that cannot be read is told of."""
    if not video.has_sound:
        return None
    try:
        return AudioFile.open(video.path)
    except InputError as error:
        _log.warning("%s The video is written without sound.", error)
        return None


def start_beside(motion: FaceParameters, sound: AudioFile) -> float | None:
    """Where the frames of `motion` begin on the clock of the sound's file, s, if they were fitted to that very video.

    That is so if the file's pictures have the size and the rate of the motion's camera. None: motion of something
    else, which begins with the sound's first sample.
    """
    try:
        video = VideoFile.open(sound.path)
    except InputError:  # it has no pictures
        return None
    fitted = video.size == tuple(motion.camera.image_size) and abs(float(video.fps) - motion.fps) < 1e-3
    return video.start_seconds if fitted else None
