"""Whether labels sit where the sound is: shifted or wrong phone times are found, not assumed away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from scripts.lab.speech.corpus.alignment import SAMPLE_RATE
from scripts.lab.speech.corpus.phones import SILENCE, VOWELS, PhoneSegment

_HOP = 80  # samples: 5 ms
_WINDOW = 320
_LOW_HZ, _HIGH_HZ = 1200, 3500
_SIBILANTS = frozenset(["S", "Z", "SH", "ZH", "CH", "JH"])
_MOST_SHIFT = 30  # hops


@dataclass(frozen=True)
class LabelFigures:
    """How well labels and sound agree.

    Attributes:
        vowel_auc: of log energy below 1.2 kHz, vowels against all other phones (0.5 is chance).
        sibilant_auc: of the energy's tilt towards high frequencies, sibilants against all other phones.
        lag_ms: shift of the labels at which vowels fit best; negative where the sound comes before its label.
        minutes: amount of speech.
    """

    vowel_auc: float
    sibilant_auc: float
    lag_ms: float
    minutes: float


def check_labels(speech: Iterable[tuple[NDArray[np.float32], list[PhoneSegment]]]) -> LabelFigures:
    """Figures over utterances of 16 kHz sound with their phones."""
    low, tilt, names = [], [], []
    for samples, phones in speech:
        energy, slope = _energies(samples)
        edges = np.searchsorted([p.end for p in phones], (np.arange(len(energy)) * _HOP + _WINDOW / 2) / SAMPLE_RATE)
        names.append(np.array([phones[min(i, len(phones) - 1)].name for i in edges]))
        low.append((energy - energy.mean()) / max(float(energy.std()), 1e-9))
        tilt.append(slope)
    vowels = [np.isin(n, list(VOWELS)) for n in names]
    spoken = np.concatenate(names) != SILENCE
    sibilants = np.isin(np.concatenate(names), list(_SIBILANTS))
    # Vowels against consonants only where there is speech; the lag uses the pauses too.
    fits = [_correlation(low, vowels, shift) for shift in range(-_MOST_SHIFT, _MOST_SHIFT + 1)]
    return LabelFigures(
        _auc(np.concatenate(low)[spoken], np.concatenate(vowels)[spoken]),
        _auc(np.concatenate(tilt)[spoken], sibilants[spoken]),
        (int(np.argmax(fits)) - _MOST_SHIFT) * 1000 * _HOP / SAMPLE_RATE,
        sum(len(n) for n in names) * _HOP / SAMPLE_RATE / 60,
    )


def _energies(samples: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log energy below 1.2 kHz and the log ratio of energy above 3.5 kHz to it, every 5 ms."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2
    hertz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    low = np.log(power[:, hertz < _LOW_HZ].sum(1) + 1e-4)
    high = np.log(power[:, hertz > _HIGH_HZ].sum(1) + 1e-4)
    return low, high - low


def _auc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Share of pairs in which the positive one has the larger score."""
    count = int(positive.sum())
    if count in (0, len(positive)):
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(score) - count)))


def _correlation(low: list[NDArray[np.float64]], vowels: list[NDArray[np.bool_]], shift: int) -> float:
    """Correlation of energy with the vowels' labels moved later by `shift` hops."""
    energy = np.concatenate([e[max(shift, 0) : len(e) + min(shift, 0)] for e in low])
    labels = np.concatenate([v[max(-shift, 0) : len(v) + min(-shift, 0)] for v in vowels]).astype(float)
    return float(np.corrcoef(energy, labels)[0, 1])
