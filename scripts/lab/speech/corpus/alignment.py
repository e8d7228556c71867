"""Phone alignment of English speech with a known text, by pocketsphinx (its US-English model is in its wheel)."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from scripts.lab.speech.corpus.phones import PHONE_INDEX, SILENCE, PhoneSegment

SAMPLE_RATE = 16_000
FRAME_SECONDS = 0.01
_PAD_SECONDS = 0.3


def words_of(text: str) -> list[str]:
    """Lower-case words of a sentence, as the pronunciation dictionary spells them."""
    return [word.strip("'") for word in re.findall(r"[a-z']+", text.lower()) if word.strip("'")]


class PhoneAligner:
    """Aligns utterances with their text; 0.03 x real time, phone edges within about 20 ms."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        # Batch normalisation keeps no state from one utterance to the next, so the order of files does not matter.
        self._decoder = Decoder(lm=None, loglevel="FATAL", samprate=SAMPLE_RATE, cmn="batch")

    def knows(self, word: str) -> bool:
        """Whether the dictionary has the word; `align` refuses sentences with unknown words."""
        return self._decoder.lookup_word(word) is not None

    def learn(self, word: str, phones: tuple[str, ...]) -> None:
        """Add a word that the dictionary lacks."""
        self._decoder.add_word(word, " ".join(phones), True)

    def align(
        self,
        samples: NDArray[np.float32],  # [N] 16 kHz, -1..1
        text: str,
    ) -> list[PhoneSegment] | None:
        """Phones with their times, gapless from 0 to the end; None where the text does not fit the sound."""
        words = words_of(text)
        if not words or not all(self.knows(word) for word in words):
            return None
        # Recordings cut off tightly have no silence for the model's first and last state: lend them some.
        noise = np.random.default_rng(0).standard_normal(int(_PAD_SECONDS * SAMPLE_RATE)) * 1e-4
        data = (np.clip(np.concatenate([noise, samples, noise]), -1, 1) * 32767).astype("<i2").tobytes()
        try:
            self._decoder.set_align_text(" ".join(words))
            self._decode(data)
            if self._decoder.hyp() is None:
                return None
            self._decoder.set_alignment()
            self._decode(data)
        except RuntimeError:
            return None  # pocketsphinx's way to say that no path reached the end of the text
        alignment = self._decoder.get_alignment()
        if alignment is None:
            return None
        entries = [(phone.name, phone.start, phone.start + phone.duration) for word in alignment for phone in word]
        return _merge(entries, len(samples) / SAMPLE_RATE)

    def _decode(self, data: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(data, full_utt=True)
        self._decoder.end_utt()


def _merge(entries: list[tuple[str, int, int]], duration: float) -> list[PhoneSegment]:
    """Frames to seconds without the padding; fillers (breath, noise) become silence, neighbouring silences one."""
    segments: list[PhoneSegment] = []
    for raw, start, end in entries:
        name = raw if raw in PHONE_INDEX else SILENCE
        first, last = (min(max(n * FRAME_SECONDS - _PAD_SECONDS, 0.0), duration) for n in (start, end))
        if last <= first:
            continue
        if segments and name == SILENCE and segments[-1].name == SILENCE:
            segments[-1] = PhoneSegment(SILENCE, segments[-1].start, last)
        else:
            segments.append(PhoneSegment(name, first, last))
    return segments
