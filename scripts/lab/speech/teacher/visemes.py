"""What each phone asks of the mouth: targets of the open pose, and how firmly it asks.

`HAND_MADE` was chosen by us from articulatory descriptions and by looking at renders of the CC0 head, where jawOpen 0.1
parts the lips by 3.5 mm. `CALIBRATED` comes from it by least squares on filmed lips (`training.calibrate`), is kept in
`visemes.json` and is what the teacher uses. It is derived from the GRID corpus (Cooke, Barker, Cunningham, Shao 2006,
CC BY 4.0).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

TABLE_FILE = Path(__file__).with_name("visemes.json")


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


@dataclass(frozen=True)
class VisemeTable:
    """The targets of all phones, and how fast dominances fall ahead of a phone and after it.

    Attributes:
        visemes: phone -> viseme.
        jaw_rates, lip_rates, rounding_rates: 1/s, (ahead of the phone, after it).
        floor: weight of the neutral mouth against dominances of at most about 1.
        lead: s by which the mouth is ahead of the sound.
    """

    visemes: Mapping[str, Viseme]
    jaw_rates: tuple[float, float]
    lip_rates: tuple[float, float]
    rounding_rates: tuple[float, float]
    floor: float
    lead: float


_HAND_MADE: dict[str, Viseme] = {
    "SIL": _viseme(0.5, 0.5),
    "AA": _viseme(1.0, 0.7, jawOpen=0.36, mouthLowerDown=0.12, mouthUpperUp=0.06),
    "AE": _viseme(1.0, 0.8, jawOpen=0.32, mouthStretch=0.12, mouthLowerDown=0.18, mouthUpperUp=0.14, mouthSmile=0.05),
    "AH": _viseme(0.8, 0.5, jawOpen=0.23, mouthLowerDown=0.08, mouthUpperUp=0.05),
    "AO": _viseme(1.0, 0.9, jawOpen=0.30, mouthFunnel=0.16, mouthPucker=0.26),
    "AW": _viseme(1.0, 0.8, "UW", jawOpen=0.34, mouthLowerDown=0.10, mouthUpperUp=0.06),
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

# Phones that round the lips: what rounds early and ends late.
ROUNDED = frozenset(name for name, viseme in _HAND_MADE.items() if "mouthPucker" in viseme.targets)

HAND_MADE = VisemeTable(MappingProxyType(_HAND_MADE), (22.0, 22.0), (20.0, 20.0), (11.0, 11.0), 0.02, 0.02)

_NUMBERS = ("jaw_rates", "lip_rates", "rounding_rates", "floor", "lead")


def save_table(path: Path, table: VisemeTable, provenance: str) -> None:
    """Write a table as JSON, a line per phone."""
    head = {"provenance": provenance, **{name: getattr(table, name) for name in _NUMBERS}}
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    phones = [
        f"    {json.dumps(name)}: "
        + json.dumps({"jaw": v.jaw, "shape": v.shape, "glide": v.glide, "targets": dict(v.targets)})
        for name, v in table.visemes.items()
    ]
    path.write_text("\n".join(["{", *lines, '  "visemes": {', ",\n".join(phones), "  }", "}", ""]), encoding="utf-8")


def load_table(path: Path = TABLE_FILE) -> VisemeTable:
    """Read what `save_table` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))
    visemes = {
        name: Viseme(MappingProxyType(v["targets"]), v["jaw"], v["shape"], v["glide"])
        for name, v in data["visemes"].items()
    }
    pairs = {name: (float(data[name][0]), float(data[name][1])) for name in _NUMBERS[:3]}
    return VisemeTable(MappingProxyType(visemes), floor=data["floor"], lead=data["lead"], **pairs)


CALIBRATED = load_table()
