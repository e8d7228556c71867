"""Captures: real filmed motion with its sound, one small `.npz` per clip, as training reads it.

A folder holds `train`, `development` and `test`; below each, one folder per set (`grid`, `grid_speakers`, `facegood`).
Any set may be missing. `training.build_captures` makes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from face3d.files import atomic_file
from scripts.lab.speech.corpus.phones import PHONE_INDEX, PHONES, PhoneSegment
from talkinghead.speech.generate.channels import MOTION_CHANNELS, MOTION_RATE

SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class Capture:
    """One clip of real motion.

    Attributes:
        samples: [N] 16 kHz, -1..1.
        motion: [T, 24] at `MOTION_RATE` in the order of `MOTION_CHANNELS`; frame k shows k/25..(k+1)/25 s.
        known: [24] which channels the set measures; the others are 0.
        aperture_mm: [T] measured gap of the inner lips, NaN where unknown.
        phones: aligned phones, empty where the words are not known.
        text: the words, or "".
        name: file name without its ending.
    """

    samples: NDArray[np.float32]  # [N]
    motion: NDArray[np.float32]  # [T, 24]
    known: NDArray[np.bool_]  # [24]
    aperture_mm: NDArray[np.float32]  # [T]
    phones: list[PhoneSegment]
    text: str
    name: str

    def __post_init__(self) -> None:
        frames, channels = len(self.aperture_mm), len(MOTION_CHANNELS)
        if self.motion.shape != (frames, channels) or self.known.shape != (channels,):
            raise ValueError(f"{self.name}: motion {self.motion.shape} and known {self.known.shape} do not fit "
                             f"{frames} frames of {channels} channels")  # fmt: skip
        if not np.isfinite(self.motion).all():
            raise ValueError(f"{self.name}: motion holds NaN or infinite numbers")
        if abs(len(self.samples) / SAMPLE_RATE - frames / MOTION_RATE) > 0.5:
            raise ValueError(f"{self.name}: sound and motion differ in length by more than half a second")


def save_capture(path: Path, capture: Capture) -> None:
    """Write one clip, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            samples=np.round(np.clip(capture.samples, -1, 1) * 32767).astype(np.int16),
            motion=capture.motion.astype(np.float32),
            known=capture.known,
            aperture_mm=capture.aperture_mm.astype(np.float32),
            phone=np.array([PHONE_INDEX[p.name] for p in capture.phones], np.uint8),
            start=np.array([p.start for p in capture.phones], np.float32),
            end=np.array([p.end for p in capture.phones], np.float32),
            text=np.array(capture.text),
        )


def load_capture(path: Path) -> Capture:
    """Read what `save_capture` wrote.

    Raises:
        InputError: the file is not a capture.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            phones = [
                PhoneSegment(PHONES[p], float(s), float(e))
                for p, s, e in zip(data["phone"], data["start"], data["end"], strict=True)
            ]
            return Capture(data["samples"].astype(np.float32) / 32767, data["motion"], data["known"],
                           data["aperture_mm"], phones, str(data["text"]), path.stem)  # fmt: skip
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"{path} is not a capture of `train_speech.py captures`: {error}") from error


def captures(folder: Path, part: str) -> Iterator[Capture]:
    """All clips of `folder/<part>`, in the order of their paths; none where the folder is missing."""
    for path in sorted((folder / part).rglob("*.npz")):
        yield load_capture(path)
