"""The corpus on disk: one small `.npz` per sentence (sound and aligned phones), built once and resumable."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkinghead.training.alignment import SAMPLE_RATE, PhoneAligner
from talkinghead.training.phones import PHONE_INDEX, PHONES, PhoneSegment
from talkinghead.training.sentences import make_sentences
from talkinghead.training.voices import Synthesiser, Voice


@dataclass(frozen=True)
class Utterance:
    """One aligned recording: `samples [N]` at 16 kHz (-1..1), its phones, its voice and its words."""

    samples: NDArray[np.float32]  # [N]
    phones: list[PhoneSegment]
    voice: str
    text: str


def voice_folder(corpus: Path, voice: Voice) -> Path:
    """`corpus/train/...` or `corpus/development/...`, a folder per voice."""
    safe = re.sub(r"[^A-Za-z0-9_.+-]", "_", voice.name)
    return corpus / ("development" if voice.development else "train") / safe


def voice_sentences(voice: Voice, aligner: PhoneAligner) -> list[str]:
    """What the voice reads: its own seed, only words that the aligner knows."""
    from talkinghead.training.alignment import words_of

    rng = np.random.default_rng(zlib.crc32(voice.name.encode()))
    drawn = make_sentences(voice.sentences * 2, rng, voice.development)
    known = [text for text in drawn if all(aligner.knows(word) for word in words_of(text))]
    return known[: voice.sentences]


def build_voice(corpus: Path, voice: Voice, synthesiser: Synthesiser, aligner: PhoneAligner) -> tuple[int, int]:
    """Speak, align and store what is still missing of a voice; (kept, refused by the aligner) of this call."""
    folder = voice_folder(corpus, voice)
    folder.mkdir(parents=True, exist_ok=True)
    kept = refused = 0
    for text in voice_sentences(voice, aligner):
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = folder / f"{name}.npz"
        if path.exists() or path.with_suffix(".refused").exists():
            continue
        samples = synthesiser.speak(voice.name, text)
        phones = aligner.align(samples, text)
        if phones is None:
            path.with_suffix(".refused").write_text(text)
            refused += 1
            continue
        save_utterance(path, Utterance(samples, phones, voice.name, text))
        kept += 1
    return kept, refused


def add_recording(
    corpus: Path, set_name: str, name: str, samples: NDArray[np.float32], text: str, aligner: PhoneAligner
) -> bool:
    """Align and store a real recording under `corpus/<set_name>/`; False where the aligner refuses it."""
    path = corpus / set_name / f"{name}.npz"
    if path.exists():
        return True
    phones = aligner.align(samples, text)
    if phones is None:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    save_utterance(path, Utterance(samples, phones, set_name, text))
    return True


def save_utterance(path: Path, utterance: Utterance) -> None:
    """Write one sentence, complete or not at all."""
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        np.savez(
            file,
            samples=np.round(utterance.samples * 32767).astype(np.int16),
            phone=np.array([PHONE_INDEX[p.name] for p in utterance.phones], np.uint8),
            start=np.array([p.start for p in utterance.phones], np.float32),
            end=np.array([p.end for p in utterance.phones], np.float32),
            voice=np.array(utterance.voice),
            text=np.array(utterance.text),
        )
    temporary.replace(path)


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
