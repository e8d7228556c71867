"""Self-reenactment: a clip's first frame as the photo, its own fitted motion or its own sound as the driver.

What drives the photo goes through the functions behind `talkinghead fit`, `render` and `generate`; only the encoder is
left out, and of a long clip only the chosen frames are rendered.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from face3d.parameters import FaceParameters
from talkinghead.config import Config, with_settings
from talkinghead.media.video_file import Damage, VideoFile

Image = NDArray[np.uint8]
_PER_FRAME = ("expression", "rotation", "translation", "eye_rotation", "confidence")


@dataclass(frozen=True)
class Clip:
    """A fitted video.

    Attributes:
        video: the file.
        parameters: T frames, as `talkinghead fit` saves them.
        landmarks_px: [T, 478, 2] detected points, NaN where the face is lost.
        messages: what the fit tells the user.
    """

    video: VideoFile
    parameters: FaceParameters
    landmarks_px: NDArray[np.float32]
    messages: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.video.path.stem

    def frames(self, chosen: Sequence[int]) -> Iterator[Image]:
        """The real frames of these numbers, which grow."""
        wanted = iter(chosen)
        number = next(wanted, None)
        with self.video.read() as frames:
            for index, frame in enumerate(frames):
                if index == number:
                    yield frame
                    number = next(wanted, None)
                if number is None:
                    return


def fit_clip(path: Path) -> Clip:
    """Fit a clip as `talkinghead fit` does.

    Raises:
        InputError: no video, nobody in it, or the face is not in its first frame, which has to be the photo.
    """
    from face3d.fit.track_fit import fit_track
    from talkinghead.fitting.video import follow

    video = VideoFile.open(path)
    with tempfile.TemporaryDirectory() as folder:
        track, _ = follow(video, Path(folder) / "clip.track", None, lambda done, total: None, Damage())
        fit = fit_track(track)
        landmarks = np.array(track.landmarks_px)
        seen = bool(track.found[0])
        del track  # a view of the file, which Windows would not remove
    if not seen:
        raise InputError(f"{path}: its first frame shows no face, so it cannot be the photo.")
    return Clip(video, fit.parameters, landmarks, fit.messages)


def kept_name(path: Path) -> str:
    """A file's name under which what is made of it may be kept: files of one name in two folders have two."""
    return f"{path.stem}_{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def kept_fit(path: Path, folder: Path) -> tuple[FaceParameters, NDArray[np.float32]]:
    """Parameters and landmarks of `fit_clip`, kept in a folder and read from there the next time."""
    name = kept_name(path)
    fit, points = (folder / f"clip_{name}{end}" for end in (".safetensors", ".npy"))
    if not fit.exists():
        clip = fit_clip(path)
        np.save(points, clip.landmarks_px)
        clip.parameters.save(fit)  # the last one: where it is, both are
    return FaceParameters.load(fit), np.load(points, allow_pickle=False)


def save_photo(clip: Clip, folder: Path) -> Path:
    """Write the first frame as `folder`/NAME.png."""
    from PIL import Image as Pictures

    path = folder / f"{clip.name}.png"
    Pictures.fromarray(next(clip.frames([0]))).save(path)
    return path


def fitted_frames(clip: Clip, photo: Path, chosen: Sequence[int], config: Config) -> Iterator[Image]:
    """The photo driven by the clip's fitted parameters: frames `chosen`, of which the first must be 0."""
    from talkinghead.portrait import Portrait

    return Portrait.open(photo, config).frames(_take(clip.parameters, chosen))


def _take(parameters: FaceParameters, chosen: Sequence[int]) -> FaceParameters:
    index = list(chosen)
    frames = {name: getattr(parameters, name)[index] for name in _PER_FRAME}
    return dataclasses.replace(parameters, **frames)


def spoken_frames(clip: Clip, photo: Path, chosen: Sequence[int], config: Config) -> Iterator[Image]:
    """The photo driven by the clip's sound, as `talkinghead generate` does at the clip's frame rate."""
    from talkinghead.portrait import Portrait
    from talkinghead.talker import Talker

    config = with_settings(config, fps=float(clip.video.fps))
    person = Portrait.open(photo, config)
    motion = Talker(config).animate(clip.video.path, person=person)
    # The sound may end a frame before the pictures.
    return person.frames(_take(motion, [min(number, len(motion) - 1) for number in chosen]))
