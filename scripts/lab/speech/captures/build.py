"""Makes the captures of `captures.captures` from filmed clips and captured weights; each set is optional."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.lab.renderer.reenactment import kept_fit
from scripts.lab.speech.captures.captures import SAMPLE_RATE, Capture, save_capture
from scripts.lab.speech.captures.facegood import facegood_pose
from scripts.lab.speech.captures.mouth import captured_pose, measured_size_mm
from scripts.lab.speech.captures.upper import upper_motion
from scripts.lab.speech.corpus.alignment import PhoneAligner
from scripts.lab.speech.corpus.grid import grid_part, grid_text
from scripts.lab.speech.corpus.phones import SILENCE, PhoneSegment
from talkinghead.media.audio import AudioFile
from talkinghead.speech.generate.channels import MOTION_CHANNELS, MOTION_RATE
from talkinghead.speech.perform.mouth import POSE_CHANNELS

_CROSSTALK = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthLowerDown", "mouthUpperUp")
_REST_BEFORE, _REST_AFTER = 0.25, 0.35  # s next to speech in which the mouth is not at rest yet
_FEWEST_REST_FRAMES = 8


@dataclass(frozen=True)
class CaptureSource:
    """A clip that becomes a capture: the file, its set, its name there and its part."""

    path: Path
    set_name: str
    name: str
    part: str

    def target(self, folder: Path) -> Path:
        """Where its capture stands."""
        return folder / self.part / self.set_name / f"{self.name}.npz"


def grid_sources(speaker: Path | None, speakers: Path | None) -> list[CaptureSource]:
    """Clips of the GRID speaker, then of the other speakers (`grid_CLIP.mpg`); a missing folder gives none."""
    found = []
    for path in sorted(speaker.glob("*.mp4")) if speaker else []:
        found.append(CaptureSource(path, "grid", path.stem, grid_part(path.stem)))
    for path in sorted(speakers.glob("*.mpg")) if speakers else []:
        found.append(CaptureSource(path, "grid_speakers", path.stem, grid_part(path.stem)))
    return found


def facegood_sources(folder: Path | None) -> list[CaptureSource]:
    """Recordings of FACEGOOD: `.flac` with weights in the `.npz` beside it. The last one is for choosing."""
    paths = sorted(folder.glob("*.flac")) if folder else []
    return [
        CaptureSource(path, "facegood", path.stem, "development" if path == paths[-1] else "train") for path in paths
    ]


def build(sources: list[CaptureSource], folder: Path, fits: Path) -> Iterator[Path]:
    """Make what is missing below `folder`, clip by clip; fits of videos are kept in `fits`."""
    aligner = PhoneAligner()
    fits.mkdir(parents=True, exist_ok=True)
    for source in sources:
        target = source.target(folder)
        if not target.exists():
            make = facegood_capture if source.set_name == "facegood" else grid_capture
            save_capture(target, make(source, fits, aligner))
        yield target


def grid_capture(source: CaptureSource, fits: Path, aligner: PhoneAligner) -> Capture:
    """Fit a filmed clip and take from it what the lips, the head, the eyes and the brows do.

    Raises:
        InputError: the clip cannot be fitted.
        ValueError: the clip's words do not fit its sound, or it is not filmed at `MOTION_RATE`.
    """
    samples = _sound(source.path)
    text = grid_text(source.name)
    phones = aligner.align(samples, text)
    if phones is None:
        raise ValueError(f"{source.path}: its sound is not {text!r}")
    parameters, landmarks = kept_fit(source.path, fits)
    if abs(parameters.fps - MOTION_RATE) > 0.01:
        raise ValueError(f"{source.path}: filmed at {parameters.fps} frames/s, not {MOTION_RATE}")
    gap = measured_size_mm(parameters, landmarks)[:, 0]
    pose = captured_pose(parameters, landmarks, resting_frames(phones, gap))
    crosstalk = pose[:, [POSE_CHANNELS.index(name) for name in _CROSSTALK]].astype(np.float64)
    motion = np.concatenate([pose, upper_motion(parameters, crosstalk)], 1)
    known = np.array([name != "tongueOut" for name in MOTION_CHANNELS])
    return Capture(samples, motion, known, gap.astype(np.float32), phones, text, source.name)


def facegood_capture(source: CaptureSource, fits: Path, aligner: PhoneAligner) -> Capture:
    """Lips of a FACEGOOD recording. Its words are not known, so it has no phones."""
    del fits, aligner
    with np.load(source.path.with_suffix(".npz"), allow_pickle=False) as data:
        pose, measured = facegood_pose(data["weights"], [str(name) for name in data["names"]], float(data["fps"]))
    samples = _sound(source.path)
    frames = min(len(pose), int(len(samples) / SAMPLE_RATE * MOTION_RATE))
    motion = np.zeros((frames, len(MOTION_CHANNELS)), np.float32)
    motion[:, : len(POSE_CHANNELS)] = pose[:frames]
    known = np.zeros(len(MOTION_CHANNELS), np.bool_)
    known[: len(POSE_CHANNELS)] = measured
    return Capture(samples, motion, known, np.full(frames, np.nan, np.float32), [], "", source.name)


def resting_frames(phones: list[PhoneSegment], gap_mm: NDArray[np.float64]) -> NDArray[np.bool_]:  # [T] -> [T]
    """Frames in which the mouth idles: well inside pauses; in clips without such a pause, where it is least open."""
    times = (np.arange(len(gap_mm)) + 0.5) / MOTION_RATE
    quiet = np.ones(len(gap_mm), np.bool_)
    for phone in phones:
        if phone.name != SILENCE:
            quiet &= (times < phone.start - _REST_BEFORE) | (times > phone.end + _REST_AFTER)
    if quiet.sum() < _FEWEST_REST_FRAMES:
        return np.asarray(gap_mm <= np.sort(gap_mm)[_FEWEST_REST_FRAMES])
    return quiet


def _sound(path: Path) -> NDArray[np.float32]:
    return np.concatenate(list(AudioFile.open(path).blocks()))
