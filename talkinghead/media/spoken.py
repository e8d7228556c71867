"""What is spoken: the user's recording, samples in memory, or a text made into a recording."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.media.audio import AudioFile

# A file with sound, or (samples, rate): [N] or [N, channels], floats in -1..1 or 16-bit integers, and Hz.
SoundSource: TypeAlias = "str | Path | tuple[NDArray[np.floating] | NDArray[np.int16], int]"
_RATES = (1_000, 768_000)  # Hz
_MOST_CHANNELS = 64


@contextmanager
def sound_of(source: SoundSource | None, text: str | None, seed: int) -> Iterator[AudioFile]:
    """The recording; samples and `text` are written into a temporary file.

    Raises:
        InputError: both or neither are given, or the one given cannot be used.
    """
    check_sound(source, text)
    with ExitStack() as stack:
        path = source
        if not isinstance(source, str | Path):
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="talkinghead-"))) / "speech.wav"
            if text is not None:
                from talkinghead.media.tts import synthesize

                synthesize(text, path, seed)
            elif source is not None:
                _write_samples(path, source)
        assert isinstance(path, str | Path)  # noqa: S101 - one of them was given
        yield AudioFile.open(path)


def check_sound(source: SoundSource | None, text: str | None) -> None:
    """Refuse both and neither.

    Raises:
        InputError: not exactly one is given.
    """
    if (source is None) == (text is None):
        raise InputError("Give either a recording (--audio) or words to say (--text).")


def _write_samples(path: Path, source: object) -> None:
    """Samples in memory as a WAV file.

    Raises:
        InputError: they are no (samples, rate), empty, of a kind that is not taken, or not finite.
    """
    from scipy.io import wavfile

    if not (isinstance(source, tuple) and len(source) == 2):
        raise InputError(f"A sound must be a path or (samples, rate), got {type(source).__name__}.")
    samples, rate = np.asarray(source[0]), source[1]
    if not isinstance(rate, int | np.integer) or not _RATES[0] <= rate <= _RATES[1]:
        raise InputError(f"The sound's rate must be {_RATES[0]} to {_RATES[1]} samples a second, got {rate!r}.")
    if samples.ndim not in (1, 2) or not samples.size or (samples.ndim == 2 and samples.shape[1] > _MOST_CHANNELS):
        raise InputError(f"The sound's samples must be [N] or [N, channels], got {list(samples.shape)}.")
    if samples.dtype != np.int16:
        if not np.issubdtype(samples.dtype, np.floating):
            raise InputError(f"The sound's samples must be floats in -1..1 or 16-bit integers, got {samples.dtype}.")
        if not np.isfinite(samples).all():
            raise InputError("The sound's samples hold NaN or infinite numbers.")
        samples = samples.astype(np.float32)
    wavfile.write(path, int(rate), samples)
