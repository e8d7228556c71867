"""Sounds without words, made by us, at which the mouth rests: noises, music-like chords, laughter, breath, coughs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from scripts.lab.speech.corpus.alignment import SAMPLE_RATE

Samples = NDArray[np.float32]
_SECONDS = 6.0
_COUNT = int(_SECONDS * SAMPLE_RATE)


def disturbance(kind: str, rng: np.random.Generator) -> Samples:  # [N] 16 kHz, peak 0.02..0.8 (silence: below 0.003)
    """Six seconds of one kind of `KINDS`."""
    sound = KINDS[kind](rng)
    quietest, loudest = (1e-4, 3e-3) if kind == "silence" else (0.02, 0.8)
    peak = float(np.exp(rng.uniform(np.log(quietest), np.log(loudest))))
    return (sound * (peak / max(float(np.abs(sound).max()), 1e-9))).astype(np.float32)


def _silence(rng: np.random.Generator) -> Samples:
    """The noise of a microphone."""
    return _coloured(rng, rng.uniform(0, 1))


def _noise(rng: np.random.Generator) -> Samples:
    """White to brown noise, its level wandering."""
    return _coloured(rng, rng.uniform(0, 2)) * _wander(rng)


def _hum(rng: np.random.Generator) -> Samples:
    """Mains and machines: steady harmonics in noise."""
    t = _time()
    base = rng.choice([50.0, 60.0, 100.0, rng.uniform(30, 240)])
    tone = sum(rng.random() / n * np.sin(2 * np.pi * n * base * t + rng.uniform(0, 6)) for n in range(1, 12))
    return _as_samples(tone + 0.2 * _coloured(rng, 1.0))


def _music(rng: np.random.Generator) -> Samples:
    """Chords of plucked or held tones with harmonics, on a regular beat."""
    t = _time()
    beat = rng.uniform(0.25, 1.0)
    sound = np.zeros(_COUNT)
    decay = rng.uniform(0.5, 6)
    for start in np.arange(0, _SECONDS, beat):
        after = np.maximum(t - start, 0)
        envelope = (t >= start) * np.exp(-decay * after) * (1 - np.exp(-after / 0.01))
        root = 110 * 2 ** (rng.integers(0, 24) / 12)
        for interval in rng.choice([0, 3, 4, 7, 10, 12, 16], size=int(rng.integers(1, 5)), replace=False):
            hertz = root * 2 ** (interval / 12)
            for harmonic in range(1, int(rng.integers(2, 9))):
                if hertz * harmonic < SAMPLE_RATE / 2:
                    sound += envelope * np.sin(2 * np.pi * hertz * harmonic * after) / harmonic ** rng.uniform(0.8, 2)
    return _as_samples(sound)


def _laughter(rng: np.random.Generator) -> Samples:
    """Bursts of breathy voice, four to six a second, falling in pitch and level."""
    t = _time()
    sound = np.zeros(_COUNT)
    at = rng.uniform(0, 0.5)
    while at < _SECONDS:
        pitch = rng.uniform(130, 420)
        period = 1 / rng.uniform(4, 6.5)
        for number in range(int(rng.integers(3, 10))):
            start = at + number * period
            window = _burst(t, start, period * rng.uniform(0.4, 0.65)) * 0.88**number
            hertz = pitch * 0.97**number
            voice = (2 * ((hertz * t) % 1) - 1) + 0.5 * rng.standard_normal(_COUNT)
            sound += window * voice
        at += 10 * period + rng.uniform(0.4, 1.5)
    return _as_samples(_formants(sound, rng.uniform(0.85, 1.2)) + 0.002 * rng.standard_normal(_COUNT))


def _breath(rng: np.random.Generator) -> Samples:
    """Slow gusts of noise through a throat."""
    t = _time()
    rate = rng.uniform(0.25, 0.6)
    gusts = np.clip(np.sin(2 * np.pi * rate * t + rng.uniform(0, 6)), 0, None) ** rng.uniform(0.7, 2)
    return _as_samples(_formants(gusts * rng.standard_normal(_COUNT), rng.uniform(0.8, 1.3)))


def _coughs(rng: np.random.Generator) -> Samples:
    """Hard onsets of noise with a short voiced tail."""
    t = _time()
    sound = 1e-3 * rng.standard_normal(_COUNT)
    for start in np.sort(rng.uniform(0, _SECONDS - 0.5, size=int(rng.integers(2, 7)))):
        after = np.maximum(t - start, 0)
        attack = (t >= start) * np.exp(-after / rng.uniform(0.04, 0.12))
        tail = (t >= start + 0.08) * np.exp(-after / 0.15)
        sound += attack * rng.standard_normal(_COUNT) + 0.3 * tail * (2 * ((rng.uniform(90, 250) * t) % 1) - 1)
    return _as_samples(_formants(sound, rng.uniform(0.8, 1.2)))


def _clicks(rng: np.random.Generator) -> Samples:
    """Keys, knocks and steps: short resonances at random times."""
    t = _time()
    sound = 1e-3 * rng.standard_normal(_COUNT)
    for start in rng.uniform(0, _SECONDS, size=int(rng.integers(4, 50))):
        after = np.maximum(t - start, 0)
        hertz = np.exp(rng.uniform(np.log(80), np.log(5000)))
        decay = np.exp(-after * rng.uniform(30, 300))
        sound += (t >= start) * decay * np.sin(2 * np.pi * hertz * after) * rng.random()
    return _as_samples(sound)


KINDS: dict[str, Callable[[np.random.Generator], Samples]] = {
    "silence": _silence,
    "noise": _noise,
    "hum": _hum,
    "music": _music,
    "laughter": _laughter,
    "breath": _breath,
    "coughs": _coughs,
    "clicks": _clicks,
}


def _time() -> NDArray[np.float64]:
    return np.arange(_COUNT) / SAMPLE_RATE


def _as_samples(sound: NDArray[np.float64]) -> Samples:
    return sound.astype(np.float32)


def _coloured(rng: np.random.Generator, slope: float) -> Samples:
    """Noise whose amplitude falls as frequency to the power -slope / 2."""
    spectrum = np.fft.rfft(rng.standard_normal(_COUNT))
    spectrum *= np.maximum(np.arange(len(spectrum)), 20) ** (-slope / 2)
    sound = np.fft.irfft(spectrum, _COUNT)
    return _as_samples(sound / sound.std())


def _wander(rng: np.random.Generator) -> Samples:
    """A slowly changing level, 0.1..1."""
    knots = rng.uniform(np.log(0.1), 0, size=10)
    return _as_samples(np.exp(np.interp(_time(), np.linspace(0, _SECONDS, 10), knots)))


def _burst(t: NDArray[np.float64], start: float, length: float) -> NDArray[np.float64]:
    phase = np.clip((t - start) / length, 0, 1)
    return np.sin(np.pi * phase) ** 2


def _formants(sound: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Resonances of a neutral throat (500, 1500, 2500 Hz), scaled, under a falling spectrum."""
    shaped = np.zeros_like(sound)
    for hertz, gain in ((500, 1.0), (1500, 0.4), (2500, 0.2)):
        band = butter(2, np.array([0.8, 1.2]) * hertz * scale, "bandpass", fs=SAMPLE_RATE, output="sos")
        shaped += gain * sosfilt(band, sound)
    return np.asarray(lfilter([1.0], [1.0, -0.5], shaped))
