"""Speech from text with hibari-tts: an English voice that works offline (extra `[tts]`)."""

from __future__ import annotations

import logging
import re
import sys
import textwrap
import unicodedata
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError

if TYPE_CHECKING:
    from hibari import Hibari

SAMPLE_RATE = 24_000
# Half an hour and more of speech; longer texts are meant as files, not as an option.
MAX_CHARACTERS = 50_000
# The voice takes a sentence at once; without punctuation a "sentence" could be a whole page.
_LONGEST_SENTENCE = 300
_WORDS = re.compile(r"[^\W_]+")
_log = logging.getLogger(__name__)


def synthesize(text: str, path: str | Path, seed: int = 0) -> None:
    """Speak `text` into a 16-bit mono WAV file at 24 kHz, sentence by sentence, so that memory does not grow.

    Args:
        text: English.
        path: the WAV file to write.
        seed: of the voice's breath noise; the same text and seed give the same file.

    Raises:
        InputError: the text has nothing to say, or letters that the voice cannot say; it is too long, or the voice is
            missing.
    """
    text = unicodedata.normalize("NFC", text)
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
    foreign = [c for word in _WORDS.findall(text) for c in _foreign_letters(word)]
    if foreign:
        raise _cannot_say(foreign)


def _foreign_letters(word: str) -> list[str]:
    """Letters and digits of other scripts. One Greek letter in a word is a sign, called by its name: π, μm."""
    foreign = [c for c in word if c.isalnum() and not _is_latin(c)]
    return [] if len(foreign) == 1 and "GREEK" in unicodedata.name(foreign[0], "") else foreign


def _is_latin(character: str) -> bool:
    """Whether it is a Latin letter, a sign like ª and µ, one written above or beside others, or a number like ½."""
    kind = unicodedata.category(character)
    return ord(character) < 256 or "LATIN" in unicodedata.name(character, "") or kind in ("Lm", "No")


def _check_letters(voice: Hibari, text: str) -> None:
    """Whether the voice has a sound for every letter, and a word to the user about those that are not English.

    Raises:
        InputError: it has none for some.
    """
    special = sorted({c for c in text if c.isalpha() and ord(c) > 127})
    silent = [c for c in special if not any(voice.phonemize(c))]
    if silent:
        raise _cannot_say(silent)
    accented = [c for c in special if _is_latin(c)]
    if accented:
        _log.warning("The voice is English: words with %s are read as English ones.", " ".join(accented[:10]))


def _cannot_say(letters: Iterable[str]) -> InputError:
    named = "".join(dict.fromkeys(letters))
    return InputError(
        f"The voice speaks English only and cannot say {_shortened(named)}: leave it out, or record the text and use "
        "--audio."
    )


def _speak(text: str, seed: int) -> Iterator[NDArray[np.float32]]:
    try:
        from hibari import Hibari
    except ImportError as error:
        raise InputError(f"--text needs a voice: {sys.executable} -m pip install hibari-tts.") from error
    voice = Hibari()
    _check_letters(voice, text)
    for sentence in voice.split_sentences(text):
        for part in textwrap.wrap(sentence, _LONGEST_SENTENCE):
            yield from voice.stream(part, seed=seed)


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
