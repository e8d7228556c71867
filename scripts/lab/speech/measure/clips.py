"""Recordings to measure on: folders of speech with text, and filmed GRID clips with their measured motion."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from scripts.lab.speech.corpus.alignment import SAMPLE_RATE, PhoneAligner
from scripts.lab.speech.corpus.corpus import load_utterance
from scripts.lab.speech.corpus.grid import TEST_INITIALS, grid_text
from scripts.lab.speech.corpus.phones import SILENCE, PhoneSegment

Array = NDArray[np.float32]
Curve = NDArray[np.float64]


@dataclass(frozen=True)
class FilmedMotion:
    """What a camera saw, from the fit of the video.

    Attributes:
        aperture_mm: [T] distance of the inner lips' detected points.
        expression: [T, 52] fitted ARKit weights.
        rotation: [T, 3] head, axis-angle, radians, relative to facing the camera.
        fps: frames per second; frame k shows the time from k / fps to (k + 1) / fps of the sound.
    """

    aperture_mm: Curve
    expression: Array
    rotation: Curve
    fps: float


@dataclass(frozen=True)
class Clip:
    """One recording: `samples` [N] 16 kHz, its phones (gapless), and what was filmed if it was."""

    name: str
    samples: Array
    phones: tuple[PhoneSegment, ...]
    filmed: FilmedMotion | None = None

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def film(self) -> FilmedMotion:
        """What was filmed.

        Raises:
            ValueError: nothing was.
        """
        if self.filmed is None:
            raise ValueError(f"{self.name} was not filmed")
        return self.filmed


def read_folder(folder: Path) -> list[tuple[Array, str]]:
    """(samples at 16 kHz, text) of every sound file that has a `.txt` of the same name beside it.

    Raises:
        InputError: there is none.
    """
    found = [(samples, text) for _, samples, text in _named(folder)]
    if not found:
        raise InputError(f"{folder} has no sound files with texts beside them.")
    return found


def _named(folder: Path) -> Iterator[tuple[str, Array, str]]:
    import soundfile

    for path in sorted(p for p in folder.iterdir() if p.suffix in (".wav", ".flac", ".ogg")):
        text = path.with_name(path.name.split(".")[0] + ".txt")
        if text.is_file():
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
            yield path.name.split(".")[0], to_16k(samples.mean(1), rate), text.read_text(encoding="utf-8")


def to_16k(samples: Array, rate: int) -> Array:  # [N] at `rate` -> [M]
    """Resampled to the speech model's rate."""
    from scipy.signal import resample_poly

    divisor = int(np.gcd(rate, SAMPLE_RATE))
    return resample_poly(samples, SAMPLE_RATE // divisor, rate // divisor).astype(np.float32)


def speech_clips(folder: Path, aligner: PhoneAligner) -> list[Clip]:
    """Aligned recordings of a folder; what does not fit its text is left out and said.

    Raises:
        InputError: nothing is left.
    """
    clips = []
    for name, samples, text in _named(folder):
        phones = aligner.align(samples, text)
        if phones is None:
            print(f"not aligned, left out: {name}")
        else:
            clips.append(Clip(name, samples, tuple(phones)))
    if not clips:
        raise InputError(f"None of the recordings in {folder} could be aligned with a text beside it.")
    return clips


def development_voices(corpus: Path, count: int) -> Iterator[tuple[str, list[Clip]]]:
    """Held-out voices of the corpus that speak, with up to `count` of their sentences."""
    for folder in sorted(p for p in (corpus / "development").iterdir() if p.is_dir()):
        spoken = [(path.stem, load_utterance(path)) for path in sorted(folder.glob("*.npz"))[:count]]
        clips = [Clip(name, u.samples, tuple(u.phones)) for name, u in spoken]
        if any(phone.name != SILENCE for clip in clips for phone in clip.phones):
            yield folder.name, clips


def held_out_grid(folder: Path, count: int) -> list[Path]:
    """Up to `count` of a GRID speaker's held-out clips, spread evenly over their names."""
    videos = sorted(p for p in folder.iterdir() if p.suffix in (".mp4", ".mpg") and p.stem.startswith(TEST_INITIALS))
    chosen = np.linspace(0, len(videos) - 1, min(count, len(videos))).round().astype(int)
    return [videos[i] for i in chosen]


def filmed_clips(videos: Sequence[Path], fits: Path, aligner: PhoneAligner) -> Iterator[Clip]:
    """GRID clips with their fitted motion, which is kept in `fits`; clips that cannot be used are said.

    A clip without a fit of its own is fitted first, at about the clip's length.
    """
    for video in videos:
        try:
            clip = filmed_clip(video, fits)
        except InputError as error:
            print(f"left out: {error}")
            continue
        phones = aligner.align(clip.samples, grid_text(video.stem))
        if phones is None:
            print(f"not aligned, left out: {video.name}")
        else:
            yield dataclasses.replace(clip, phones=tuple(phones))


def filmed_clip(video: Path, fits: Path) -> Clip:
    """A video of anybody who speaks, without phones.

    Raises:
        InputError: as `scripts.lab.renderer.reenactment.fit_clip`.
    """
    from talkinghead.media.audio import AudioFile

    fits.mkdir(parents=True, exist_ok=True)
    samples = np.concatenate([*AudioFile.open(video).blocks()])
    return Clip(video.stem, samples, (), _filmed_motion(video, fits))


def _filmed_motion(video: Path, fits: Path) -> FilmedMotion:
    from scripts.lab.renderer.reenactment import kept_fit

    fit, points = kept_fit(video, fits)
    gap_px = np.linalg.norm(points[:, 13].astype(np.float64) - points[:, 14], axis=-1)
    # A lost frame has no points: its lips are taken from its neighbours.
    seen = np.isfinite(gap_px)
    gap_px = np.interp(np.arange(len(gap_px)), np.flatnonzero(seen), gap_px[seen])
    depth = fit.translation[:, 2].double().numpy()
    return FilmedMotion(
        gap_px * depth / fit.camera.focal_px,
        fit.expression.float().numpy(),
        fit.rotation.double().numpy(),
        float(fit.fps),
    )
