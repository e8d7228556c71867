"""GRID (Cooke, Barker, Cunningham, Shao 2006, CC BY 4.0): the sentences that its clips' names spell, and their split.

Clips of speaker 1 are named by their six words (`bbaf2n`), those of other speakers `grid_` and their words.
"""

from __future__ import annotations

import zlib

from face3d.errors import InputError

SPEAKER_PREFIX = "grid_"
TEST_INITIALS = ("l", "s")
"""Held out for tests are speaker 1's sentences whose first word is "lay" or "set"."""
_TEST_CLIPS = ("grid_lbbc2a", "grid_lwbsza")  # of two other speakers
_DEVELOPMENT_SHARE = 9  # one clip in nine of speaker 1's others is to choose by
_WORDS: tuple[dict[str, str], ...] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {**{letter: letter for letter in "abcdefghijklmnopqrstuvwxy"}, "z": "zed"},  # the speakers are British
    {"z": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven",
     "8": "eight", "9": "nine"},
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)  # fmt: skip


def grid_text(stem: str) -> str:
    """The sentence that a clip's name stands for, whatever stands before it: `grid_bbaf2n` is "bin blue at f two now".

    Raises:
        InputError: it is no such name.
    """
    code = stem.rpartition("_")[2]
    if len(code) != len(_WORDS) or any(letter not in words for letter, words in zip(code, _WORDS, strict=True)):
        raise InputError(f"{stem!r} is no name of a GRID clip, which is six letters for six words, such as bbaf2n.")
    return " ".join(words[letter] for letter, words in zip(code, _WORDS, strict=True))


def grid_part(stem: str) -> str:
    """`train`, `development` or `test`: the split that everything that uses GRID shares.

    Of speaker 1, clips whose name starts with l or s are for tests, of the others one in nine by its checksum for
    development. Other speakers, too few to leave one out for choosing, are for training but for two.
    """
    if stem.startswith(SPEAKER_PREFIX):
        return "test" if stem in _TEST_CLIPS else "train"
    if stem.startswith(TEST_INITIALS):
        return "test"
    return "development" if zlib.crc32(stem.encode()) % _DEVELOPMENT_SHARE == 0 else "train"
