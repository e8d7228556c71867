"""The three steps put together: what `talkinghead render` does, and the pieces of `animate` and `generate`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.errors import InputError
from face3d.parameters import FaceParameters
from renderers.pose import Pose
from talkinghead.config import Config, load_config
from talkinghead.media.audio import AudioFile, exact_rate
from talkinghead.media.output import check_output, complete_file
from talkinghead.media.own_sound import start_beside
from talkinghead.media.planar import PlanarChange
from talkinghead.media.video import VideoOptions, VideoWriter
from talkinghead.photo.poses import rest_of, speak_over
from talkinghead.runtime import check_device, limited_threads

if TYPE_CHECKING:
    from renderers.avatar import Change
    from renderers.photo_avatar import PhotoAvatar
    from renderers.reduced_avatar import ReducedAvatar
    from talkinghead.portrait import Portrait
    from talkinghead.speech.model import SpeechModel
    from talkinghead.speech.options import MotionOptions

Progress = Callable[[int, int], None]
PathLike = str | Path
Image = NDArray[np.uint8]

# Frames that wait for the encoder; a few even out its hiccups, more would only cost memory, in bytes.
_WAITING_FRAMES, _WAITING_BYTES = 4, 200_000_000


@dataclass(frozen=True)
class VideoResult:
    """What was written: the file, its number of frames, (width, height) in pixels and frames per second."""

    output: Path
    frames: int
    size: tuple[int, int]
    fps: float

    def summary(self) -> str:
        """One line for the user."""
        width, height = self.size
        return f"{self.output}: {self.frames} frames, {width} x {height}, {self.fps:g} frames/s"


def render(
    parameters: PathLike,
    output: PathLike,
    *,
    photo: PathLike | None = None,
    audio: PathLike | None = None,
    config: Config | None = None,
    progress: Progress | None = None,
) -> VideoResult:
    """Face parameters to a video: of the person in `photo`, or of the bare shaded head without one.

    Args:
        parameters: a .safetensors file of :func:`animate`, :func:`generate` or `talkinghead fit`.
        output: the MP4 to write.
        photo: the person to animate; the file's motion is taken relative to this photo's pose.
        audio: sound to put in, padded or cut to the length of the parameters.
        config: settings; the frame rate is the parameters' own.
        progress: called with (frames done, frames in all).

    Raises:
        InputError: something is wrong with the inputs; nothing was written.
    """
    config = config or load_config()
    check_output(output, ".mp4", tuple(p for p in (parameters, photo, audio) if p is not None))
    motion = FaceParameters.load(parameters)
    if not len(motion):
        raise InputError(f"{parameters} holds no frames.")
    sound = AudioFile.open(audio) if audio is not None else None
    start = start_beside(motion, sound) if sound is not None else None
    if photo is not None:
        check_device(config)
    with limited_threads(config.general.threads):
        if photo is None:
            pictures, size = _mesh_pictures(motion, config.video.size)
            return write_video(
                pictures, output, size, sound, config, progress, motion.fps, len(motion), sound_start=start
            )
        from talkinghead.portrait import Portrait

        return write_motion(Portrait.open(photo, config), motion, output, sound, config, progress, start)


def write_motion(
    person: Portrait,
    motion: FaceParameters,
    output: PathLike,
    sound: AudioFile | None,
    config: Config,
    progress: Progress | None = None,
    sound_start: float | None = None,
) -> VideoResult:
    """Encode a person who moves; arguments as for :func:`render` and :func:`write_video`."""
    person = person.seen_in(motion)
    changes = changes_of(person.avatar, person.poses(motion), config)
    photo = person.avatar.photo
    return write_video(
        changes, output, person.size, sound, config, progress, motion.fps, len(motion), photo, sound_start
    )


def load_speech(config: Config) -> SpeechModel:
    """The speech model on the configured device.

    Raises:
        InputError: there is no such device here.
    """
    from talkinghead.speech.model import SpeechModel

    if config.general.device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch sees no NVIDIA GPU here; use --device cpu (see talkinghead doctor).")
    return SpeechModel.load(config.general.device)


def sampled_poses(
    model: SpeechModel, sound: AudioFile, config: Config, motion: MotionOptions, seeds: Sequence[int]
) -> Generator[tuple[Pose, ...], None, None]:
    """Exactly `sound.frame_count(fps)` frames of nobody's motion for each seed: expressions are the spoken ones."""
    fps = float(exact_rate(config.video.fps))
    wanted = sound.frame_count(config.video.fps)
    still = Pose(torch.zeros(52), torch.zeros(3), torch.zeros(2, 2))
    poses = (still,) * len(seeds)
    for pieces in model.performances(sound.blocks(), fps, seeds=seeds, motion=motion):
        for index in range(min(len(pieces[0]), wanted)):
            poses = tuple(Pose(p.expression[index], p.rotation[index], p.eye_rotation[index]) for p in pieces)
            wanted -= 1
            yield poses
    # Resampling to 16 kHz can round the very last frame away.
    for _ in range(wanted):
        yield poses


