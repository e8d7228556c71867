"""Figures of mouth motion against aligned phones: closures, false closures, timing (DESIGN section 8)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scripts.lab.speech.corpus.phones import BILABIALS, LABIODENTALS, OPEN_VOWELS, PhoneSegment

Curve = NDArray[np.float64]

CLOSED_SHARE = 0.10  # of the speaker's 95th percentile of aperture
SLACK = 0.04  # s around a consonant within which its closure counts
_INNER_LIPS = (13, 14)  # MediaPipe's points in the middle of the upper and lower inner lip


def mesh_aperture(expression: Tensor) -> Curve:  # [T, 52] -> [T] mm
    """Distance of the inner lips' landmarks on the mean face of the CC0 head."""
    from face3d.model.morphable_model import load_default_model

    model = load_default_model()
    curves = []
    for piece in expression.float().split(256):
        points = model.landmarks478.of(model.vertices(torch.zeros(1), piece))
        curves.append((points[:, _INNER_LIPS[0]] - points[:, _INNER_LIPS[1]]).norm(dim=-1))
    return torch.cat(curves).double().numpy() if curves else np.zeros(0)


@dataclass(frozen=True)
class ClosureCounts:
    """Counts over clips of one speaker; add them up with `+`."""

    bilabials: int = 0
    closed: int = 0
    closed_two_frames: int = 0  # of the bilabials: at least two neighbouring frames
    labiodentals: int = 0
    near: int = 0  # labiodentals below a third of the 95th percentile
    open_vowels: int = 0
    wrongly_closed: int = 0  # any frame within the vowel
    long_vowels: int = 0  # open vowels of 60 ms and more: shorter schwas can lie between two frames
    long_closed: int = 0
    never_open: int = 0  # no frame of the middle half open

    def __add__(self, other: ClosureCounts) -> ClosureCounts:
        return ClosureCounts(*(getattr(self, n) + getattr(other, n) for n in self.__dataclass_fields__))

    def rates(self) -> dict[str, float]:
        """Shares in percent."""
        return {
            "bilabial_closure": 100 * self.closed / max(self.bilabials, 1),
            "bilabial_two_frames": 100 * self.closed_two_frames / max(self.bilabials, 1),
            "labiodental_near": 100 * self.near / max(self.labiodentals, 1),
            "false_closure": 100 * self.wrongly_closed / max(self.open_vowels, 1),
            "false_closure_60ms": 100 * self.long_closed / max(self.long_vowels, 1),
            "vowel_never_open": 100 * self.never_open / max(self.open_vowels, 1),
        }


def count_closures(aperture: Curve, fps: float, phones: list[PhoneSegment], p95: float) -> ClosureCounts:
    """Closures of one clip; `p95` is the speaker's 95th percentile of aperture."""
    threshold = CLOSED_SHARE * p95
    counts = ClosureCounts()
    for phone in phones:
        if phone.name in BILABIALS:
            closed = between(aperture, fps, phone.start - SLACK, phone.end + SLACK) < threshold
            counts += ClosureCounts(
                bilabials=1, closed=int(closed.any()), closed_two_frames=int((closed[1:] & closed[:-1]).any())
            )
        elif phone.name in LABIODENTALS:
            near = between(aperture, fps, phone.start - SLACK, phone.end + SLACK) < p95 / 3
            counts += ClosureCounts(labiodentals=1, near=int(near.any()))
        elif phone.name in OPEN_VOWELS:
            quarter = (phone.end - phone.start) / 4
            whole = between(aperture, fps, phone.start, phone.end)
            middle = between(aperture, fps, phone.start + quarter, phone.end - quarter)
            long = int(phone.end - phone.start > 0.06 - 1e-6)
            counts += ClosureCounts(
                open_vowels=1,
                long_vowels=long,
                long_closed=int(long and bool((whole < threshold).any())),
                wrongly_closed=int((whole < threshold).any()),
                never_open=int(len(middle) > 0 and bool((middle < threshold).all())),
            )
    return counts


def between(curve: Curve, fps: float, start: float, end: float) -> Curve:
    """Values of the frames whose middle lies in the interval; one on an edge belongs to what begins there."""
    middles = (np.arange(len(curve)) + 0.5) / fps
    return curve[(middles > start - 1e-6) & (middles < end - 1e-6)]


def best_lag(curve: Curve, reference: Curve, reach: int = 8) -> tuple[int, float]:
    """Shift of `curve` in frames with the highest correlation, and that correlation; positive: `curve` is late."""
    best = (0, -1.0)
    for lag in range(-reach, reach + 1):
        a = curve[max(lag, 0) : len(curve) + min(lag, 0)]
        b = reference[max(-lag, 0) : len(reference) + min(-lag, 0)]
        r = correlation(a, b)
        if r > best[1]:
            best = (lag, r)
    return best


def correlation(a: Curve, b: Curve) -> float:
    """Pearson's r; 0 where a curve does not move."""
    if len(a) < 3 or a.std() < 1e-9 or b.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def low_band_envelope(samples: NDArray[np.float32], fps: float, frames: int) -> Curve:  # [N] 16 kHz -> [frames]
    """Log energy below 1.2 kHz within each frame's time: where vowels' openings show in the sound."""
    from scipy.signal import butter, sosfiltfilt

    rate = 16_000
    low = sosfiltfilt(butter(4, 1200, fs=rate, output="sos"), samples.astype(np.float64))
    edges = np.minimum((np.arange(frames + 1) * rate / fps).astype(int), len(low))
    energy = [float((low[a:b] ** 2).mean()) if b > a else 0.0 for a, b in itertools.pairwise(edges)]
    return np.log10(np.array(energy) + 1e-7)
