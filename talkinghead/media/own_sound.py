"""A video's own sound beside pictures that follow it."""

from __future__ import annotations

import logging

from face3d.errors import InputError
from face3d.parameters import FaceParameters
from talkinghead.media.audio import AudioFile
from talkinghead.media.video_file import VideoFile

_log = logging.getLogger(__name__)


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
