"""The bars that the figures have to meet, and tables of both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.lab.speech.corpus.languages import ESPEAK_VOICES

Figures = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """A figure that must lie from `low` to `high`; `path` leads to it through the nested figures."""

    what: str
    path: tuple[str, ...]
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""

    def wanted(self) -> str:
        """The bar in words."""
        if math.isinf(self.low):
            return f"<= {self.high:g}{self.unit}"
        return f">= {self.low:g}{self.unit}" if math.isinf(self.high) else f"{self.low:g}-{self.high:g}{self.unit}"


def _lip_bars() -> Iterator[Bar]:
    one, others = ("grid", "speaker 1", "ours"), ("grid", "other speakers", "ours")
    yield Bar("GRID: lip aperture r with the measured one", (*one, "r"), low=0.72)
    yield Bar("GRID, other speakers: the same", (*others, "r"), low=0.72)
    yield Bar("GRID: lag", (*one, "lag"), -1, 1, " frames")
    yield Bar("LibriVox: channel r with the teacher", ("librivox", "ours", "r_channels"), low=0.80)
    yield Bar("LibriVox: aperture r with the teacher", ("librivox", "ours", "r"), low=0.80)
    yield Bar("LibriVox: /p b m/ closed", ("librivox", "ours", "bilabial_closure"), low=92, unit=" %")
    yield Bar("GRID: /p b m/ closed", (*one, "bilabial_closure"), low=88, unit=" %")
    for name, path in (("LibriVox", ("librivox", "ours")), ("GRID", one)):
        yield Bar(f"{name}: /f v/ lip at the teeth", (*path, "labiodental_touch"), low=85, unit=" %")
        yield Bar(f"{name}: /f v/ aperture under p95 / 3", (*path, "labiodental_near"), low=85, unit=" %")
        yield Bar(f"{name}: open vowels wrongly closed", (*path, "false_closure"), high=4, unit=" %")


def _other_bars() -> Iterator[Bar]:
    for name in ("librivox", "grid", "silence put in", "room noise put in, -50 dB"):
        yield Bar(f"silence, {name}: aperture std over p95", ("silence", name, "std"), high=2, unit=" %")
    ours = ("distribution", "ours")
    for what, part, which in (
        ("mouth, five measures", "mouth", ""), ("lip aperture", "mouth", "_aperture"), ("head", "head", ""),
        ("head, yaw and roll", "head", "_yaw_roll"),
    ):  # fmt: skip
        yield Bar(f"{what}: std over real", (*ours, f"{part}_std{which}"), 0.85, 1.15)
        yield Bar(f"{what}: velocity over real", (*ours, f"{part}_velocity{which}"), 0.8, 1.2)
    yield Bar("blinks per second", (*ours, "blinks_per_s"), 0.2, 0.6)
    yield Bar("blinks of 100-400 ms", (*ours, "blinks_100_400ms"), low=90, unit=" %")  # windows cut some short
    yield Bar("beat alignment over real", ("distribution", "beat_ratio"), 0.8, 1.2)
    yield Bar("10 seeds: aperture r", ("distribution", "seeds", "aperture_r"), low=0.97)
    yield Bar("10 seeds: head std across over within", ("distribution", "seeds", "head_spread"), low=0.5)
    yield Bar("real-time factor, one core", ("speed", "real_time_factor", "cpu"), high=0.08)
    yield Bar("streaming latency", ("speed", "stream", "latency_ms"), high=150, unit=" ms")
    yield Bar("peak memory of an hour", ("hour", "hour", "peak_mb"), high=400, unit=" MB")


def bars(figures: Figures) -> list[Bar]:
    """All bars; of conditions and of voices in other languages the worst stands for all."""
    found = list(_lip_bars())
    for data, rows in figures.get("robustness", {}).items():
        for key, what in (("r_kept", "r"), ("bilabial_closure_kept", "closure")):
            changed = {name: row[key] for name, row in rows.items() if key in row}
            if changed:
                name = min(changed, key=changed.__getitem__)
                text = f"{data}: {what} over clean, worst of {len(changed)} conditions ({name})"
                found.append(Bar(text, ("robustness", data, name, key), low=0.9))
    voices = {name: row["bilabial_closure"] for name, row in figures.get("languages", {}).items() if _foreign(name)}
    if voices:
        name = min(voices, key=voices.__getitem__)
        text = f"other languages: /p b m/ closed, worst of {len(voices)} voices ({name})"
        found.append(Bar(text, ("languages", name, "bilabial_closure"), low=80, unit=" %"))
    return found + list(_other_bars())


def _foreign(voice: str) -> bool:
    """The corpus' voices of other languages end in the language."""
    return voice.rpartition("_")[2] in ESPEAK_VOICES


def value_of(figures: Figures, path: Sequence[str]) -> float | None:
    """The figure at a path; None where it was not measured."""
    place: Any = figures
    for key in path:
        if not isinstance(place, dict) or key not in place:
            return None
        place = place[key]
    return float(place)


def bar_table(figures: Figures) -> str:
    """A Markdown table of the bars whose figures were measured."""
    lines = ["| what | figure | bar | |", "|---|---|---|---|"]
    for bar in bars(figures):
        value = value_of(figures, bar.path)
        if value is not None:
            met = "met" if bar.low <= value <= bar.high else "missed"
            lines.append(f"| {bar.what} | {value:.3g}{bar.unit} | {bar.wanted()} | {met} |")
    return "\n".join(lines)


# Keys of a figure in the order of columns: how it is found, its title, its format.
_Columns = Sequence[tuple[str, str, str]]
_METHODS: _Columns = (
    ("r", "r", ".3f"), ("r_channels", "channel r", ".3f"), ("lag", "lag", "+.0f"),
    ("bilabial_closure", "p b m closed", ".1f"), ("labiodental_touch", "f v at the teeth", ".1f"),
    ("labiodental_near", "f v < p95/3", ".1f"), ("false_closure", "vowels closed", ".1f"), ("p95", "p95, mm", ".1f"),
)  # fmt: skip
_CONDITIONS: _Columns = (
    ("r", "r", ".3f"), ("r_kept", "over clean", ".2f"), ("bilabial_closure", "p b m closed", ".1f"),
    ("bilabial_closure_kept", "over clean", ".2f"), ("false_closure", "vowels closed", ".1f"),
)  # fmt: skip
_VOICES: _Columns = (
    ("bilabials", "p b m", ".0f"), ("bilabial_closure", "closed", ".1f"),
    ("labiodental_touch", "f v at the teeth", ".1f"), ("false_closure", "vowels closed", ".1f"),
)  # fmt: skip


def method_table(rows: Figures) -> str:
    """Methods on the same clips."""
    return _table(rows, _METHODS)


def condition_table(rows: Figures) -> str:
    """Our lips under each condition."""
    return _table(rows, _CONDITIONS)


def voice_table(rows: Figures) -> str:
    """Our lips on each development voice."""
    return _table(rows, _VOICES)


def _table(rows: Figures, columns: _Columns) -> str:
    """A Markdown table of the columns that some row has."""
    columns = [column for column in columns if any(column[0] in row for row in rows.values())]
    lines = [f"| | {' | '.join(title for _, title, _ in columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        cells = [format(row[key], form) if key in row else "" for key, _, form in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
