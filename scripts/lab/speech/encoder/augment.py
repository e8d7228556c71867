"""Augmentation of log-mel crops: cheap, and enough for a network that sees nothing but mels.

Everything acts on power per band: noise adds, rooms smear in time, microphones and telephones weight the bands, other
vocal tracts stretch the band axis, other tempos the time axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter

from talkinghead.speech.hear.features import MEL_BANDS, POWER_FLOOR, SAMPLE_RATE, log_mel_stream

Array = NDArray[np.float32]


@dataclass(frozen=True)
class AugmentOptions:
    """Probabilities of the parts of an augmentation, and their ranges."""

    noise: float = 0.6
    noise_snr_db: tuple[float, float] = (3.0, 40.0)
    reverb: float = 0.35
    reverb_seconds: tuple[float, float] = (0.15, 0.9)
    equaliser: float = 0.7
    equaliser_db: float = 8.0
    band_limit: float = 0.35
    warp: float = 0.6
    warp_range: tuple[float, float] = (0.90, 1.11)
    tempo: float = 0.5
    tempo_range: tuple[float, float] = (0.85, 1.18)
    gain_db: tuple[float, float] = (-22.0, 14.0)
    pool_seconds: int = 16  # length of each noise


def noise_pool(rng: np.random.Generator, speech: list[Array], seconds: int) -> list[Array]:
    """Log-mels of sounds without speech for us: coloured noise, hum, tones, clicks, and babble of six `speech` mels."""
    count = seconds * SAMPLE_RATE
    pool = []
    for slope in (0.0, 0.5, 1.0, 1.5, -0.5):
        spectrum = np.fft.rfft(rng.standard_normal(count))
        spectrum *= np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), 20) ** -slope
        pool.append(_mel_of(np.fft.irfft(spectrum, count)))
    pool += [_mel_of(_chords(rng, count)) for _ in range(3)]
    pool += [_mel_of(_hum(rng, count)), _mel_of(_clicks(rng, count))]
    for _ in range(4):
        chosen = [_looped(speech[int(i)], seconds * 100, rng) for i in rng.choice(len(speech), 6, replace=False)]
        pool.append(np.log(np.mean([np.exp(c) for c in chosen], 0) + POWER_FLOOR).astype(np.float32))
    return pool


def _mel_of(samples: NDArray[np.float64]) -> Array:
    samples = samples * (0.1 / max(float(samples.std()), 1e-9))
    return np.concatenate(list(log_mel_stream([samples.astype(np.float32)])))


def _chords(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Music-like: notes with harmonics, struck every third of a second."""
    held = int(1.2 * SAMPLE_RATE)
    time = np.arange(held) / SAMPLE_RATE
    sound = np.zeros(count + held)
    for start in range(0, count, SAMPLE_RATE // 3):
        envelope = np.exp(-time * rng.uniform(2, 8))
        for note in 110 * 2 ** (rng.integers(0, 36, 3) / 12):
            tone = sum(np.sin(2 * np.pi * note * h * time) / h**1.2 for h in range(1, 4))
            sound[start : start + held] += envelope * tone
    return sound[:count]


def _hum(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    time = np.arange(count) / SAMPLE_RATE
    tones = sum(rng.uniform(0.1, 1) * np.sin(2 * np.pi * 50 * h * time) / h for h in range(1, 12))
    return tones + 0.02 * rng.standard_normal(count)


def _clicks(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Keyboard-like: short decaying bursts over a faint floor."""
    impulses = (rng.random(count) < 6 / SAMPLE_RATE) * rng.uniform(0.2, 1, count)
    burst = rng.standard_normal(400) * np.exp(-np.arange(400) / 60)
    return np.asarray(fftconvolve(impulses, burst)[:count]) + 0.002 * rng.standard_normal(count)


def _looped(mel: Array, frames: int, rng: np.random.Generator) -> Array:
    start = int(rng.integers(len(mel)))
    return mel[(start + np.arange(frames)) % len(mel)]


def augment(mel: Array, pool: list[Array], rng: np.random.Generator, options: AugmentOptions) -> Array:
    """One random recording condition of the crop `mel [n, bands]` (log power)."""
    if rng.random() < options.warp:
        mel = _warped(mel, rng.uniform(*options.warp_range))
    power = np.exp(mel)
    if rng.random() < options.reverb:
        power = _reverberant(power, rng.uniform(*options.reverb_seconds), rng.uniform(0.05, 0.5))
    response = np.zeros(MEL_BANDS)
    if rng.random() < options.equaliser:
        response += _random_response(rng, options.equaliser_db)
    if rng.random() < options.noise:
        noise = np.exp(_looped(pool[int(rng.integers(len(pool)))], len(mel), rng))
        loud = np.percentile(power.sum(1), 90) / max(float(noise.sum(1).mean()), 1e-12)
        power = power + noise * loud * 10 ** (-rng.uniform(*options.noise_snr_db) / 10)
    if rng.random() < options.band_limit:
        response += _band_limit(rng)
    level = rng.uniform(*options.gain_db)
    power = power * 10 ** ((response + level) / 10)
    hiss = 10 ** (rng.uniform(-100, -62) / 10) / MEL_BANDS * rng.gamma(4, 0.25, power.shape)
    return np.log(power + hiss + POWER_FLOOR).astype(np.float32)


def _warped(mel: Array, factor: float) -> Array:
    position = np.clip(np.arange(MEL_BANDS) * factor, 0, MEL_BANDS - 1)
    low = np.minimum(position.astype(int), MEL_BANDS - 2)
    weight = (position - low).astype(np.float32)
    return mel[:, low] * (1 - weight) + mel[:, low + 1] * weight


def _reverberant(power: Array, seconds: float, share: float) -> Array:
    """Late reverberation: an exponential tail of every band's energy, 60 dB down after `seconds`."""
    decay = 10 ** (-6 * 0.01 / seconds)
    tail = lfilter([1 - decay], [1, -decay], power, axis=0)
    return (power * (1 - share) + tail * share).astype(np.float32)


def _random_response(rng: np.random.Generator, size_db: float) -> NDArray[np.float64]:
    x = np.linspace(0, 1, MEL_BANDS)
    waves = sum(rng.normal() * np.cos(np.pi * k * x + rng.uniform(0, 6.28)) / k for k in (1, 2, 3, 5))
    return size_db * 0.6 * np.asarray(waves)


def _band_limit(rng: np.random.Generator) -> NDArray[np.float64]:
    """A telephone's or codec's edges: 20 to 60 dB down beyond a random upper and sometimes a lower band."""
    x = np.arange(MEL_BANDS)
    upper = rng.integers(int(0.66 * MEL_BANDS), MEL_BANDS)
    response = -rng.uniform(20, 60) * np.clip((x - upper) / 3, 0, 1)
    if rng.random() < 0.5:
        response += -rng.uniform(10, 40) * np.clip((rng.integers(1, 9) - x) / 3, 0, 1)
    return response
