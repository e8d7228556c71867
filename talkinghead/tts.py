"""Speech from text with hibari-tts: an English voice that works offline (extra `[tts]`)."""

from __future__ import annotations

import sys
import textwrap
import unicodedata
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError

SAMPLE_RATE = 24_000
# Half an hour and more of speech; longer texts are meant as files, not as an option.
MAX_CHARACTERS = 50_000
# The voice takes a sentence at once; without punctuation a "sentence" could be a whole page.
_LONGEST_SENTENCE = 300


def synthesize(text: str, path: str | Path, seed: int = 0) -> None:
    """Speak `text` into a 16-bit mono WAV file at 24 kHz, sentence by sentence, so that memory does not grow.

    Args:
        text: English.
        path: the WAV file to write.
        seed: of the voice's breath noise; the same text and seed give the same file.

    Raises:
        InputError: the text has nothing to say or another script than Latin, is too long, or the voice is missing.
    """
    check_text(text)
    spoken = 0
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        for piece in _speak(text, seed):
            file.writeframes((np.clip(piece, -1, 1) * 32767).astype("<i2").tobytes())
            spoken += len(piece)
    if not spoken:
        raise InputError(f"The text {_shortened(text)!r} has nothing that the voice can say.")


def check_text(text: str) -> None:
    """Find out before loading a voice whether it can say `text`.

    Raises:
        InputError: see :func:`synthesize`.
    """
    if not any(c.isalnum() for c in text):
        raise InputError("The text is empty: give at least one word to say.")
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"The text has {len(text)} characters; at most {MAX_CHARACTERS} are spoken at once.")
    foreign = [c for c in text if c.isalpha() and "LATIN" not in unicodedata.name(c, "")]
    letters = sum(c.isalpha() for c in text)
    if len(foreign) * 5 > letters:
        raise InputError(
            f"The voice speaks English only and cannot read {_shortened(text)!r}; record it and use --audio."
        )


def _speak(text: str, seed: int) -> Iterator[NDArray[np.float32]]:
    try:
        from hibari import Hibari
    except ImportError as error:
        raise InputError(f"--text needs a voice: {sys.executable} -m pip install hibari-tts.") from error
    voice = Hibari()
    for sentence in voice.split_sentences(text):
        for part in textwrap.wrap(sentence, _LONGEST_SENTENCE):
            yield from voice.stream(part, seed=seed)


def _shortened(text: str) -> str:
    return textwrap.shorten(text, 40, placeholder="...")
