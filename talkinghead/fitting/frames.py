"""Y -> Y' for pictures in memory: one, or the frames of a video as they come."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from face3d.detect.face import FaceDetection
from face3d.errors import InputError
from face3d.fit.track_fit import fit_track
from face3d.follow.person_follower import FaceFollower
from face3d.follow.track import Track
from talkinghead.config import Config
from talkinghead.fitting.photos import photo_figures
from talkinghead.fitting.report import video_figures
from talkinghead.fitting.result import Fit
from talkinghead.fitting.video import result_of
from talkinghead.photo.fitted import fit_picture
from talkinghead.runtime import limited_threads
from talkinghead.stages import Stages

Image = NDArray[np.uint8]  # [H, W, 3], sRGB, 0..255


def fit_image(image: Image, config: Config) -> Fit:
    """Fit one picture.

    Raises:
        InputError: no picture, or no usable face in it.
    """
    with limited_threads(config.general.threads):
        photo = fit_picture(image, config.photo, config.video.size)
    nme = np.array([100 * photo.fit.nme], np.float32)
    return Fit(photo.fit.parameters, nme, (), tuple(photo.fit.messages), photo_figures(photo))


def fit_frames(frames: Iterable[Image], fps: float, config: Config, stages: Stages) -> Fit:
    """Fit the frames of a video, one person of them; they are looked at one after the other and not kept.

    Args:
        frames: [H, W, 3] uint8 sRGB, all of one size.
        fps: frames per second.
        config: which face and which detector.
        stages: where progress is reported.

    Raises:
        InputError: no frames, frames of several sizes, or nobody's face in them.
    """
    faces: list[FaceDetection | None] = []
    shots: list[int] = []
    size: tuple[int, int] | None = None
    options = config.photo
    with limited_threads(config.general.threads):
        with FaceFollower(options.face_index, kind=options.detector) as follower, stages("following") as progress:
            for frame in frames:
                step = follower.step(np.asarray(frame))
                size = size or (frame.shape[1], frame.shape[0])
                if size != (frame.shape[1], frame.shape[0]):
                    raise InputError(f"Frames of one size are needed; {size} and {frame.shape[1::-1]} came.")
                faces.append(step.face)
                shots.append((shots[-1] if shots else 0) + (step.cut and bool(shots)))
                progress(len(faces), len(faces))
        if size is None:
            raise InputError("There are no frames.")
        if not any(face is not None for face in faces):
            raise InputError("No face was found in any of the frames.")
        track = Track.of(faces, fps, size, shots)
        with stages("fitting") as progress:
            fitted = fit_track(track, progress=progress)
    figures = {**video_figures(track, fitted.parameters, fitted.nme), "messages": list(fitted.messages)}
    return result_of(fitted, figures)
