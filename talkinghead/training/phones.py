"""The phone set of the corpus: ARPAbet without stress, as pocketsphinx writes it, and silence."""

from __future__ import annotations

from dataclasses import dataclass

SILENCE = "SIL"
PHONES: tuple[str, ...] = (
    SILENCE,
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH",
    "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
PHONE_INDEX: dict[str, int] = {name: i for i, name in enumerate(PHONES)}

VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])
OPEN_VOWELS = frozenset(["AA", "AE", "AH", "AO", "AY", "AW"])
BILABIALS = frozenset(["P", "B", "M"])
LABIODENTALS = frozenset(["F", "V"])


@dataclass(frozen=True)
class PhoneSegment:
    """One phone of an utterance: `name` from `PHONES`, `start` and `end` in seconds."""

    name: str
    start: float
    end: float
