"""The corpus on disk: one small `.npz` per sentence (sound and aligned phones), built once and resumable."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from face3d.files import atomic_file
from scripts.lab.speech.corpus.alignment import SAMPLE_RATE, words_of
from scripts.lab.speech.corpus.disturbances import disturbance
from scripts.lab.speech.corpus.phones import PHONE_INDEX, PHONES, SILENCE, PhoneSegment
from scripts.lab.speech.corpus.plan import Reading, Speaker
from scripts.lab.speech.corpus.pronunciations import guessed
from scripts.lab.speech.corpus.recordings import Recording
from scripts.lab.speech.corpus.sentences import make_sentences
from scripts.lab.speech.corpus.voices import Speech, Voice


@dataclass(frozen=True)
class Utterance:
    """One aligned recording: `samples [N]` at 16 kHz (-1..1), its phones, its voice and its words."""

    samples: NDArray[np.float32]  # [N]
    phones: list[PhoneSegment]
    voice: str
    text: str


class Speaking(Protocol):
    """Speaks a text in a voice; phones come with the sound where the engine knows their times."""

    def speak(self, voice: str, text: str, language: str = "en") -> Speech:
        """One sentence."""


class Aligning(Protocol):
    """Finds the phones of an English text in its sound; None where it cannot."""

    def knows(self, word: str) -> bool:
        """Whether the word can be aligned."""

    def learn(self, word: str, phones: tuple[str, ...]) -> None:
        """Add a word."""

    def align(self, samples: NDArray[np.float32], text: str) -> list[PhoneSegment] | None:
        """Phones, gapless from 0 to the end."""


def voice_folder(corpus: Path, voice: Voice | Speaker) -> Path:
    """`corpus/train/...` or `corpus/development/...`, a folder per voice."""
    safe = re.sub(r"[^A-Za-z0-9_.+-]", "_", voice.name)
    return corpus / ("development" if voice.development else "train") / safe


def voice_sentences(voice: Voice, aligner: Aligning) -> list[str]:
    """What the voice reads: its own seed, only words that the aligner knows."""
    rng = np.random.default_rng(zlib.crc32(voice.name.encode()))
    drawn = make_sentences(voice.sentences * 2, rng, voice.development)
    known = [text for text in drawn if all(aligner.knows(word) for word in words_of(text))]
    return known[: voice.sentences]


def build_voice(corpus: Path, voice: Voice, synthesiser: Speaking, aligner: Aligning) -> tuple[int, int]:
    """Speak, align and store what is still missing of a voice; (kept, refused by the aligner) of this call."""
    folder = voice_folder(corpus, voice)
    folder.mkdir(parents=True, exist_ok=True)
    kept = refused = 0
    for text in voice_sentences(voice, aligner):
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = folder / f"{name}.npz"
        if path.exists() or path.with_suffix(".refused").exists():
            continue
        samples = synthesiser.speak(voice.name, text).samples
        phones = aligner.align(samples, text)
        if phones is None:
            path.with_suffix(".refused").write_text(text)
            refused += 1
            continue
        save_utterance(path, Utterance(samples, phones, voice.name, text))
        kept += 1
    return kept, refused


def reading_path(corpus: Path, reading: Reading) -> Path:
    """Where a reading belongs; speakers of other languages than English have a folder per language."""
    folder = voice_folder(corpus, reading.speaker)
    if reading.speaker.language != "en":
        folder = folder.with_name(f"{folder.name}_{reading.speaker.language}")
    name = hashlib.sha256(f"{reading.voice}|{reading.text}".encode()).hexdigest()[:16]
    return folder / f"{name}.npz"


def build_reading(corpus: Path, reading: Reading, synthesiser: Speaking, aligner: Aligning) -> str:
    """Make one reading if it is missing: `made`, `there` (before) or `refused` (by the aligner, now or before)."""
    path = reading_path(corpus, reading)
    refusal = path.with_suffix(".refused")
    if path.exists() or refusal.exists():
        return "there" if path.exists() else "refused"
    path.parent.mkdir(parents=True, exist_ok=True)
    speech = synthesiser.speak(reading.voice, reading.text, reading.speaker.language)
    phones = speech.phones if speech.phones is not None else aligner.align(speech.samples, reading.text)
    if phones is None:
        refusal.write_text(reading.text, encoding="utf-8")
        return "refused"
    save_utterance(path, Utterance(speech.samples, phones, reading.voice, reading.text))
    return "made"


def build_recording(corpus: Path, recording: Recording, aligner: Aligning) -> str:
    """Align and store a real recording if it is missing: `made`, `there` (before) or `refused` (by the aligner)."""
    path = corpus / recording.part / recording.speaker / f"{recording.path.stem}.npz"
    if path.exists():
        return "there"
    for word in words_of(recording.text):
        pronunciation = None if aligner.knows(word) else guessed(word)
        if pronunciation:
            aligner.learn(word, pronunciation)
    samples = recording.samples()
    phones = aligner.align(samples, recording.text)
    if phones is None:
        return "refused"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_utterance(path, Utterance(samples, phones, recording.speaker, recording.text))
    return "made"


def build_disturbance(corpus: Path, kind: str, number: int) -> str:
    """Make one clip without speech, all rest, under `noise_KIND`; one in eight is for development."""
    part = "development" if number % 8 == 7 else "train"
    path = corpus / part / f"noise_{kind}" / f"{number:03d}.npz"
    if path.exists():
        return "there"
    samples = disturbance(kind, np.random.default_rng([zlib.crc32(kind.encode()), number]))
    path.parent.mkdir(parents=True, exist_ok=True)
    rest = [PhoneSegment(SILENCE, 0.0, len(samples) / SAMPLE_RATE)]
    save_utterance(path, Utterance(samples, rest, f"noise:{kind}", ""))
    return "made"


def save_utterance(path: Path, utterance: Utterance) -> None:
    """Write one sentence, complete or not at all."""
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            samples=np.round(utterance.samples * 32767).astype(np.int16),
            phone=np.array([PHONE_INDEX[p.name] for p in utterance.phones], np.uint8),
            start=np.array([p.start for p in utterance.phones], np.float32),
            end=np.array([p.end for p in utterance.phones], np.float32),
            voice=np.array(utterance.voice),
            text=np.array(utterance.text),
        )


def load_utterance(path: Path) -> Utterance:
    """Read what `save_utterance` wrote."""
    with np.load(path, allow_pickle=False) as data:
        phones = [
            PhoneSegment(PHONES[p], float(s), float(e))
            for p, s, e in zip(data["phone"], data["start"], data["end"], strict=True)
        ]
        return Utterance(data["samples"].astype(np.float32) / 32767, phones, str(data["voice"]), str(data["text"]))


def utterances(corpus: Path, part: str) -> Iterator[Utterance]:
    """All sentences of `corpus/<part>/`, in the order of their paths."""
    for path in sorted((corpus / part).rglob("*.npz")):
        yield load_utterance(path)


def total_minutes(corpus: Path, part: str) -> float:
    """Length of a part of the corpus."""
    return sum(len(u.samples) for u in utterances(corpus, part)) / SAMPLE_RATE / 60
