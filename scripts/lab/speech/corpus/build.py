"""Builds the corpus: recordings, then all synthetic speakers in turns. What is there already is not made again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.progress import track

from scripts.lab.speech.corpus.corpus import (
    Aligning,
    Speaking,
    build_disturbance,
    build_reading,
    build_recording,
    build_voice,
)
from scripts.lab.speech.corpus.disturbances import KINDS
from scripts.lab.speech.corpus.languages import (
    espeak_speakers,
    foreign_readings,
    kokoro_speakers,
    kokoro_training_voices,
)
from scripts.lab.speech.corpus.plan import (
    Reading,
    Speaker,
    classic_speakers,
    hibari_speakers,
    kokoro_between,
    kokoro_english,
    readings,
    rounds,
)
from scripts.lab.speech.corpus.pronunciations import Pronunciation
from scripts.lab.speech.corpus.random_text import share_of_words
from scripts.lab.speech.corpus.recordings import Recording
from scripts.lab.speech.corpus.voices import corpus_voices


@dataclass(frozen=True)
class BuildOptions:
    """How much to make; the sets of `speech-v1` come before and are of fixed size.

    Attributes:
        turns: rounds of everything. One has four sentences of each quick voice and one of each Kokoro speaker.
        hibari: pseudo-voices of hibari.
        between: Kokoro speakers between two voices.
        kokoro: whether Kokoro is there.
        languages: whether to make other languages than English.
        disturbances: clips of six seconds of every kind of sound without speech.
    """

    turns: int = 4
    hibari: int = 96
    between: int = 24
    kokoro: bool = True
    languages: bool = True
    disturbances: int = 16


def build_recordings(corpus: Path, recordings: list[Recording], name: str, aligner: Aligning) -> Counter[str]:
    """Align and store recordings; counts of `made`, `there` and `refused`."""
    done: Counter[str] = Counter()
    for item in track(recordings, description=name):
        done[build_recording(corpus, item, aligner)] += 1
    return done


def build_first_voices(corpus: Path, kokoro: bool, synthesiser: Speaking, aligner: Aligning) -> None:
    """The voices of `speech-v1`."""
    for voice in track(corpus_voices(kokoro), description="voices of v1"):
        build_voice(corpus, voice, synthesiser, aligner)


def build_disturbances(corpus: Path, each: int) -> Counter[str]:
    """`each` clips of every kind of sound without speech; counts of `made` and `there`."""
    return Counter(build_disturbance(corpus, kind, n) for kind in KINDS for n in range(each))


def synthetic_plan(words: dict[str, Pronunciation], options: BuildOptions) -> list[Reading]:
    """Every reading of the synthetic speakers in the order of making: the quick engines, then Kokoro."""
    shares = {development: share_of_words(words, development) for development in (False, True)}

    def english(speakers: list[Speaker]) -> list[Iterator[Reading]]:
        return [readings(speaker, shares[speaker.development]) for speaker in speakers]

    quick = [(english([*classic_speakers(), *hibari_speakers(options.hibari)]), 4)]
    if options.languages:
        quick.append(([foreign_readings(speaker) for speaker in espeak_speakers()], 4))
    plan = list(rounds(quick, options.turns))
    if not options.kokoro:
        return plan
    natives = kokoro_english()
    slow = [(english(natives), 1)]
    if options.languages:
        slow.append(([foreign_readings(speaker) for speaker in kokoro_speakers()], 1))
    accents = [Speaker(f"kokoro:{name}") for name in kokoro_training_voices()]
    trained = [speaker.voice for speaker in (*natives, *accents) if not speaker.development]
    slow.append((english([*accents, *kokoro_between(trained, options.between)]), 1))
    return plan + list(rounds(slow, options.turns))


def build_readings(
    corpus: Path,
    plan: list[Reading],
    synthesiser: Speaking,
    aligner: Aligning,
    report: Callable[[str], None] = print,
) -> Counter[tuple[str, str, str]]:
    """Make what is missing of a plan; counts by (engine, language, outcome)."""
    done: Counter[tuple[str, str, str]] = Counter()
    for reading in track(plan, description="readings"):
        outcome = build_reading(corpus, reading, synthesiser, aligner)
        done[reading.speaker.engine, reading.speaker.language, outcome] += 1
    for (engine, language, outcome), count in sorted(done.items()):
        report(f"{engine} {language}: {count} {outcome}")
    return done
