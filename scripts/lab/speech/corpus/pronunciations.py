"""English words as the voices say them and as the aligner's dictionary spells them: only words on which both agree.

The lexicon of hibari (misaki's, Apache-2.0) is what hibari and Kokoro read by; the dictionary of pocketsphinx (cmudict,
BSD) is what the alignment believes. A word that they pronounce differently would give wrong labels.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

Pronunciation = tuple[str, ...]

_STRESS = re.compile("[ˈˌ]")
# Longest first: a vowel with its r, a syllabic consonant, then single letters of misaki's alphabet.
_LETTERS: tuple[tuple[str, Pronunciation], ...] = (
    ("ɜɹ", ("ER",)), ("əɹ", ("ER",)), ("ᵊl", ("AH", "L")), ("ᵊn", ("AH", "N")), ("ᵊm", ("AH", "M")),
    ("A", ("EY",)), ("I", ("AY",)), ("O", ("OW",)), ("W", ("AW",)), ("Y", ("OY",)), ("i", ("IY",)), ("u", ("UW",)),
    ("ɑ", ("AA",)), ("æ", ("AE",)), ("ə", ("AH",)), ("ᵊ", ("AH",)), ("ɛ", ("EH",)), ("ɪ", ("IH",)), ("ᵻ", ("IH",)),
    ("ʊ", ("UH",)), ("ʌ", ("AH",)), ("ɔ", ("AO",)), ("ɜ", ("ER",)), ("b", ("B",)), ("d", ("D",)), ("f", ("F",)),
    ("h", ("HH",)), ("j", ("Y",)), ("k", ("K",)), ("l", ("L",)), ("m", ("M",)), ("n", ("N",)), ("p", ("P",)),
    ("s", ("S",)), ("t", ("T",)), ("v", ("V",)), ("w", ("W",)), ("z", ("Z",)), ("ð", ("DH",)), ("ŋ", ("NG",)),
    ("ɡ", ("G",)), ("ɹ", ("R",)), ("ɾ", ("T",)), ("ʃ", ("SH",)), ("ʒ", ("ZH",)), ("ʤ", ("JH",)), ("ʧ", ("CH",)),
    ("θ", ("TH",)), ("ʔ", ("T",)), ("T", ("T",)),
)  # fmt: skip
# What one writes as the one and the other as the other, with the same lips: cot/caught, reduced vowels, flaps.
_SAME = frozenset(
    frozenset(pair) for pair in (("AA", "AO"), ("AH", "IH"), ("IH", "IY"), ("AH", "UH"), ("T", "D"), ("AH", "EH"))
)


def arpabet(phonemes: str) -> Pronunciation | None:
    """ARPAbet of a word in misaki's American alphabet; None where a letter is unknown."""
    rest = _STRESS.sub("", phonemes)
    found: list[str] = []
    while rest:
        for letters, phones in _LETTERS:
            if rest.startswith(letters):
                found += phones
                rest = rest[len(letters) :]
                break
        else:
            return None
    return tuple(found)


def agree(one: Pronunciation, other: Pronunciation) -> bool:
    """Whether two pronunciations move the lips alike, phone by phone."""
    return len(one) == len(other) and all(a == b or frozenset((a, b)) in _SAME for a, b in zip(one, other, strict=True))


def read_dictionary(path: Path) -> dict[str, list[Pronunciation]]:
    """A pocketsphinx dictionary: word -> its pronunciations."""
    words: dict[str, list[Pronunciation]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        word, *phones = line.split()
        words[re.sub(r"\(\d+\)$", "", word)].append(tuple(phones))
    return dict(words)


def aligner_dictionary() -> dict[str, list[Pronunciation]]:
    """The dictionary inside pocketsphinx's wheel."""
    import pocketsphinx

    return read_dictionary(Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")))


def voice_lexicon() -> dict[str, str]:
    """The American lexicon inside hibari's wheel: word -> phonemes, words with one reading only."""
    import hibari

    path = Path(hibari.__file__).parent / "assets" / "lexicon_us_gold.json.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return {word: phonemes for word, phonemes in json.load(file).items() if isinstance(phonemes, str)}


def agreed_words(
    lexicon: dict[str, str], dictionary: dict[str, list[Pronunciation]], longest: int = 9
) -> dict[str, Pronunciation]:
    """Lower-case words of 2 to `longest` phones on which both agree, each as the voices say it, in sorted order."""
    words = {}
    for word in sorted(lexicon):
        if not re.fullmatch("[a-z]{2,}", word) or word not in dictionary:
            continue
        spoken = arpabet(lexicon[word])
        if spoken and 2 <= len(spoken) <= longest and any(agree(spoken, known) for known in dictionary[word]):
            words[word] = spoken
    return words


def guessed(word: str) -> Pronunciation | None:
    """How hibari's spelling rules read a word, of any kind; None where they give a sound that is not English."""
    return arpabet(_spelling_rules()(word).strip(" .,"))


@lru_cache(maxsize=1)
def _spelling_rules() -> Callable[[str], str]:
    from hibari.g2p import G2P

    return G2P()
