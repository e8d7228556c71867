"""Who reads what: the speakers of the corpus and the order in which their sentences are made.

Speakers take turns, one or two sentences each, round after round, so that any beginning of the build is balanced. Every
sentence depends on its speaker's name and its number alone: more rounds add sentences and change none.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from scripts.lab.speech.corpus.pronunciations import Pronunciation
from scripts.lab.speech.corpus.random_text import RandomText
from scripts.lab.speech.corpus.sentences import make_sentences

HELD_OUT_KOKORO = ("af_bella", "am_puck", "bf_emma", "bm_lewis")
_KOKORO_ENGLISH = {
    "af": "alloy aoede bella heart jessica kore nicole nova river sarah sky",
    "am": "adam echo eric fenrir liam michael onyx puck santa",
    "bf": "alice emma isabella lily",
    "bm": "daniel fable george lewis",
}
KOKORO_ENGLISH = tuple(f"{group}_{name}" for group, names in _KOKORO_ENGLISH.items() for name in names.split())
_GRAMMAR_SHARE = 0.3  # of the English sentences; the others are random words


@dataclass(frozen=True)
class Speaker:
    """One voice of the corpus and how it varies from sentence to sentence.

    Attributes:
        name: `engine:voice`, for example `kokoro:af_sky` or `espeak:fr-fr+f2`; names its folder too.
        language: code of the texts that it reads (`en`, `fr`, ...).
        development: reads development texts and is never trained on.
        limit: sentences that it reads at most.
    """

    name: str
    language: str = "en"
    development: bool = False
    limit: int = 1000

    @property
    def engine(self) -> str:
        """The program that speaks."""
        return self.name.partition(":")[0]

    @property
    def voice(self) -> str:
        """The engine's name of the voice."""
        return self.name.partition(":")[2]

    def seed(self) -> list[int]:
        """Seed of everything that is drawn for this speaker."""
        return [zlib.crc32(f"{self.name} {self.language}".encode()), int(self.development)]


@dataclass(frozen=True)
class Reading:
    """One sentence to be made: `voice` is the speaker's name with this sentence's tempo (and pitch) after it."""

    speaker: Speaker
    voice: str
    text: str


def kokoro_english() -> list[Speaker]:
    """The English voices; four are for development."""
    development = [Speaker(f"kokoro:{name}", development=True, limit=12) for name in HELD_OUT_KOKORO]
    return development + [Speaker(f"kokoro:{name}") for name in KOKORO_ENGLISH if name not in HELD_OUT_KOKORO]


def kokoro_between(names: list[str], count: int) -> list[Speaker]:
    """Speakers between two voices: weighted means of the style vectors of `names`."""
    rng = np.random.default_rng(11)
    speakers = []
    for _ in range(count):
        one, other = rng.choice(sorted(names), size=2, replace=False)
        speakers.append(Speaker(f"kokoro:{one}+{other}@{rng.uniform(0.3, 0.7):.2f}"))
    return speakers


def hibari_speakers(count: int) -> list[Speaker]:
    """hibari's voice with pitch and formants scaled: `hibari:pitch:formants`; one in twelve is for development."""
    rng = np.random.default_rng(12)
    speakers = []
    for number in range(count):
        # Low pitch goes with long vocal tracts: formants follow pitch loosely.
        pitch = float(np.exp(rng.uniform(np.log(0.48), np.log(1.5))))
        formants = float(np.clip(0.93 + 0.14 * (pitch - 0.8) + rng.normal(0, 0.05), 0.82, 1.18))
        speakers.append(Speaker(f"hibari:{pitch:.2f}:{formants:.2f}", development=number % 12 == 11, limit=1000))
    return speakers


def classic_speakers() -> list[Speaker]:
    """English voices of flite, festival and espeak-ng; flite's awb and one espeak variant are for development."""
    names = ["flite:rms", "flite:slt", "festival:cmu_us_slt_arctic_hts", "festival:kal_diphone", "festival:ked_diphone"]
    espeak = ("en-us", "en-us+f3", "en-gb+m5", "en-us+m2", "en-gb-scotland+f2", "en-029+m3", "en-gb-x-rp+f4")
    names += [f"espeak:{name}" for name in espeak]
    development = [Speaker(name, development=True, limit=8) for name in ("flite:awb", "espeak:en-us-nyc+m7")]
    return development + [Speaker(name, limit=40) for name in names]


def readings(speaker: Speaker, words: dict[str, Pronunciation]) -> Iterator[Reading]:
    """All sentences of an English speaker, in order; `words` are those that this speaker may say."""
    rng = np.random.default_rng(speaker.seed())
    random_text = iter(RandomText(words, rng))
    for _ in range(speaker.limit):
        grammar = rng.random() < _GRAMMAR_SHARE
        text = make_sentences(1, rng, speaker.development)[0] if grammar else next(random_text)
        yield Reading(speaker, f"{speaker.name}:{variation(speaker.engine, rng)}", text)


def variation(engine: str, rng: np.random.Generator) -> str:
    """Tempo, and pitch where the engine has one, of one sentence: the end of a voice's line."""
    if engine == "espeak":
        return f"{rng.integers(125, 215)}:{rng.integers(25, 75)}"
    return f"{np.exp(rng.uniform(np.log(0.75), np.log(1.3))):.2f}"


def rounds(groups: list[tuple[list[Iterator[Reading]], int]], turns: int) -> Iterator[Reading]:
    """`turns` rounds in which every member of a group gives the group's number of readings."""
    for _ in range(turns):
        for members, each in groups:
            for member in members:
                yield from islice(member, each)
