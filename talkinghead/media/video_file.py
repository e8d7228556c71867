"""Reading videos: upright RGB frames at a constant rate, whatever the file's own rate, rotation or pixels are."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.media.prefetch import Prefetched
from talkinghead.media.reading import existing_file, open_media
from talkinghead.media.resampling import at_constant_rate, sensible_rate, steady_times
from talkinghead.media.timing import Timing, read_timing
from talkinghead.media.video_frame import Deinterlacer, to_rgb, upright_size

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

RGB = NDArray[np.uint8]  # [H, W, 3], sRGB, 0..255

# Decoded pictures that wait: enough to even out the decoder's hiccups.
WAITING_BYTES, MOST_WAITING = 100_000_000, 8
_ROUNDING = 1e-6  # s, of time stamps


@dataclass(frozen=True)
class VideoFile:
    """What a video file holds.

    Attributes:
        path: the file.
        timing: when its frames are shown, and the constant rate at which they are read.
        size: (width, height) of the upright frames with square pixels.
        has_sound: whether there is a sound track.
        start_seconds: presentation time of the first frame that is shown (frame 0 of :meth:`read`), s, on the clock of
            the file's own time stamps, as PyAV's `frame.time` of the sound is (the container's start is not taken
            off); 0 where the file has no time stamps. May be negative.
    """

    path: Path
    timing: Timing
    size: tuple[int, int]
    has_sound: bool
    start_seconds: float

    @classmethod
    def open(cls, path: str | Path) -> VideoFile:
        """Look at a file and decode its first frame.

        Raises:
            InputError: the file is missing, empty, damaged, no video, or has no frame that can be read.
        """
        path = existing_file(path)
        with open_media(path, "picture or video") as container:
            stream = _video_stream(container, path)
            first, start = next(_decode(container, stream, Damage()), (None, None))
            if first is None:
                raise InputError(f"{path} is a video but not one of its frames can be read.")
            size, sound = upright_size(*first), bool(container.streams.audio)
        with open_media(path, "picture or video") as container:
            stream = _video_stream(container, path)
            timing = read_timing(container, stream, start or 0.0, first.frame.interlaced_frame)
        return cls(path, timing, size, sound, start or 0.0)

    @property
    def fps(self) -> Fraction:
        """The constant rate at which the frames are read."""
        return self.timing.fps

    @property
    def announced(self) -> int:
        """How many frames the file leads to expect."""
        return self.timing.frames + round(self.timing.missing_seconds * self.timing.fps)

    def read(self, start: int = 0, damage: Damage | None = None) -> Prefetched[RGB]:
        """Frames `start`, `start` + 1, ..., decoded ahead in a thread; use it in a `with` statement.

        The number of frames does not depend on `start`, which is reached by decoding.

        Args:
            start: the first frame to give.
            damage: is told what could not be read.
        """
        frame_bytes = 3 * self.size[0] * self.size[1]
        depth = min(MOST_WAITING, max(2, WAITING_BYTES // frame_bytes))
        return Prefetched(self._frames(start, damage or Damage()), depth)

    def _frames(self, start: int, damage: Damage) -> Generator[RGB, None, None]:
        last: _Decoded | None = None
        picture: RGB | None = None
        with open_media(self.path, "picture or video") as container:
            stream = _video_stream(container, self.path)
            timed = steady_times(_decode(container, stream, damage), self.fps, self.timing.still)
            for index, decoded in enumerate(at_constant_rate(timed, self.fps)):
                damage.frames = index + 1
                if index < start:
                    continue
                if picture is None or decoded is not last:
                    picture, last = to_rgb(decoded.frame, self.size, decoded.pixel_shape), decoded
                yield picture


def video_stills(path: str | Path, limit: int, step_seconds: float) -> Iterator[RGB]:  # [H, W, 3]
    """Up to `limit` frames of a video, `step_seconds` apart or more, the first frame first.

    Raises:
        InputError: the file is no video, or not one frame of it can be read.
    """
    path = Path(path)
    size: tuple[int, int] | None = None
    taken = 0
    with open_media(path, "picture or video") as container:
        stream = _video_stream(container, path)
        # Only the order of the time stamps matters here: the frames' rate would cost a pass over the file.
        for decoded, time in steady_times(_decode(container, stream, Damage()), sensible_rate(stream.guessed_rate)):
            if size is None:
                size, following = upright_size(*decoded), time
            if time < following - _ROUNDING:
                continue
            yield to_rgb(decoded.frame, size, decoded.pixel_shape)
            taken, following = taken + 1, time + step_seconds
            if taken == limit:
                return
    if not taken:
        raise InputError(f"{path} is a video but not one of its frames can be read.")


@dataclass
class Damage:
    """What could not be read of a video.

    Attributes:
        packets: how many pieces of the file could not be decoded.
        frames: how many frames were given, at the constant rate, those before the start included.
    """

    packets: int = 0
    frames: int = 0

    def sentence(self, video: VideoFile) -> str | None:
        """What the user should know, once all has been read; None when nothing is missing."""
        missing = video.announced - self.frames
        # Headers are not exact: some give the sound's length.
        if missing > max(2, 0.02 * video.announced):
            there, announced = (float(count / video.fps) for count in (self.frames, video.announced))
            return f"{video.path} is cut short or damaged: {there:.1f} of {announced:.1f} s could be read."
        if self.packets:
            return f"{video.path} is damaged: {self.packets} parts of it could not be decoded."
        return None


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first stream with moving pictures; a sound file's cover is none."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            stream.thread_type = "AUTO"
            return stream
    what = "sound but no pictures" if container.streams.audio else "neither pictures nor sound"
    raise InputError(f"{path} holds {what}; give a video or a photo.")


class _Decoded(NamedTuple):
    """A frame, and the width of its pixels divided by their height (None or 0: square)."""

    frame: VideoFrame
    pixel_shape: Fraction | None


def _decode(container: InputContainer, stream: VideoStream, damage: Damage) -> Iterator[tuple[_Decoded, float | None]]:
    """The stream's frames and their time stamps, s; interlaced ones deinterlaced, undecodable ones left out."""
    # The file's own word on the shape of pixels counts, until the stream within it changes its.
    in_file, at_first = stream.sample_aspect_ratio, None
    for frame, time in _whole_frames(container, stream, damage):
        in_stream = stream.codec_context.sample_aspect_ratio
        at_first = at_first or in_stream
        yield _Decoded(frame, in_file if in_stream == at_first else in_stream), time


def _whole_frames(
    container: InputContainer, stream: VideoStream, damage: Damage
) -> Iterator[tuple[VideoFrame, float | None]]:
    deinterlacer: Deinterlacer | None = None
    for frame in _readable(container, stream, damage):
        if deinterlacer is None and not frame.interlaced_frame:
            yield frame, frame.time
            continue
        deinterlacer = deinterlacer or Deinterlacer()
        yield from deinterlacer.push(frame)
    if deinterlacer is not None:
        yield from deinterlacer.push(None)


def _readable(container: InputContainer, stream: VideoStream, damage: Damage) -> Iterator[VideoFrame]:
    from av.error import FFmpegError

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:  # the file ends within a packet
            damage.packets += 1
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except FFmpegError:
            damage.packets += 1
