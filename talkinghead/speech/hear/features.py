"""Log-mel features of 16 kHz speech, normalised for level and channel, as streams of constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

SAMPLE_RATE = 16_000
HOP = 160  # samples: 100 frames per second
MEL_BANDS = 64
FEATURES = MEL_BANDS + 2  # normalised bands, loudness below the running peak, audibility

_WINDOW = 400
_FFT = 512
_LOW_HZ, _HIGH_HZ = 50.0, 7_600.0
POWER_FLOOR = 1e-11  # -110 dB, under the noise of any 16-bit recording
_DB = 10 / np.log(10)  # dB per neper of power


@lru_cache(maxsize=1)
def mel_filters() -> Array:  # [257, MEL_BANDS]
    """Triangular bands, equally wide on the mel scale (HTK's formula), each with weights that sum to 1."""
    mels = np.linspace(_to_mel(_LOW_HZ), _to_mel(_HIGH_HZ), MEL_BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    hertz = np.arange(_FFT // 2 + 1) * SAMPLE_RATE / _FFT
    rising = (hertz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz[:, None]) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0, np.minimum(rising, falling))
    # The lowest bands are narrower than a bin: give them the bin that holds their centre.
    nearest = np.abs(hertz[:, None] - edges[1:-1]).argmin(0)
    weights[nearest, np.arange(MEL_BANDS)] += 1e-3
    return (weights / weights.sum(0)).astype(np.float32)


def _to_mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def log_mel(padded: Array) -> Array:  # [240 + 160 n] samples -> [n, MEL_BANDS]
    """Log power of every band; frame i is centred on sample 160 i + 80 of the sound without its 120 zeros in front."""
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(frames * window, _FFT).astype(np.complex64)
    power = (spectrum.real**2 + spectrum.imag**2) * np.float32((2 / window.sum()) ** 2)
    return np.log(power @ mel_filters() + np.float32(POWER_FLOOR))


def log_mel_stream(chunks: Iterable[Array], block: int = 500) -> Iterator[Array]:
    """Log-mels of a sound that comes in chunks of any size, `ceil(samples / 160)` frames in all.

    Frames leave in blocks of `block`, whatever the chunks were, so that the numbers depend on them by rounding only.
    """
    margin = (_WINDOW - HOP) // 2
    need = block * HOP + 2 * margin
    parts: list[Array] = [np.zeros(margin, np.float32)]
    held, total, emitted = margin, 0, 0
    for chunk in chunks:
        parts.append(np.asarray(chunk, np.float32))
        held += len(chunk)
        total += len(chunk)
        if held < need:
            continue
        buffer = np.concatenate(parts)
        while len(buffer) >= need:
            yield log_mel(buffer[:need])
            emitted += block
            buffer = buffer[block * HOP :]
        parts, held = [buffer], len(buffer)
    left = -(-total // HOP) - emitted
    if left > 0:
        buffer = np.concatenate([*parts, np.zeros(_WINDOW, np.float32)])
        yield log_mel(buffer[: left * HOP + 2 * margin])


@dataclass(frozen=True)
class NormaliserOptions:
    """How levels are followed. Fixed with the weights: a trained network expects the options it was trained with."""

    lookahead: int = 150  # frames that the running figures see ahead
    memory: float = 800.0  # frames of active speech after which old ones fade
    prior: float = 15.0  # weight of `MEAN_SPEECH` at the start, in frames
    peak_fall_db: float = 0.02  # per frame: 2 dB/s
    active_db: float = -22.0  # below the running peak: quieter frames do not count as speech
    audible_db: float = -62.0  # absolute (full scale = 0 dB): quieter sound is silence


@dataclass
class LevelNormaliser:
    """Running mean of the speech frames' spectrum, taken off every frame; works on a batch of sounds.

    Gain, microphone and room colour go away; what is quiet *for this recording* stays quiet. State is a few numbers.
    """

    batch: int = 1
    options: NormaliserOptions = field(default_factory=NormaliserOptions)

    def __post_init__(self) -> None:
        self._mean = np.repeat(mean_speech()[None], self.batch, 0)  # [B, bands]
        self._weight = np.full(self.batch, self.options.prior)
        self._peak = np.full(self.batch, self.options.audible_db + 20.0)

    def observe(self, frames: Array, loudness: NDArray[np.float64]) -> tuple[Array, NDArray[np.float64]]:
        """Advance over `frames [B, n, bands]` with `loudness [B, n]`; the mean and peak after each of them."""
        o = self.options
        # The peak falls by the same amount in each frame: with the falls put back, it is a running maximum.
        fallen = o.peak_fall_db * np.arange(1, loudness.shape[1] + 1)
        start = np.maximum(self._peak, o.audible_db + 12.0)[:, None]
        risen = np.concatenate([start, np.maximum(loudness, o.audible_db + 12.0) + fallen], 1)
        peaks = np.maximum.accumulate(risen, 1)[:, 1:] - fallen
        active = _sigmoid((loudness - peaks - o.active_db) / 3) * _sigmoid((loudness - o.audible_db) / 3)
        means = np.empty(frames.shape, np.float32)
        for i in range(frames.shape[1]):
            self._weight = self._weight + active[:, i]
            self._mean += (active[:, i] / self._weight)[:, None] * (frames[:, i] - self._mean)
            self._weight = np.minimum(self._weight, o.memory)
            means[:, i] = self._mean
        if frames.shape[1]:
            self._peak = peaks[:, -1]
        return means, peaks

    def apply(self, frames: Array, loudness: NDArray[np.float64], means: Array, peaks: NDArray[np.float64]) -> Array:
        """`[B, n, FEATURES]` from frames and the figures seen `lookahead` frames later, in about -3..3."""
        bands = np.clip((frames - means) / 2.5, -4, 4)
        below_peak = np.clip((loudness - peaks) / 15, -4, 0.5)
        audible = _sigmoid((loudness - self.options.audible_db) / 4)
        return np.concatenate([bands, below_peak[..., None], audible[..., None]], -1).astype(np.float32)


def mean_speech() -> NDArray[np.float64]:  # [bands]
    """A plain long-term speech spectrum: level to 300 Hz, then -6 dB per octave. The normaliser starts here."""
    mels = np.linspace(_to_mel(_LOW_HZ), _to_mel(_HIGH_HZ), MEL_BANDS + 2)[1:-1]
    hertz = 700 * (10 ** (mels / 2595) - 1)
    return (-36 - 6 * np.log2(np.maximum(hertz, 300) / 300)) / _DB


def loudness_db(frames: Array) -> NDArray[np.float64]:  # [..., n, bands] log power -> [..., n] dB
    """Loudness of each frame: mean over the bands, which favours neither vowels' lows nor fricatives' highs."""
    power = np.exp(frames.astype(np.float64))
    return _DB * np.log(power.mean(-1) * MEL_BANDS)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))


OFFLINE_LEVELS = NormaliserOptions()


def normalised(frames: Array, options: NormaliserOptions = OFFLINE_LEVELS) -> Array:  # [B, n, bands] log-mels
    """Features `[B, n, FEATURES]` of whole sounds at once: what :func:`normalised_stream` gives block by block."""
    normaliser = LevelNormaliser(frames.shape[0], options)
    loudness = loudness_db(frames)
    means, peaks = normaliser.observe(frames, loudness)
    seen = np.minimum(np.arange(frames.shape[1]) + normaliser.options.lookahead, frames.shape[1] - 1)
    return normaliser.apply(frames, loudness, means[:, seen], peaks[:, seen])


def normalised_stream(
    blocks: Iterable[Array], options: NormaliserOptions = OFFLINE_LEVELS
) -> Iterator[tuple[Array, NDArray[np.float64]]]:
    """Features `[n, FEATURES]` and loudness `[n]` (dB below the running peak, <= 0) of a stream of log-mels."""
    normaliser = LevelNormaliser(1, options)
    ahead = normaliser.options.lookahead
    frames, loud = np.zeros((1, 0, MEL_BANDS), np.float32), np.zeros((1, 0))
    means, peaks = frames, loud
    for block in blocks:
        new_loud = loudness_db(block[None])
        new_means, new_peaks = normaliser.observe(block[None], new_loud)
        frames, loud = np.concatenate([frames, block[None]], 1), np.concatenate([loud, new_loud], 1)
        means, peaks = np.concatenate([means, new_means], 1), np.concatenate([peaks, new_peaks], 1)
        ready = frames.shape[1] - ahead
        if ready > 0:
            yield _emit(normaliser, frames[:, :ready], loud[:, :ready], means[:, ahead:], peaks[:, ahead:])
            # Figures of the frames already seen ahead stay: they belong to frames that come out later.
            frames, loud, means, peaks = frames[:, ready:], loud[:, ready:], means[:, ready:], peaks[:, ready:]
    if frames.shape[1]:
        seen = np.minimum(np.arange(frames.shape[1]) + ahead, frames.shape[1] - 1)
        yield _emit(normaliser, frames, loud, means[:, seen], peaks[:, seen])


def _emit(
    normaliser: LevelNormaliser, frames: Array, loud: NDArray[np.float64], means: Array, peaks: NDArray[np.float64]
) -> tuple[Array, NDArray[np.float64]]:
    return normaliser.apply(frames, loud, means, peaks)[0], np.minimum(loud - peaks, 0)[0]
