"""Phones of other languages in the 40 ARPAbet classes: the one whose lips move most alike, then the one that sounds so.

Lips decide: a tap or trill is no English R, which rounds; a front rounded vowel is a rounded one; bilabials close.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scripts.lab.speech.corpus.alignment import SAMPLE_RATE
from scripts.lab.speech.corpus.phones import SILENCE, VOWELS, PhoneSegment

# Of one spelling or several letters each; longer ones are tried first.
_CLASSES: dict[str, tuple[str, ...]] = {
    "a": ("AA",), "ɑ": ("AA",), "ɐ": ("AH",), "ɒ": ("AO",), "æ": ("AE",), "ʌ": ("AH",), "ə": ("AH",), "ɜ": ("AH",),
    "ɚ": ("ER",), "ər": ("ER",), "ɤ": ("AH",), "o-": ("AH",), "e": ("EH",), "eː": ("EY",), "ɛ": ("EH",),
    "i": ("IY",), "ɪ": ("IH",), "ɨ": ("IH",), "i.": ("IH",), "i̪": ("IH",), "o": ("OW",), "o̞": ("AO",), "ɔ": ("AO",),
    "ɵ": ("UH",), "u": ("UW",), "ʊ": ("UH",), "ɯ": ("UH",), "y": ("UW",), "ʏ": ("UH",), "ø": ("UH",), "œ": ("ER",),
    "aɪ": ("AY",), "ai": ("AY",), "aʊ": ("AW",), "ɑu": ("AW",), "au": ("AW",), "eɪ": ("EY",), "ei": ("EY",),
    "oʊ": ("OW",), "ou": ("OW",), "ɔɪ": ("OY",), "oɪ": ("OY",), "ɔø": ("OY",), "ɔʏ": ("OY",),
    "iɛ": ("Y", "EH"), "iou": ("Y", "OW"), "iɑ": ("Y", "AA"), "ia": ("Y", "AA"), "iɑu": ("Y", "AW"),
    "uo": ("W", "AO"), "ua": ("W", "AA"), "uɑ": ("W", "AA"), "uai": ("W", "AY"), "uei": ("W", "EY"), "uə": ("W", "AH"),
    "yæ": ("W", "AE"), "yɛ": ("W", "EH"), "yə": ("W", "AH"), "onɡ": ("OW", "NG"),
    "p": ("P",), "b": ("B",), "m": ("M",), "ɱ": ("M",), "β": ("B",), "f": ("F",), "v": ("V",), "ʋ": ("V",), "ɸ": ("F",),
    "pf": ("P", "F"), "w": ("W",), "ɥ": ("W",), "ɰ": ("NG",),
    "t": ("T",), "d": ("D",), "ʈ": ("T",), "ɖ": ("D",), "n": ("N",), "ɳ": ("N",), "ɲ": ("N",), "ŋ": ("NG",),
    "ɴ": ("NG",), "l": ("L",), "ɭ": ("L",), "ɫ": ("L",), "ʎ": ("Y",), "ɾ": ("D",), "r": ("L",), "ɽ": ("D",),
    "r.": ("D",), "ɹ": ("R",), "ɻ": ("R",), "ʐ": ("R",), "ʁ": ("G",), "ʀ": ("G",), "j": ("Y",), "ʝ": ("Y",),
    "k": ("K",), "ɡ": ("G",), "g": ("G",), "ɣ": ("G",), "q": ("K",), "x": ("HH",), "χ": ("HH",), "h": ("HH",),
    "ɦ": ("HH",), "ç": ("HH",), "θ": ("TH",), "ð": ("DH",), "s": ("S",), "z": ("Z",), "ʃ": ("SH",), "ʒ": ("ZH",),
    "ʂ": ("SH",), "s.": ("SH",), "ɕ": ("SH",), "ʑ": ("ZH",), "ts": ("T", "S"), "dz": ("D", "Z"), "tʃ": ("CH",),
    "tɕ": ("CH",), "ts.": ("CH",), "tʂ": ("CH",), "ʈʂ": ("CH",), "c": ("CH",), "dʒ": ("JH",), "dʑ": ("JH",),
    "ɟ": ("JH",), "ʣ": ("D", "Z"), "ʥ": ("JH",), "ʦ": ("T", "S"), "ʨ": ("CH",), "ꭧ": ("CH",), "ʤ": ("JH",),
    "ʧ": ("CH",), "I": ("AY",), "W": ("AW",), "A": ("EY",), "O": ("OW",), "Y": ("OY",), "S": ("S",),
}  # fmt: skip
# Letters that espeak-ng uses otherwise in one language.
_PER_LANGUAGE: dict[str, dict[str, tuple[str, ...]]] = {
    "pt": {"y": ("IH",)},
    "ru": {"y": ("IH",)},
    "ja": {"u\u0303": ("NG",)},  # the moraic nasal before a vowel
}
# Length, aspiration, palatalisation, nasality, stress, tone, ties and espeak-ng's own signs: the lips do not care.
_SIGNS = re.compile('[ːˑʰʲᵝˠ̞̩̪̯̃̈͡ˈˌ"^→↗↘↓0-9˥˦˧˨˩]')
_ASPIRATED = re.compile(r"(?<=[ptksɕ.])h")
_QUIET = 0.12  # of the utterance's level: below it an unnamed stretch is a pause
_SHORTEST_PAUSE = 0.03  # s


def decomposed(ipa: str) -> str:
    """Letters and their signs apart (NFD), but for the letter c with cedilla."""
    return unicodedata.normalize("NFD", ipa).replace("c\u0327", "\u00e7")


def arpabet_classes(ipa: str, language: str = "") -> tuple[str, ...]:
    """Classes of one phone, mostly one; empty for signs and glottal stops. Raises `KeyError` for an unknown letter."""
    special = _PER_LANGUAGE.get(language, {})
    ipa = decomposed(ipa)
    if ipa in special or ipa in _CLASSES:
        return special.get(ipa) or _CLASSES[ipa]
    rest = _ASPIRATED.sub("", _SIGNS.sub("", ipa)).replace("ʔ", "").strip(" -;")
    found: list[str] = []
    while rest:
        for length in range(min(3, len(rest)), 0, -1):
            classes = special.get(rest[:length]) or _CLASSES.get(rest[:length])
            if classes:
                found += classes
                rest = rest[length:]
                break
        else:
            raise KeyError(f"no class for {rest[0]!r} of {ipa!r} ({language})")
    return tuple(found)


def phone_segments(
    timed: Iterable[tuple[str, float, float]],  # letters with start and end in seconds
    samples: NDArray[np.float32],  # [N] 16 kHz
    language: str,
) -> list[PhoneSegment]:
    """Gapless segments from 0 to the end. Unnamed stretches are pauses where quiet, else part of the phone before."""
    duration = len(samples) / SAMPLE_RATE
    level = float(np.sqrt(np.mean(samples**2)))
    segments: list[PhoneSegment] = []
    for ipa, start, end in timed:
        if end <= start:
            continue
        classes = arpabet_classes(ipa, language)
        if not classes and segments and not _is_pause(samples, start, end, level):
            classes = (segments[-1].name,)
        segments += _share(classes or (SILENCE,), start, end)
    joined = _gapless(segments, duration)
    tails = [_without_tail(s, samples, level) for s, after in pairwise(joined) if after.name == SILENCE]
    ends = {s.start: s.end for s in tails}
    return _gapless([PhoneSegment(s.name, s.start, ends.get(s.start, s.end)) for s in joined], duration)


def _without_tail(segment: PhoneSegment, samples: NDArray[np.float32], level: float) -> PhoneSegment:
    """The last phone before a pause ends where its sound ends: engines give it a part of the pause."""
    hop = SAMPLE_RATE // 100
    part = samples[int(segment.start * SAMPLE_RATE) : int(segment.end * SAMPLE_RATE)]
    frames = part[: len(part) // hop * hop].reshape(-1, hop)
    loud = np.flatnonzero(np.sqrt((frames**2).mean(1)) > _QUIET * level)
    heard = (loud[-1] + 1) * hop / SAMPLE_RATE if len(loud) else 0.0
    return PhoneSegment(segment.name, segment.start, min(segment.end, segment.start + max(heard, _SHORTEST_PAUSE)))


def _is_pause(samples: NDArray[np.float32], start: float, end: float, level: float) -> bool:
    part = samples[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
    return end - start >= _SHORTEST_PAUSE and float(np.sqrt(np.mean(part**2))) < _QUIET * level


def _share(classes: tuple[str, ...], start: float, end: float) -> list[PhoneSegment]:
    """The time of a compound shared among its parts, vowels twice as long as consonants."""
    weights = np.array([2.0 if name in VOWELS else 1.0 for name in classes])
    edges = start + (end - start) * np.concatenate([[0], np.cumsum(weights) / weights.sum()])
    return [PhoneSegment(n, float(a), float(b)) for n, a, b in zip(classes, edges[:-1], edges[1:], strict=True)]


def _gapless(segments: list[PhoneSegment], duration: float) -> list[PhoneSegment]:
    """Silence before, between and after; equal neighbours joined."""
    joined: list[PhoneSegment] = []
    at = 0.0
    for segment in [*segments, PhoneSegment(SILENCE, duration, duration)]:
        start, end = (min(max(t, at), duration) for t in (segment.start, segment.end))
        for name, a, b in ((SILENCE, at, start), (segment.name, start, end)):
            if b <= a:
                continue
            if joined and joined[-1].name == name:
                joined[-1] = PhoneSegment(name, joined[-1].start, b)
            else:
                joined.append(PhoneSegment(name, a, b))
        at = max(at, end)
    return joined
