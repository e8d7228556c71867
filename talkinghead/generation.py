"""The main job: one photo and one recording in, an MP4 of that person speaking out.

Arranged so that the first frame comes soon. Half of the wait is Python importing torch and numba, so the rest goes on
beside it where it can: the face is looked for during the imports, and the speech is worked on while the face is fitted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from talkinghead.config import Config, load_config
from talkinghead.devices import check_device, limited_threads
from talkinghead.found_face import found_faces
from talkinghead.media.output import check_output
from talkinghead.media.prefetch import Prefetched
from talkinghead.sound import sound_of

if TYPE_CHECKING:
    from talkinghead.driving import Pose
    from talkinghead.fit_video import Stages
    from talkinghead.pipeline import VideoResult
    from talkinghead.pose_rows import PoseRows
    from talkinghead.speech.options import MotionOptions

# Poses that are known ahead: more than the speech model gives at a time, so that it does not hold up the frames.
_WAITING_POSES = 100


def generate(
    photo: str | Path,
    audio: str | Path | None,
    output: str | Path,
    *,
    text: str | None = None,
    parameters: str | Path | None = None,
    config: Config | None = None,
    progress: Callable[[int, int], None] | None = None,
    stages: Stages | None = None,
) -> VideoResult:
    """Make the person in a photo speak.

    Args:
        photo: a picture, or a video of which the first good frame is taken.
        audio: any file with sound; None with `text`.
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
    inputs = tuple(p for p in (photo, audio, config.motion.style_from) if p is not None)
    check_output(output, ".mp4", inputs)
    if parameters is not None:
        check_output(parameters, ".safetensors", inputs)
    check_device(config)
    with ExitStack() as stack:
        if config.motion.style_from is not None or "torch" in sys.modules:
            # At once, before a thread loads libraries: the search for BLAS and the loader hold locks of their own.
            stack.enter_context(limited_threads(config.general.threads))
        motion = _styled_options(config, stages)
        sound = stack.enter_context(sound_of(audio, text, config.general.seed))
        cut = config.photo.background == "keep"
        found = found_faces(photo, config.photo, config.video.size, cut)
        with Prefetched(found, 1) as faces:
            # Imported now, which takes as long as all the rest: the face is being looked for.
            from renderers.large_photo import make_avatar
            from renderers.photo_avatar import AvatarOptions
            from talkinghead import pipeline
            from talkinghead.driving import to_parameters
            from talkinghead.motion import motion_options
            from talkinghead.portrait import fit_portrait
            from talkinghead.pose_rows import PoseRows

            stack.enter_context(limited_threads(config.general.threads))
            motion = motion or motion_options(config)
            poses = pipeline.spoken_poses(pipeline.load_speech(config), sound, config, motion)
            spoken = stack.enter_context(Prefetched(poses, _WAITING_POSES))
            portrait = fit_portrait(faces, photo, config.photo, animated=True)
            fit, landmarks = portrait.fit.parameters, portrait.fit.detection.landmarks_px
            options = AvatarOptions(refine=config.video.refine)
            avatar = make_avatar(portrait.image, fit, landmarks, options, cutout=portrait.cutout)
            del portrait  # its layers are large, and the avatar has what it needs of them
        shown: Iterable[Pose] = pipeline.on_face(spoken, fit.expression[0], motion, config)
        kept = PoseRows()
        if parameters is not None:
            shown = _keep(shown, kept)
        changes = pipeline.changes_of(avatar, shown, config)
        result = pipeline.write_video(changes, output, avatar.frame_size, sound, config, progress, still=avatar.photo)
    if parameters is not None:
        pipeline.save_parameters(to_parameters(kept, fit, result.fps), parameters)
    return result


def _styled_options(config: Config, stages: Stages | None) -> MotionOptions | None:
    """The motion's options where a style's reference must be read, or even fitted, for them; None otherwise."""
    if config.motion.style_from is None:
        return None
    from talkinghead.fit_video import silent
    from talkinghead.motion import motion_options

    return motion_options(config, stages or silent)


def _keep(poses: Iterable[Pose], kept: PoseRows) -> Iterator[Pose]:
    """Pass frames on and remember them."""
    for pose in poses:
        kept.append(pose)
        yield pose
