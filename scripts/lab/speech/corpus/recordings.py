"""Real recordings with text that join the synthetic corpus: LJSpeech and GRID, each optional."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from scripts.lab.speech.corpus.alignment import SAMPLE_RATE

_LJSPEECH_DEVELOPMENT = ("LJ001-0002", "LJ001-0020", "LJ001-0028")
_LJSPEECH_TEXTS = Path(__file__).parent / "texts" / "ljspeech.txt"  # of the first chapter, public domain
_GRID_DEVELOPMENT_SHARE = 9  # one clip in nine is held out
_GRID_TEST_SPEAKERS = ("grid_lbbc2a", "grid_lwbsza")
_GRID_WORDS: tuple[dict[str, str], ...] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {},  # a letter
    {
        "z": "zero",
        "1": "one",
        "2": "two",
        "3": "three",
        "4": "four",
        "5": "five",
        "6": "six",
        "7": "seven",
        "8": "eight",
        "9": "nine",
    },
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)


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
        code = clip.stem.removeprefix("grid_")
        speaker = "grid_s1" if code == clip.stem else clip.stem
        part = grid_part(clip.stem)
        if part != "test":
            recordings.append(Recording(clip, grid_text(code), part, speaker))
    return recordings


def grid_part(stem: str) -> str:
    """`train`, `development` or `test`: the split that all training on GRID shares.

    Of speaker 1, clips whose name starts with l or s are for tests, of the others one in nine by its checksum for
    development. Other speakers (`grid_*`) are for training but for two.
    """
    if stem.startswith("grid_"):
        return "test" if stem in _GRID_TEST_SPEAKERS else "train"
    if stem[0] in "ls":
        return "test"
    return "development" if zlib.crc32(stem.encode()) % _GRID_DEVELOPMENT_SHARE == 0 else "train"


def grid_text(code: str) -> str:
    """The sentence that a GRID clip's six-letter name stands for: `bbaf2n` is "bin blue at f two now"."""
    if len(code) != len(_GRID_WORDS):
        raise InputError(f"{code!r} is no GRID clip name of {len(_GRID_WORDS)} letters.")
    return " ".join(words.get(letter, letter) for letter, words in zip(code, _GRID_WORDS, strict=True))


def _sound_of(clip: Path) -> NDArray[np.float32]:
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(clip)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.float32)
