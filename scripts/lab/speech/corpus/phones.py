"""Phones of the corpus: the encoder's classes, the kinds that training and figures ask for, and their times."""

from __future__ import annotations

from dataclasses import dataclass

from talkinghead.speech.hear.phones import BILABIALS, LABIODENTALS, PHONE_INDEX, PHONES, SILENCE

__all__ = ["BILABIALS", "LABIODENTALS", "OPEN_VOWELS", "PHONES", "PHONE_INDEX", "SILENCE", "VOWELS", "PhoneSegment"]

VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])
OPEN_VOWELS = frozenset(["AA", "AE", "AH", "AO", "AY", "AW"])


@dataclass(frozen=True)
class PhoneSegment:
    """One phone of an utterance: `name` from `PHONES`, `start` and `end` in seconds."""

    name: str
    start: float
    end: float
