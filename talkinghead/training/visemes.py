"""What each phone asks of the mouth: targets of the open pose, and how firmly it asks.

Amplitudes are those of calm conversation on the CC0 head, where jawOpen 0.1 parts the lips by 3.5 mm. Chosen by us from
articulatory descriptions and by looking at renders of this head.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Viseme:
    """Targets of a phone, ARKit weights 0..1 (what is not named is 0), and its dominance.

    Attributes:
        targets: channel -> weight.
        jaw, shape: how strongly the phone holds the jaw, and the shape of the lips, against its neighbours (0..1).
        glide: phone whose targets it ends with (diphthongs), or None.
    """

    targets: MappingProxyType[str, float]
    jaw: float
    shape: float
    glide: str | None = None


def _viseme(jaw: float, shape: float, glide: str | None = None, /, **targets: float) -> Viseme:
    return Viseme(MappingProxyType(targets), jaw, shape, glide)


VISEMES: dict[str, Viseme] = {
    "SIL": _viseme(0.5, 0.5),
    "AA": _viseme(1.0, 0.7, jawOpen=0.36, mouthLowerDown=0.12, mouthUpperUp=0.06),
    "AE": _viseme(1.0, 0.8, jawOpen=0.32, mouthStretch=0.12, mouthLowerDown=0.18, mouthUpperUp=0.14, mouthSmile=0.05),
    "AH": _viseme(0.8, 0.5, jawOpen=0.23, mouthLowerDown=0.08, mouthUpperUp=0.05),
    "AO": _viseme(1.0, 0.9, jawOpen=0.30, mouthFunnel=0.16, mouthPucker=0.26),
    "AW": _viseme(1.0, 0.8, "UH", jawOpen=0.34, mouthLowerDown=0.10, mouthUpperUp=0.06),
    "AY": _viseme(1.0, 0.8, "IH", jawOpen=0.35, mouthLowerDown=0.12, mouthUpperUp=0.08),
    "EH": _viseme(0.9, 0.7, jawOpen=0.23, mouthStretch=0.10, mouthLowerDown=0.16, mouthUpperUp=0.10, mouthSmile=0.05),
    "ER": _viseme(0.8, 0.8, jawOpen=0.15, mouthFunnel=0.12, mouthPucker=0.26),
    "EY": _viseme(0.9, 0.8, "IY", jawOpen=0.20, mouthStretch=0.14, mouthLowerDown=0.16, mouthUpperUp=0.10,
                  mouthSmile=0.08),
    "IH": _viseme(0.8, 0.6, jawOpen=0.14, mouthStretch=0.10, mouthLowerDown=0.14, mouthUpperUp=0.08, mouthSmile=0.05),
    "IY": _viseme(0.9, 0.9, jawOpen=0.09, mouthStretch=0.20, mouthLowerDown=0.18, mouthUpperUp=0.10, mouthSmile=0.14,
                  mouthDimple=0.06),
    "OW": _viseme(0.9, 1.0, "UW", jawOpen=0.22, mouthFunnel=0.20, mouthPucker=0.42),
    "OY": _viseme(1.0, 0.9, "IH", jawOpen=0.26, mouthFunnel=0.18, mouthPucker=0.36),
    "UH": _viseme(0.8, 0.9, jawOpen=0.14, mouthFunnel=0.14, mouthPucker=0.38),
    "UW": _viseme(0.9, 1.0, jawOpen=0.09, mouthFunnel=0.16, mouthPucker=0.60),
    "W": _viseme(0.7, 1.0, jawOpen=0.06, mouthFunnel=0.12, mouthPucker=0.68),
    "R": _viseme(0.5, 0.7, jawOpen=0.10, mouthFunnel=0.18, mouthPucker=0.32),
    "Y": _viseme(0.5, 0.5, jawOpen=0.08, mouthStretch=0.16, mouthSmile=0.10, mouthLowerDown=0.10),
    "L": _viseme(0.35, 0.15, jawOpen=0.16, mouthLowerDown=0.10, mouthUpperUp=0.06),
    "T": _viseme(0.5, 0.10, jawOpen=0.08, mouthLowerDown=0.12, mouthUpperUp=0.06),
    "D": _viseme(0.5, 0.10, jawOpen=0.09, mouthLowerDown=0.12, mouthUpperUp=0.06),
    "N": _viseme(0.4, 0.10, jawOpen=0.10, mouthLowerDown=0.10, mouthUpperUp=0.05),
    "S": _viseme(0.95, 0.30, jawOpen=0.045, mouthStretch=0.14, mouthLowerDown=0.26, mouthUpperUp=0.14),
    "Z": _viseme(0.95, 0.30, jawOpen=0.045, mouthStretch=0.12, mouthLowerDown=0.24, mouthUpperUp=0.13),
    "SH": _viseme(0.95, 0.95, jawOpen=0.05, mouthFunnel=0.34, mouthPucker=0.26, mouthLowerDown=0.10, mouthUpperUp=0.10),
    "ZH": _viseme(0.95, 0.90, jawOpen=0.05, mouthFunnel=0.32, mouthPucker=0.26, mouthLowerDown=0.10, mouthUpperUp=0.10),
    "CH": _viseme(0.95, 0.90, jawOpen=0.05, mouthFunnel=0.32, mouthPucker=0.26, mouthLowerDown=0.10, mouthUpperUp=0.10),
    "JH": _viseme(0.95, 0.90, jawOpen=0.05, mouthFunnel=0.30, mouthPucker=0.26, mouthLowerDown=0.10, mouthUpperUp=0.10),
    "TH": _viseme(0.8, 0.30, jawOpen=0.11, tongueOut=0.26, mouthLowerDown=0.14, mouthUpperUp=0.08),
    "DH": _viseme(0.6, 0.20, jawOpen=0.11, tongueOut=0.18, mouthLowerDown=0.12, mouthUpperUp=0.06),
    "K": _viseme(0.35, 0.08, jawOpen=0.12, mouthLowerDown=0.08),
    "G": _viseme(0.35, 0.08, jawOpen=0.12, mouthLowerDown=0.08),
    "NG": _viseme(0.35, 0.08, jawOpen=0.13, mouthLowerDown=0.08),
    "HH": _viseme(0.10, 0.05, jawOpen=0.16),
    "P": _viseme(0.6, 0.10, jawOpen=0.07),
    "B": _viseme(0.6, 0.10, jawOpen=0.07),
    "M": _viseme(0.6, 0.10, jawOpen=0.06),
    "F": _viseme(0.8, 0.35, jawOpen=0.06, mouthStretch=0.04),
    "V": _viseme(0.8, 0.35, jawOpen=0.06, mouthStretch=0.04),
}  # fmt: skip
