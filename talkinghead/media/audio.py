"""Sound: anything FFmpeg reads, streamed as mono 16 kHz for the lips and as mono or stereo for the video.

Both come from the same decoder here, which counts samples; so they agree whatever a file does half-way.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.media.channels import Samples, planar_samples, stereo_of
from talkinghead.media.reading import open_media

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer

SAMPLE_RATE = 16_000
# Hz; below it no speech is left, above it no recorder goes (DSD512 has 2.8 MHz).
LOWEST_RATE, HIGHEST_RATE = 1_000, 3_000_000
AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000})
# Both channels' sum has less than this share of their mean power: one is the other turned round.
_OPPOSED = 0.05
# Time stamps that are off by less are rounded or jitter; a longer hole is an error in the stamps, as for pictures.
_SMALLEST_HOLE, _LARGEST_HOLE = 0.04, 10.0  # s
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AudioFile:
    """The sound track of a sound or video file; of several the one that is marked as the default, or the first.

    Attributes:
        path: the file.
        duration: exact length in seconds, counted by decoding it once (headers lie); > 0.
        sample_rate: the file's own, Hz; the highest where it changes.
        channels: the file's own; the most where it changes.
        opposed: whether left and right have opposite signs, as with one wire turned round: their sum is silent.
    """

    path: Path
    duration: Fraction
    sample_rate: int
    channels: int
    opposed: bool = False

    @classmethod
    def open(cls, path: str | Path) -> AudioFile:
        """Look at a file and measure it.

        Raises:
            InputError: the file is missing, empty, damaged, no sound or video, or has no sound track.
        """
        path = Path(os.path.expanduser(path))
        scan = _Scan()
        with open_media(path) as container:
            for frame in _decode(container, path):
                scan.add(frame)
        if not scan.duration:
            raise InputError(f"{path} has a sound track but not one sample of sound could be read from it.")
        if scan.damaged:
            _log.warning("%s is damaged: %d parts of its sound were left out.", path, scan.damaged)
        if scan.wrong:
            _log.warning("%s is damaged: %d samples of its sound are no numbers and were silenced.", path, scan.wrong)
        return cls(path, scan.duration, scan.rate, scan.channels, scan.opposed)

    @property
    def track_rate(self) -> int:
        """Samples per second for a video's sound track: the file's own where AAC has it."""
        return self.sample_rate if self.sample_rate in AAC_RATES else 48_000

    @property
    def track_channels(self) -> int:
        """Channels of a video's sound track: 1 or 2."""
        return min(self.channels, 2)

    def frame_count(self, fps: float) -> int:
        """The number of video frames that cover the sound: ceil(duration x fps)."""
        return max(1, math.ceil(self.duration * exact_rate(fps)))

    def blocks(self, block: int = SAMPLE_RATE) -> Iterator[NDArray[np.float32]]:  # [<= block], about -1..1
        """The sound as mono 16 kHz, `block` samples at a time (the last may be shorter); memory stays constant."""
        pending: list[NDArray[np.float32]] = []
        held = 0
        for piece in self._resampled(SAMPLE_RATE, 1, None):
            pending.append(piece[0])
            held += piece.shape[1]
            if held >= block:
                joined = np.concatenate(pending)
                whole = held - held % block
                yield from np.split(joined[:whole], whole // block)
                pending, held = [joined[whole:]], held - whole
        if held:
            yield np.concatenate(pending)

    def track(self, start: float | None = None) -> Iterator[Samples]:  # [track_channels, N], -1..1
        """Pieces of the sound for a video, at `track_rate`.

        Args:
            start: where the pictures begin on the clock of the file's time stamps, s: sound before it is cut off, and
                silence stands where there is none. None: from the first sample on, samples counted, as :meth:`blocks`.
        """
        for piece in self._resampled(self.track_rate, self.track_channels, start):
            yield np.clip(piece, -1, 1)

    def _resampled(self, rate: int, channels: int, start: float | None) -> Iterator[Samples]:
        """Pieces at a rate; a new resampler takes over when the file changes its own on the way."""
        from av.audio.resampler import AudioResampler

        resampler: AudioResampler | None = None
        current = 0
        layout = "mono" if channels == 1 else "stereo"
        for samples, own_rate in self._pieces(channels, start):
            if resampler is None or own_rate != current:
                if resampler is not None:
                    yield from _through(resampler, None, current, layout)
                resampler, current = AudioResampler("fltp", layout, rate), own_rate
            yield from _through(resampler, samples, own_rate, layout)
        if resampler is not None:
            yield from _through(resampler, None, current, layout)

    def _pieces(self, channels: int, start: float | None) -> Iterator[tuple[Samples, int]]:
        """Decoded pieces [channels, N] and their rate, silence in place of holes if a start is given."""
        clock = _Clock(start) if start is not None else None
        with open_media(self.path) as container:
            for frame in _decode(container, self.path):
                if frame is None:
                    continue
                samples = self._mixed(frame, channels)
                if clock is not None:
                    cut, silence = clock.place(frame)
                    samples = samples[:, cut:]
                    while silence:
                        part = min(silence, frame.sample_rate)
                        yield np.zeros((channels, part), np.float32), frame.sample_rate
                        silence -= part
                if samples.shape[1]:
                    yield samples, frame.sample_rate

    def _mixed(self, frame: AudioFrame, channels: int) -> Samples:  # [channels, N]
        samples, _ = planar_samples(frame)
        if len(samples) == channels == 1:
            return samples
        left, right = stereo_of(samples, _speakers(frame))
        if channels == 2:
            return np.stack([left, right])
        return ((left - right if self.opposed and len(samples) > 1 else left + right) / 2)[None]


class _Scan:
    """What decoding a file once tells about it."""

    def __init__(self) -> None:
        self.duration = Fraction(0)
        self.rate = self.channels = self.damaged = self.wrong = 0
        self._sum_power = self._power = 0.0

    def add(self, frame: AudioFrame | None) -> None:
        if frame is None:
            self.damaged += 1
            return
        self.duration += Fraction(frame.samples, frame.sample_rate)
        self.rate, self.channels = max(self.rate, frame.sample_rate), max(self.channels, frame.layout.nb_channels)
        floats = frame.format.name.startswith(("flt", "dbl"))
        if frame.layout.nb_channels == 1 and not floats:
            return
        samples, wrong = planar_samples(frame)
        self.wrong += wrong
        if len(samples) > 1:
            left, right = stereo_of(samples, _speakers(frame))
            middle = left + right
            self._sum_power += float(middle @ middle) / 4
            self._power += float(left @ left + right @ right) / 2

    @property
    def opposed(self) -> bool:
        return self._sum_power < _OPPOSED * self._power


class _Clock:
    """Where sound lies beside pictures that begin at `start` on the same clock of time stamps, s."""

    def __init__(self, start: float) -> None:
        self._next = start  # of the video's sound on the file's clock

    def place(self, frame: AudioFrame) -> tuple[int, int]:
        """How many samples of a frame come too early and are cut, and how much silence comes before the rest."""
        rate, length = frame.sample_rate, frame.samples
        late = frame.time - self._next if frame.time is not None else 0.0
        if late > _LARGEST_HOLE or late < -_LARGEST_HOLE:  # a leap: the stamps begin anew, time goes on
            self._next += late
            late = 0.0
        elif abs(late) < _SMALLEST_HOLE:
            late = 0.0
        cut, silence = min(length, round(max(-late, 0) * rate)), round(max(late, 0) * rate)
        self._next += (silence + length - cut) / rate
        return cut, silence


def exact_rate(fps: float) -> Fraction:
    """A frame rate as the fraction that is meant: 29.97 -> 30000/1001."""
    ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    # Two written decimals must be enough to recognise a rate such as 23.98.
    if fps != round(fps) and abs(float(ntsc) - fps) < 0.005:
        return ntsc
    return Fraction(fps).limit_denominator(1000)


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The sound track to use: the one marked as the default, otherwise the first."""
    from av.stream import Disposition

    streams = container.streams.audio
    marked = (stream for stream in streams if stream.disposition & Disposition.default)
    return next(marked, streams[0] if streams else None)


def _decode(container: InputContainer, path: Path) -> Iterator[AudioFrame | None]:
    """The frames of the sound track that hold samples; None stands for a packet that could not be decoded."""
    import av

    stream = sound_stream(container)
    if stream is None:
        raise InputError(f"{path} has no sound track.")
    try:
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    if frame.samples:
                        _check_rate(frame.sample_rate, path)
                        yield frame
            except av.error.InvalidDataError:
                yield None
    except av.error.PatchWelcomeError as error:
        raise InputError(
            f"{path} changes its kind of sound half-way in a way that cannot be read; convert it to WAV first."
        ) from error


def _check_rate(rate: int, path: Path) -> None:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise InputError(
            f"{path} has {rate} samples of sound per second; speech needs {LOWEST_RATE} to {HIGHEST_RATE}."
        )


def _speakers(frame: AudioFrame) -> tuple[str, ...]:
    return tuple(channel.name for channel in frame.layout.channels)


def _through(resampler: AudioResampler, samples: Samples | None, rate: int, layout: str) -> Iterator[Samples]:
    """What comes out of a resampler for [C, N] samples, or at their end (None)."""
    from av.audio.frame import AudioFrame

    frame = None
    if samples is not None:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate = rate
        frame.pts = None  # our time is the count of samples
    for out in resampler.resample(frame):
        if out.samples:
            yield out.to_ndarray().astype(np.float32, copy=False)
