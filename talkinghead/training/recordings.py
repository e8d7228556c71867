"""Real recordings with text that join the synthetic corpus: LJSpeech and GRID, each optional."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from talkinghead.training.alignment import SAMPLE_RATE

_GRID_CLIPS = 360
_GRID_DEVELOPMENT_SHARE = 9  # one clip in nine is held out


@dataclass(frozen=True)
class Recording:
    """A recording with its words; `part` is `train` or `development`."""

    samples: NDArray[np.float32]  # [N] 16 kHz
    text: str
    name: str
    part: str


def ljspeech(folder: Path) -> Iterator[Recording]:
    """Sentences of LJSpeech (public domain): `metadata.csv` beside the sound files. The second one is held out."""
    import soundfile

    for number, line in enumerate((folder / "metadata.csv").read_text(encoding="utf-8").splitlines()):
        name, _, text = line.split("|")
        samples, rate = soundfile.read(folder / f"{name}.flac", dtype="float32")
        divisor = int(np.gcd(rate, SAMPLE_RATE))
        samples = resample_poly(samples, SAMPLE_RATE // divisor, rate // divisor).astype(np.float32)
        yield Recording(samples, text, name, "development" if number == 1 else "train")


def grid(folder: Path) -> Iterator[Recording]:
    """Clips of a GRID speaker (CC BY 4.0): `.mp4` with `.align` (start, end, word) beside it; a fixed draw of them."""
    clips = sorted(folder.glob("*.mp4"), key=lambda path: zlib.crc32(path.stem.encode()))[:_GRID_CLIPS]
    for number, clip in enumerate(clips):
        words = [line.split()[2] for line in clip.with_suffix(".align").read_text().splitlines() if line.strip()]
        text = " ".join(word for word in words if word not in ("sil", "sp"))
        part = "development" if number % _GRID_DEVELOPMENT_SHARE == 0 else "train"
        yield Recording(_sound_of(clip), text, clip.stem, part)


def _sound_of(clip: Path) -> NDArray[np.float32]:
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(clip)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.float32)
