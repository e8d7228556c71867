"""`Talker`: the speech model with its settings, loaded once: sound in, motion or a finished video out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talkinghead.config import Config, with_settings
from talkinghead.stages import Progress, Stages, silent

if TYPE_CHECKING:
    from face3d.parameters import FaceParameters
    from renderers.pose import Pose
    from talkinghead.media.audio import AudioFile
    from talkinghead.media.spoken import SoundSource
    from talkinghead.photo.pose_rows import PoseRows
    from talkinghead.portrait import Portrait
    from talkinghead.rendering import FaceMotion, VideoResult
    from talkinghead.speech.model import SpeechModel
    from talkinghead.speech.options import MotionOptions

Image = NDArray[np.uint8]  # [H, W, 3], sRGB, 0..255

# Poses that are known ahead: more than the speech model gives at a time, so that it does not hold up the frames.
_WAITING_POSES = 100


@dataclass(frozen=True)
class Performance:
    """A sound that is being performed.

    Attributes:
        sound: what is heard.
        spoken: a pose for each of its frames, of nobody in particular: expressions are the spoken ones alone.
    """

    sound: AudioFile
    spoken: Iterator[Pose]


class Talker:
    """The speech model. One object serves any number of recordings and people, one call at a time.

    Args:
        config: settings, the defaults when not given.
        stages: where fitting the video of `style_from` reports its progress.
        settings: single settings that differ, by their name in `configs/default.yaml`, such as `emotion="happy"`.

    Raises:
        InputError: a setting that cannot be, or a style's reference that cannot be used.
    """

    def __init__(self, config: Config | None = None, *, stages: Stages = silent, **settings: object) -> None:
        from talkinghead.runtime import check_device

        self.config = with_settings(config, **settings)
        self._stages = stages
        check_device(self.config)

    @cached_property
    def model(self) -> SpeechModel:
        """The networks; loaded when they are first needed."""
        from talkinghead.rendering import load_speech

        return load_speech(self.config)

    @cached_property
    def motion(self) -> MotionOptions:
        """What is asked of the motion; a style's reference is read, or fitted, when it is first needed."""
        from talkinghead.motion_options import motion_options

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
        seed = self.config.general.seed if seed is None else seed
        (motion,) = self.samples(sound, (seed,), text=text, person=person, progress=progress)
        return motion

    def samples(
        self,
        sound: SoundSource | None,
        seeds: Sequence[int],
        *,
        text: str | None = None,
        person: Portrait | None = None,
        progress: Progress | None = None,
    ) -> list[FaceParameters]:
        """Several performances of one sound, which is listened to once: :meth:`animate` for each seed."""
        from talkinghead.media.spoken import sound_of
        from talkinghead.runtime import limited_threads

        with ExitStack() as stack:
            heard = stack.enter_context(sound_of(sound, text, self.config.general.seed))
            # Heavy imports only now: a sound that cannot be used is told at once.
            stack.enter_context(limited_threads(self.config.general.threads))
            from face3d.model.morphable_model import load_default_model
            from talkinghead import rendering
            from talkinghead.media.audio import exact_rate
            from talkinghead.photo.pose_rows import PoseRows
            from talkinghead.photo.poses import nobody, to_parameters

            base = nobody(load_default_model().identity_size) if person is None else person.parameters
            count = heard.frame_count(self.config.video.fps)
            kept = [PoseRows() for _ in seeds]
            shown = self._face_motion(base)
            for poses in rendering.sampled_poses(self.model, heard, self.config, self.motion, seeds):
                for rows, pose in zip(kept, poses, strict=True):
                    rows.append(shown(len(rows), pose))
                if progress:
                    progress(len(kept[0]), count)
        return [to_parameters(rows, base, float(exact_rate(self.config.video.fps))) for rows in kept]

    @contextmanager
    def performing(
        self, sound: SoundSource | None, *, text: str | None = None, seed: int | None = None
    ) -> Iterator[Performance]:
        """Listen to a sound in a thread of its own while something else, such as opening a portrait, goes on.

        Arguments and errors as for :meth:`animate`.
        """
        from talkinghead.media.prefetch import Prefetched
        from talkinghead.media.spoken import sound_of
        from talkinghead.runtime import limited_threads

        seed = self.config.general.seed if seed is None else seed
        with ExitStack() as stack:
            heard = stack.enter_context(sound_of(sound, text, seed))
            # Heavy imports only now: a sound that cannot be used is told at once.
            stack.enter_context(limited_threads(self.config.general.threads))
            from talkinghead import rendering

            sampled = rendering.sampled_poses(self.model, heard, self.config, self.motion, (seed,))
            poses = (pose for (pose,) in sampled)
            yield Performance(heard, stack.enter_context(Prefetched(poses, _WAITING_POSES)))

    def on_face(self, spoken: Iterable[Pose], fit: FaceParameters) -> Iterator[Pose]:
        """Spoken motion on top of what a fitted face, its first frame, shows at rest."""
        shown = self._face_motion(fit)
        return (shown(number, pose) for number, pose in enumerate(spoken))

    def _face_motion(self, fit: FaceParameters) -> FaceMotion:
        from talkinghead.media.audio import exact_rate
        from talkinghead.rendering import FaceMotion

        return FaceMotion(fit.expression[0], self.motion, float(exact_rate(self.config.video.fps)))

    def frames(
        self, person: Portrait, sound: SoundSource | None, *, text: str | None = None, seed: int | None = None
    ) -> Iterator[Image]:
        """The person speaking: [H, W, 3] uint8 sRGB for each frame, one after the other in constant memory.

        Arguments and errors as for :meth:`animate`.
        """
        with self.performing(sound, text=text, seed=seed) as performance:
            for pose in self.on_face(performance.spoken, person.parameters):
                yield person.avatar.render(pose)

    def generate(
        self,
        person: Portrait,
        sound: SoundSource | None,
        output: str | Path,
        *,
        text: str | None = None,
        seed: int | None = None,
        parameters: str | Path | None = None,
        progress: Progress | None = None,
    ) -> VideoResult:
        """A finished video of the person speaking.

        Args:
            person: who.
            sound, text, seed, progress: as for :meth:`animate`.
            output: the MP4 to write, complete or not at all.
            parameters: where to save the face parameters (.safetensors) that drive the video.

        Raises:
            InputError: the sound cannot be used, or an output cannot be written.
        """
        self.check_outputs(output, parameters, sound)
        with self.performing(sound, text=text, seed=seed) as performance:
            return self.write(person, performance, output, parameters, progress)

    def check_outputs(self, output: str | Path, parameters: str | Path | None, *inputs: object) -> None:
        """Before any work: whether the outputs can be written, and replace none of the inputs.

        Raises:
            InputError: they cannot, or do.
        """
        from talkinghead.media.output import check_output

        files = tuple(path for path in (*inputs, self.config.motion.style_from) if isinstance(path, str | Path))
        check_output(output, ".mp4", files)
        if parameters is not None:
            check_output(parameters, ".safetensors", files)

    def write(
        self,
        person: Portrait,
        performance: Performance,
        output: str | Path,
        parameters: str | Path | None = None,
        progress: Progress | None = None,
    ) -> VideoResult:
        """:meth:`generate` of a sound that is being listened to already."""
        from talkinghead import rendering
        from talkinghead.photo.pose_rows import PoseRows
        from talkinghead.photo.poses import to_parameters

        shown, kept = self.on_face(performance.spoken, person.parameters), PoseRows()
        if parameters is not None:
            shown = _kept(shown, kept)
        changes = rendering.changes_of(person.avatar, shown, self.config)
        photo, size, sound = person.avatar.photo, person.size, performance.sound
        result = rendering.write_video(changes, output, size, sound, self.config, progress, still=photo)
        if parameters is not None:
            rendering.save_parameters(to_parameters(kept, person.parameters, result.fps), parameters)
        return result


def _kept(poses: Iterable[Pose], rows: PoseRows) -> Iterator[Pose]:
    """Pass frames on and remember them."""
    for pose in poses:
        rows.append(pose)
        yield pose
