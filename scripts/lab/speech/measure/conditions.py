"""Speech as it comes: noise, small bands, rooms, levels. All seeded, none moves the sound in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, resample_poly, sosfiltfilt

from scripts.lab.speech.corpus.alignment import SAMPLE_RATE

Array = NDArray[np.float32]
Condition = Callable[[Array], Array]  # [N] 16 kHz -> [N]


def conditions(babble: Sequence[Array], seed: int = 0) -> dict[str, Condition]:
    """What the bars ask for, and a little more; `babble`: recordings of which six speak in the background."""
    return {
        "white noise, 10 dB SNR": lambda x: with_noise(x, _white(len(x), seed), 10),
        "babble, 10 dB SNR": lambda x: with_noise(x, babble_of(babble, len(x), seed), 10),
        "8 kHz sampling": eight_kilohertz,
        "telephone, 300-3400 Hz": telephone,
        "reverberation, RT60 0.5 s": lambda x: reverberant(x, 0.5, seed),
        "-20 dB": lambda x: gained(x, -20),
        "+20 dB": lambda x: gained(x, 20),
        "+20 dB, clipped at full scale": lambda x: np.clip(gained(x, 20), -1, 1),
    }


def with_noise(samples: Array, noise: Array, snr_db: float) -> Array:  # [N], [N]
    """Noise at this ratio to the speech, whose level is its active part's: frames within 30 dB of the loudest."""
    level, other = active_power(samples), float((noise.astype(np.float64) ** 2).mean())
    scale = np.sqrt(level / max(other, 1e-20) * 10 ** (-snr_db / 10))
    return (samples + noise * np.float32(scale)).astype(np.float32)


def active_power(samples: Array) -> float:
    """Mean power of the 20 ms frames that are within 30 dB of the loudest."""
    frame = SAMPLE_RATE // 50
    power = (samples[: len(samples) // frame * frame].astype(np.float64).reshape(-1, frame) ** 2).mean(1)
    return float(power[power > power.max() * 1e-3].mean())


def _white(count: int, seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


def babble_of(recordings: Sequence[Array], count: int, seed: int) -> Array:  # -> [count]
    """Six voices at one level, each looped from a random place."""
    rng = np.random.default_rng(seed)
    total = np.zeros(count, np.float32)
    for index in rng.choice(len(recordings), 6, replace=len(recordings) < 6):
        voice = recordings[int(index)]
        place = int(rng.integers(len(voice)))
        repeats = -(-(count + place) // len(voice))
        looped = np.tile(voice, repeats)[place : place + count]
        total += looped / np.float32(np.sqrt(active_power(voice)) + 1e-12)
    return total


def eight_kilohertz(samples: Array) -> Array:
    """Sampled down to 8 kHz and up again: nothing above 4 kHz is left."""
    return resample_poly(resample_poly(samples, 1, 2), 2, 1)[: len(samples)].astype(np.float32)


def telephone(samples: Array) -> Array:
    """300 to 3400 Hz."""
    band = butter(4, (300, 3400), btype="bandpass", fs=SAMPLE_RATE, output="sos")
    return sosfiltfilt(band, samples).astype(np.float32)


def reverberant(samples: Array, rt60: float, seed: int) -> Array:
    """A room: the direct sound and, equally strong, noise that decays by 60 dB in `rt60` seconds."""
    rng = np.random.default_rng(seed)
    times = np.arange(int(rt60 * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(times)) * 10 ** (-3 * times / rt60)
    tail /= np.sqrt((tail**2).sum())
    tail[0] += 1
    return fftconvolve(samples, tail)[: len(samples)].astype(np.float32)


def gained(samples: Array, decibels: float) -> Array:
    """Louder or quieter."""
    return (samples * np.float32(10 ** (decibels / 20))).astype(np.float32)
