"""Which consonants, vowels and clips go wrong, for somebody who wants to look at them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scripts.lab.speech.corpus.phones import BILABIALS, LABIODENTALS, OPEN_VOWELS, SILENCE
from scripts.lab.speech.measure.clips import Clip
from scripts.lab.speech.measure.closures import CLOSED_SHARE, SLACK, between, correlation
from scripts.lab.speech.measure.lip_figures import TOUCH_MM, shared
from scripts.lab.speech.measure.sources import LipTrack


def wrong_lips(clips: Sequence[Clip], tracks: Sequence[LipTrack], fps: float, count: int) -> list[str]:
    """The worst `count` of each kind: /p b m/ that stay open, /f v/ off the teeth, open vowels that are closed."""
    closed = CLOSED_SHARE * float(np.percentile(np.concatenate([track.aperture for track in tracks]), 95))
    found: dict[str, list[tuple[float, str]]] = {"open": [], "off the teeth": [], "closed": []}
    for clip, track in zip(clips, tracks, strict=True):
        for index, phone in enumerate(clip.phones):
            slack = 0.0 if phone.name in OPEN_VOWELS else SLACK
            curves = (track.aperture, track.aperture if track.teeth is None else track.teeth)
            lips, teeth = (between(curve, fps, phone.start - slack, phone.end + slack) for curve in curves)
            around = " ".join(
                clip.phones[i].name if 0 <= i < len(clip.phones) else SILENCE for i in range(index - 2, index + 3)
            )
            text = f"[{around}] at {phone.start:.2f}-{phone.end:.2f} s of {clip.name}"
            if phone.name in BILABIALS and lips.min(initial=np.inf) >= closed:
                found["open"].append((lips.min(initial=np.inf), f"{lips.min(initial=np.inf):.1f} mm {text}"))
            elif phone.name in LABIODENTALS and track.teeth is not None and teeth.min(initial=np.inf) >= TOUCH_MM:
                found["off the teeth"].append((teeth.min(), f"{teeth.min():.1f} mm {text}"))
            elif phone.name in OPEN_VOWELS and lips.min(initial=np.inf) < closed:
                found["closed"].append((-lips.max(), f"up to {lips.max():.1f} mm {text}"))
    return [f"{kind}: {line}" for kind, rows in found.items() for _, line in sorted(rows, reverse=True)[:count]]


def lowest_r(clips: Sequence[Clip], tracks: Sequence[LipTrack], reference: Sequence[LipTrack], count: int) -> list[str]:
    """The `count` clips whose aperture follows the reference's least."""
    rows = [
        (correlation(*shared(track.aperture, other.aperture)), clip.name)
        for clip, track, other in zip(clips, tracks, reference, strict=True)
    ]
    return [f"r {r:.2f} {name}" for r, name in sorted(rows)[:count]]
