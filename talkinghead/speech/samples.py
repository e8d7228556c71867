"""Sound in arrays, as Python programs have it, as mono 16 kHz."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from face3d.errors import InputError
from talkinghead.speech.hear.features import SAMPLE_RATE

if TYPE_CHECKING:
    from av import AudioFrame

RATES = (4_000, 400_000)  # Hz
_MOST_CHANNELS = 8
# Recordings may overshoot 1; integers that were made floating-point without a division lie far above.
_LOUDEST = 100.0
# {kind of number: (value of silence, largest size)}
_INTEGERS = {"int8": (0, 2**7), "uint8": (128, 2**7), "int16": (0, 2**15), "int32": (0, 2**31)}


def mono_16k(chunks: Iterable[ArrayLike], sample_rate: int = SAMPLE_RATE) -> Iterator[NDArray[np.float32]]:
    """Chunks of one sound as mono 16 kHz: of N samples, ceil(N * 16000 / `sample_rate`).

    Args:
        chunks: [n], [n, channels] or [channels, n] each, of any sizes; floating-point in about -1..1, or integers of 8,
            16 or 32 bits in their own full range. Channels are averaged.
        sample_rate: of the chunks, Hz.

    Raises:
        InputError: a rate or a chunk that is no sound.
    """
    check_rate(sample_rate)
    mono = (to_mono(chunk) for chunk in chunks)
    if sample_rate == SAMPLE_RATE:
        yield from mono
    else:
        yield from _resampled(mono, sample_rate)


def check_rate(sample_rate: int) -> None:
    """Whether a sample rate can be one.

    Raises:
        InputError: it cannot.
    """
    low, high = RATES
    whole = isinstance(sample_rate, int | np.integer) and not isinstance(sample_rate, bool)
    if not whole or not low <= sample_rate <= high:
        raise InputError(f"The sample rate must be a whole number from {low} to {high} Hz, got {sample_rate!r}.")


def to_mono(chunk: ArrayLike) -> NDArray[np.float32]:  # -> [n] about -1..1
    """One chunk of :func:`mono_16k` with its channels averaged, at its own rate.

    Raises:
        InputError: other numbers or shapes, NaN, or numbers far beyond -1..1.
    """
    values = _as_array(chunk)
    kind = values.dtype.name
    if kind in _INTEGERS:
        silence, size = _INTEGERS[kind]
        samples: NDArray[Any] = (values.astype(np.float64) - silence) / size
    elif values.dtype.kind == "f":
        samples = values
    else:
        raise InputError(f"Sound must be floating-point samples in -1..1 or integers of 8, 16 or 32 bits, got {kind}.")
    samples = np.asarray(_fold(samples), np.float32)
    if not np.isfinite(samples).all():
        raise InputError("The speech holds NaN or infinite samples.")
    loudest = float(np.abs(samples).max(initial=0))
    if loudest > _LOUDEST:
        raise InputError(
            f"Floating-point samples must lie in about -1..1, got up to {loudest:.4g}; divide what comes from integers "
            "by their largest value."
        )
    return samples


def _as_array(chunk: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(chunk)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; tensors on a GPU or with a gradient
        reason = " ".join(str(error).split())
        raise InputError(f"The sound cannot be made an array of samples: {reason}") from error


def _fold(samples: NDArray[Any]) -> NDArray[Any]:
    """[n], [n, channels] or [channels, n] -> [n]."""
    if samples.ndim == 1:
        return samples
    if samples.ndim == 2 and min(samples.shape) <= _MOST_CHANNELS < max(samples.shape) and min(samples.shape) > 0:
        return np.asarray(samples.mean(int(np.argmin(samples.shape)), dtype=np.float64))
    raise InputError(
        f"Sound must have the shape [N], [N, channels] or [channels, N] with at most {_MOST_CHANNELS} channels, "
        f"got {list(samples.shape)}."
    )


def _resampled(chunks: Iterable[NDArray[np.float32]], rate: int) -> Iterator[NDArray[np.float32]]:
    from av import AudioFrame
    from av.audio.resampler import AudioResampler

    resampler = AudioResampler("flt", "mono", SAMPLE_RATE)
    heard = given = 0
    for chunk in chunks:
        if not len(chunk):
            continue
        heard += len(chunk)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(chunk[None]), format="flt", layout="mono")
        frame.sample_rate = rate
        for samples in _arrays(resampler.resample(frame)):
            given += len(samples)
            yield samples
    if not heard:
        return
    # The filter's tail is a few samples longer or shorter than the sound.
    missing = math.ceil(heard * SAMPLE_RATE / rate) - given
    tail = np.concatenate([np.zeros(0, np.float32), *_arrays(resampler.resample(None))])
    yield np.pad(tail[: max(missing, 0)], (0, max(missing - len(tail), 0)))


def _arrays(frames: list[AudioFrame]) -> list[NDArray[np.float32]]:
    return [frame.to_ndarray().reshape(-1).astype(np.float32, copy=False) for frame in frames]
