"""Real recordings with text that join the synthetic corpus: LJSpeech and GRID, each optional."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.lab.speech.corpus.alignment import SAMPLE_RATE
from scripts.lab.speech.corpus.grid import SPEAKER_PREFIX, grid_part, grid_text

_LJSPEECH_DEVELOPMENT = ("LJ001-0002", "LJ001-0020", "LJ001-0028")
_LJSPEECH_TEXTS = Path(__file__).parent / "texts" / "ljspeech.txt"  # of the first chapter, public domain


@dataclass(frozen=True)
class Recording:
    """A recording with its words; `part` is `train` or `development`, `speaker` the name of its folder."""

    path: Path
    text: str
    part: str
    speaker: str

    def samples(self) -> NDArray[np.float32]:
        """Its sound `[N]` at 16 kHz."""
        return _sound_of(self.path)


def ljspeech(folder: Path) -> list[Recording]:
    """Sentences of LJSpeech (public domain): the sound files of a folder whose words its `metadata.csv` or we know."""
    known = _LJSPEECH_TEXTS.read_text(encoding="utf-8").splitlines()
    written = (folder / "metadata.csv").read_text(encoding="utf-8").splitlines()
    texts = {fields[0]: fields[-1] for fields in (line.split("|") for line in [*known, *written])}
    return [
        Recording(path, texts[path.stem], "development" if path.stem in _LJSPEECH_DEVELOPMENT else "train", "ljspeech")
        for path in sorted(folder.glob("*.flac"))
        if path.stem in texts
    ]


def grid(folder: Path) -> list[Recording]:
    """Clips of GRID (CC BY 4.0), one speaker's `.mp4` or several speakers' `.mpg`, without those held out for tests."""
    recordings = []
    for clip in sorted([*folder.glob("*.mp4"), *folder.glob("*.mpg")]):
        speaker = clip.stem if clip.stem.startswith(SPEAKER_PREFIX) else "grid_s1"
        part = grid_part(clip.stem)
        if part != "test":
            recordings.append(Recording(clip, grid_text(clip.stem), part, speaker))
    return recordings


def _sound_of(clip: Path) -> NDArray[np.float32]:
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(clip)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.float32)