class FaceMotion:
    """Spoken motion on top of what a photo's face shows, of which an emotion replaces a part.

    Args:
        expression: [52] of the photo.
        motion: what is asked of the motion.
        fps: frames per second.
    """

    def __init__(self, expression: torch.Tensor, motion: MotionOptions, fps: float) -> None:
        from talkinghead.speech.perform.mood import Mood

        self._rest, self._mood, self._fps = rest_of(expression), Mood.of(motion), fps

    def __call__(self, number: int, spoken: Pose) -> Pose:
        """Frame `number` of the face."""
        kept = self._rest * torch.from_numpy(self._mood.kept(number / self._fps))
        return replace(spoken, expression=speak_over(kept, spoken.expression))


def write_video(
    pictures: Iterable[Image | Change | PlanarChange],
    output: PathLike,
    size: tuple[int, int],
    sound: AudioFile | None,
    config: Config,
    progress: Progress | None = None,
    fps: float | None = None,
    count: int | None = None,
    still: Image | None = None,
    sound_start: float | None = None,
) -> VideoResult:
    """Encode pictures while the next ones are being made.

    Args:
        pictures: [H, W, 3] uint8 RGB each, or what changes of `still`, which costs less.
        output: the MP4.
        size: (width, height) of the pictures.
        sound: goes in, and decides how many frames there are unless `count` is given.
        config: its video group.
        progress: called with (frames done, frames in all).
        fps: default: the configuration's.
        count: how many pictures will come.
        still: the photo that changes are of.
        sound_start: where the pictures begin on the clock of the sound's file, s, if they follow that file's own.
    """
    options = config.video
    fps = fps or options.fps
    if count is None:
        if sound is None:
            raise ValueError("write_video needs the sound or the number of frames")
        count = sound.frame_count(fps)
    encoding = VideoOptions(options.crf, options.preset, options.threads, options.audio_bitrate)
    waiting_frames = max(1, min(_WAITING_FRAMES, _WAITING_BYTES // (3 * size[0] * size[1])))
    with (
        VideoWriter(output, size, fps, count, sound, encoding, still, sound_start) as writer,
        _encoder_thread() as encoder,
    ):
        waiting: deque[Future[None]] = deque()
        for done, picture in enumerate(pictures, 1):
            if isinstance(picture, np.ndarray):
                waiting.append(encoder.submit(writer.write, picture))
            elif isinstance(picture, PlanarChange):
                waiting.append(encoder.submit(writer.write_planes, picture))
            else:
                waiting.append(encoder.submit(writer.write_window, picture.picture, picture.left, picture.top))
            if len(waiting) > waiting_frames:
                waiting.popleft().result()
            if progress:
                progress(done, count)
        for future in waiting:
            future.result()
    return VideoResult(Path(output), count, writer.size, float(exact_rate(fps)))


@contextmanager
def _encoder_thread() -> Iterator[ThreadPoolExecutor]:
    """A thread for the encoder, which drops what still waits when the block fails."""
    encoder = ThreadPoolExecutor(1)
    try:
        yield encoder
    finally:
        encoder.shutdown(cancel_futures=True)


def changes_of(
    avatar: PhotoAvatar | ReducedAvatar, poses: Iterable[Pose], config: Config
) -> Iterator[Change | PlanarChange]:
    """What each frame changes of the photo, made on the configured device."""
    if config.general.device == "cuda":
        from renderers.batched.reduced_avatar import make_torch_avatar
        from talkinghead.batches import batched_changes

        return batched_changes(make_torch_avatar(avatar, "cuda"), poses)
    return (avatar.render_changed(p) for p in poses)


def save_parameters(parameters: FaceParameters, output: PathLike) -> None:
    """Write a parameter file that appears only when it is complete."""
    with complete_file(output) as temporary:
        parameters.save(temporary)


def _mesh_pictures(motion: FaceParameters, size: int | None) -> tuple[Iterator[Image], tuple[int, int]]:
    from face3d.camera import head_to_camera
    from face3d.model.registry import model_of
    from renderers.preview.bare_head import HeadPreview

    model = model_of(motion)
    preview = HeadPreview(model)
    camera = preview.frame(motion, size)

    def pictures() -> Iterator[Image]:
        for index in range(len(motion)):
            vertices = model.vertices(motion.identity, motion.expression[index], motion.eye_rotation[index])
            placed = head_to_camera(vertices, motion.rotation[index], motion.translation[index])
            yield preview.draw(placed, camera)

    return pictures(), camera.image_size
