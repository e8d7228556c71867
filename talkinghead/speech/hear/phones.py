"""The phones that the encoder tells apart: ARPAbet without stress, as pocketsphinx writes it, and silence."""

from __future__ import annotations

SILENCE = "SIL"
PHONES: tuple[str, ...] = (
    SILENCE,
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH",
    "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
PHONE_INDEX: dict[str, int] = {name: i for i, name in enumerate(PHONES)}

BILABIALS = frozenset(["P", "B", "M"])
LABIODENTALS = frozenset(["F", "V"])
