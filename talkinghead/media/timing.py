"""When a video's frames are shown, from the time stamps of its packets: nothing is decoded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from talkinghead.media.resampling import LONGEST_GAP, MOST_BACKWARDS, rate_of_steps, sensible_rate, steady_times

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

# Headers of these formats tell the length; of the others (MPEG-TS, raw streams) FFmpeg guesses it from the stamps.
_FORMATS_WITH_LENGTH = frozenset({"mov", "matroska", "flv", "asf", "mxf"})
# Without sound beside it, a picture that stands still for longer is taken for an error of the time stamps.
_LONGEST_STILL = 300.0  # s
# The mean rate of a header is exact, and used, where the frames' own steps are as long within this share.
_EVEN = 0.02
_PIECE = 1.0  # s: how finely it is noted where there is sound


@dataclass(frozen=True)
class Timing:
    """What the time stamps of a video say.

    Attributes:
        fps: the constant rate at which its frames are read.
        still: time stamps before which the picture stands still for long, s; see `steady_times`.
        frames: how many frames at `fps` the packets hold, from the first frame that is shown on.
        missing_seconds: by how much the file ends before its header says, s; 0 where the header does not say.
    """

    fps: Fraction
    still: tuple[float, ...]
    frames: int
    missing_seconds: float


@dataclass
class _Stamps:
    """What a pass over the packets has seen; all in s on the file's clock."""

    pieces: list[list[float]] = field(default_factory=list)  # stamps of frames; a leap begins a new list
    unstamped: int = 0
    last: float = math.nan  # the time of decoding of the packet before, which unlike its stamp only grows
    sound: set[int] = field(default_factory=set)  # numbers of seconds in which a packet of sound begins
    end: float = -math.inf

    def add_video(self, stamp: float | None, decoded: float) -> None:
        """A frame's packet: its time stamp and its time of decoding, in the order of the file."""
        if stamp is None:
            self.unstamped += 1
            return
        if not -MOST_BACKWARDS < decoded - self.last <= LONGEST_GAP:
            self.pieces.append([])
        self.last = decoded
        self.pieces[-1].append(stamp)

    def ordered(self) -> list[list[float]]:
        return [sorted(piece) for piece in self.pieces]


def read_timing(container: InputContainer, stream: VideoStream, start: float, mean_counts: bool) -> Timing:
    """Pass over all packets of a file that was opened for this.

    Args:
        container: the file, at its beginning.
        stream: the video.
        start: time stamp of the first frame that is shown, s.
        mean_counts: take the header's mean rate as it is: each packet of interlaced video may hold half a frame.
    """
    seen = _Stamps()
    for packet in _packets(container, stream):
        stamp, length = _seconds(packet)
        if stamp is not None and not packet.is_discard:
            seen.end = max(seen.end, stamp + length)
            if packet.stream.type == "audio":
                seen.sound.add(int(stamp // _PIECE))
        if packet.stream == stream and packet.size and not packet.is_discard:
            unit = packet.time_base
            decoded = stamp if packet.dts is None or unit is None else float(packet.dts * unit)
            seen.add_video(stamp, decoded if decoded is not None else math.nan)
    pieces = seen.ordered()
    fps = _rate(stream, pieces, mean_counts)
    still = tuple(piece[0] for last, piece in pairwise(pieces) if _is_still(last[-1], piece[0], seen))
    # Before the first frame that is shown there are those that need an earlier one to be decoded.
    stamps = [stamp for piece in pieces for stamp in piece]
    stamps = stamps[stamps.index(start) :] if start in stamps else stamps
    frames = _count(stamps, fps, still) or seen.unstamped
    return Timing(fps, still, frames, _missing(container, stream, seen, start))


def _packets(container: InputContainer, video: VideoStream) -> Iterator[Packet]:
    from av.error import FFmpegError

    packets = container.demux([video, *container.streams.audio])
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:  # the file ends within a packet
            return
        if packet is None:
            return
        yield packet


def _seconds(packet: Packet) -> tuple[float | None, float]:
    """A packet's time stamp and length, s."""
    unit = packet.time_base
    if unit is None or packet.pts is None:
        return None, 0.0
    return float(packet.pts * unit), float((packet.duration or 0) * unit)


def _rate(stream: VideoStream, pieces: Sequence[Sequence[float]], mean_counts: bool) -> Fraction:
    mean = stream.average_rate
    measured = rate_of_steps(max(pieces, key=len)) if pieces else None
    if measured is None or (mean_counts and mean):
        return sensible_rate(mean or stream.guessed_rate)
    rate, error = measured
    if mean and abs(mean - rate) <= max(_EVEN, error) * rate:
        return sensible_rate(mean)
    return sensible_rate(rate, error)


def _is_still(last: float, following: float, seen: _Stamps) -> bool:
    """Whether a gap in the pictures is one in time: the sound goes on through it, or there is none to ask."""
    if following <= last:
        return False
    if not seen.sound:
        return following - last <= _LONGEST_STILL
    if following - last > _PIECE * 2 * len(seen.sound) + LONGEST_GAP:
        return False
    pieces = range(int(last // _PIECE) + 1, int(following // _PIECE))
    return sum(piece in seen.sound for piece in pieces) > len(pieces) / 2


def _count(stamps: Sequence[float], fps: Fraction, still: Sequence[float]) -> int:
    """How many frames :func:`at_constant_rate` makes of these."""
    times = [time for _, time in steady_times(((None, stamp) for stamp in stamps), fps, still)]
    return round((times[-1] - times[0]) * fps) + 1 if times else 0


def _missing(container: InputContainer, stream: VideoStream, seen: _Stamps, start: float) -> float:
    name = container.format.name.split(",")[0]
    if name == "avi" and stream.average_rate:  # its header counts frames, and FFmpeg makes the length of what is there
        return max(0.0, float(stream.frames / stream.average_rate) - (seen.end - start))
    if name not in _FORMATS_WITH_LENGTH or not container.duration:
        return 0.0
    # Some count their length from 0, some from their first stamp. All tracks count: often only the sound is as long.
    return max(0.0, container.duration / 1_000_000 - max(seen.end, seen.end - start))
