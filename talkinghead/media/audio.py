"""Sound: anything FFmpeg reads, streamed as mono 16 kHz."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.media.reading import open_media

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer

SAMPLE_RATE = 16_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AudioFile:
    """The first sound track of a sound or video file.

    Attributes:
        path: the file.
        duration: exact length in seconds, counted by decoding it once (headers lie); > 0.
        sample_rate: the file's own, Hz.
        channels: the file's own.
    """

    path: Path
    duration: Fraction
    sample_rate: int
    channels: int

    @classmethod
    def open(cls, path: str | Path) -> AudioFile:
        """Look at a file and measure it.

        Raises:
            InputError: the file is missing, empty, damaged, no sound or video, or has no sound track.
        """
        path = Path(path)
        duration = Fraction(0)
        rate = channels = damaged = 0
        with open_media(path) as container:
            for frame in _decode(container, path):
                if frame is None:
                    damaged += 1
                    continue
                duration += Fraction(frame.samples, frame.sample_rate)
                rate, channels = rate or frame.sample_rate, channels or frame.layout.nb_channels
        if not duration:
            raise InputError(f"{path} has a sound track but not one sample of sound could be read from it.")
        if damaged:
            _log.warning("%s is damaged: %d parts of its sound were left out.", path, damaged)
        return cls(path, duration, rate, channels)

    def frame_count(self, fps: float) -> int:
        """The number of video frames that cover the sound: ceil(duration x fps)."""
        return max(1, math.ceil(self.duration * exact_rate(fps)))

    def blocks(self, block: int = SAMPLE_RATE) -> Iterator[NDArray[np.float32]]:  # [<= block], about -1..1
        """The sound as mono 16 kHz, `block` samples at a time (the last may be shorter); memory stays constant."""
        pending: list[NDArray[np.float32]] = []
        held = 0
        for piece in self._resampled():
            pending.append(piece)
            held += len(piece)
            if held >= block:
                joined = np.concatenate(pending)
                whole = held - held % block
                yield from np.split(joined[:whole], whole // block)
                pending, held = [joined[whole:]], held - whole
        if held:
            yield np.concatenate(pending)

    def _resampled(self) -> Iterator[NDArray[np.float32]]:
        """Pieces of mono 16 kHz sound; a new resampler takes over when the file changes its format on the way."""
        from av.audio.resampler import AudioResampler

        resampler: AudioResampler | None = None
        current: tuple[str, str, int] | None = None
        with open_media(self.path) as container:
            for frame in _decode(container, self.path):
                if frame is None:
                    continue
                shape = (frame.format.name, frame.layout.name, frame.sample_rate)
                if resampler is None or shape != current:
                    if resampler is not None:
                        yield from _samples(resampler.resample(None))
                    resampler, current = AudioResampler("flt", "mono", SAMPLE_RATE), shape
                # The time stamps of some files have holes; our time is the count of samples.
                frame.pts = None
                yield from _samples(resampler.resample(frame))
            if resampler is not None:
                yield from _samples(resampler.resample(None))


def exact_rate(fps: float) -> Fraction:
    """A frame rate as the fraction that is meant: 29.97 -> 30000/1001."""
    ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    # Two written decimals must be enough to recognise a rate such as 23.98.
    if fps != round(fps) and abs(float(ntsc) - fps) < 0.005:
        return ntsc
    return Fraction(fps).limit_denominator(1000)


def _decode(container: InputContainer, path: Path) -> Iterator[AudioFrame | None]:
    """The frames of the first sound track; None stands for a packet that could not be decoded."""
    import av

    if not container.streams.audio:
        raise InputError(f"{path} has no sound track.")
    stream = container.streams.audio[0]
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            yield None


def _samples(frames: list[AudioFrame]) -> Iterator[NDArray[np.float32]]:
    for frame in frames:
        if frame.samples:
            yield frame.to_ndarray().reshape(-1).astype(np.float32, copy=False)
