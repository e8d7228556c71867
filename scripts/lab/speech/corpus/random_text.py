"""English sentences of random words, so that a network hears every phone beside every other and learns no words.

A fixed share of the words is for the development voices alone. Words are drawn so that rare neighbours of phones come
as often as they can (a greedy choice among random candidates); function words and punctuation give the melody and the
pauses of speech.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from scripts.lab.speech.corpus.pronunciations import Pronunciation

_DEVELOPMENT_SHARE = 10  # one word in ten
_CANDIDATES = 8
_FUNCTION_WORDS = tuple(
    word
    for words in (
        "the a of and to in was with for is that it he she we you",
        "from by my very but have this be been more how some",
    )
    for word in words.split()
)
_ENDINGS = (".", ".", ".", ".", ".", "?", "!")
_SPELLED = "BCDEFGHIJKLMNOPQRSTUVXYZ"  # A is also a word; W has three syllables of its own


class RandomText:
    """An endless draw of sentences of `words`; the same words and seed give the same sentences."""

    def __init__(self, words: dict[str, Pronunciation], rng: np.random.Generator) -> None:
        self._words = list(words)
        self._phones = words
        self._rng = rng
        self._heard: Counter[tuple[str, str]] = Counter()

    def __iter__(self) -> Iterator[str]:
        while True:
            yield self._spelling() if self._rng.random() < 0.06 else self._sentence()

    def _sentence(self) -> str:
        rng = self._rng
        length = int(rng.integers(4, 12))
        text: list[str] = []
        last = "SIL"
        while len(text) < length:
            if text and rng.random() < 0.35:
                text.append(str(rng.choice(_FUNCTION_WORDS)))
            word, last = self._rare_word(last)
            text.append(word + ("," if rng.random() < 0.1 and len(text) + 1 < length else ""))
        return " ".join(text).capitalize() + str(rng.choice(_ENDINGS))

    def _spelling(self) -> str:
        letters = self._rng.choice(list(_SPELLED), size=int(self._rng.integers(3, 7)))
        return ", ".join(str(letter) for letter in letters) + "."

    def _rare_word(self, last: str) -> tuple[str, str]:
        """The candidate whose neighbours of phones were heard least so far, and its last phone."""
        candidates = [self._words[int(i)] for i in self._rng.integers(len(self._words), size=_CANDIDATES)]

        def novelty(word: str) -> float:
            pairs = list(pairwise((last, *self._phones[word])))
            return sum(1 / (1 + self._heard[pair]) for pair in pairs) / len(pairs)

        word = max(candidates, key=novelty)
        phones = self._phones[word]
        self._heard.update(pairwise((last, *phones)))
        return word, phones[-1]


def share_of_words(words: dict[str, Pronunciation], development: bool) -> dict[str, Pronunciation]:
    """The words that only the development voices say (besides function words and letters), or all the others."""
    return {
        word: phones
        for word, phones in words.items()
        if (zlib.crc32(word.encode()) % _DEVELOPMENT_SHARE == 0) == development
    }
