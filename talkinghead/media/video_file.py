"""Reading videos: upright RGB frames at a constant rate, whatever the file's own rate, rotation or pixels are."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.media.prefetch import Prefetched
from talkinghead.media.reading import open_media
from talkinghead.media.resampling import at_constant_rate, sensible_rate, steady_times

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

RGB = NDArray[np.uint8]  # [H, W, 3], sRGB, 0..255

# Decoded pictures that wait: enough to even out the decoder's hiccups.
WAITING_BYTES, MOST_WAITING = 100_000_000, 8
_QUARTER_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
_BT709, _UNSPECIFIED = 1, 2
# Without a tag, players take the matrix of standard definition below this height and that of high definition above.
_HIGH_DEFINITION = 720


@dataclass(frozen=True)
class VideoFile:
    """What a video file holds.

    Attributes:
        path: the file.
        fps: the constant rate at which its frames are read.
        size: (width, height) of the upright frames with square pixels.
        announced: how many frames the file's header leads to expect at `fps`; 0 where it does not say.
        has_sound: whether there is a sound track.
        start_seconds: presentation time of the first frame that is shown (frame 0 of :meth:`read`), s, on the clock of
            the file's own time stamps, as PyAV's `frame.time` of the sound is (the container's start is not taken
            off); 0 where the file has no time stamps. May be negative.
    """

    path: Path
    fps: Fraction
    size: tuple[int, int]
    announced: int
    has_sound: bool
    start_seconds: float

    @classmethod
    def open(cls, path: str | Path) -> VideoFile:
        """Look at a file and decode its first frame.

        Raises:
            InputError: the file is missing, empty, damaged, no video, or has no frame that can be read.
        """
        path = Path(path)
        with open_media(path, "picture or video") as container:
            stream = _video_stream(container, path)
            fps = sensible_rate(stream.average_rate or stream.guessed_rate)
            first, start = next(_decode(container, stream, Damage()), (None, None))
            if first is None and container.format.name == "image2":  # its name ends as a picture's; that is all
                raise InputError(f"{path} is neither a picture nor a video that can be read.")
            if first is None:
                raise InputError(f"{path} is a video but not one of its frames can be read.")
            # Pixels that are not square are made so at the frame's own height.
            width, height = max(1, round(first.width * (stream.sample_aspect_ratio or 1))), first.height
            if round(first.rotation / 90) % 2:
                width, height = height, width
            announced = round(_seconds(container, stream) * fps)
            return cls(path, fps, (width, height), announced, bool(container.streams.audio), start or 0.0)

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
        last: VideoFrame | None = None
        picture: RGB | None = None
        with open_media(self.path, "picture or video") as container:
            stream = _video_stream(container, self.path)
            timed = steady_times(_decode(container, stream, damage), self.fps)
            for index, frame in enumerate(at_constant_rate(timed, self.fps)):
                damage.frames = index + 1
                if index < start:
                    continue
                if picture is None or frame is not last:
                    picture, last = _to_rgb(frame, self.size), frame
                yield picture


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


def _seconds(container: InputContainer, stream: VideoStream) -> Fraction:
    """The length that the header announces; 0 where it does not."""
    if stream.frames and stream.average_rate:
        return Fraction(stream.frames) / stream.average_rate
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    return Fraction(container.duration or 0, 1_000_000)


def _decode(
    container: InputContainer, stream: VideoStream, damage: Damage
) -> Iterator[tuple[VideoFrame, float | None]]:
    """The stream's frames and their time stamps, s; interlaced ones deinterlaced, undecodable ones left out."""
    deinterlacer: _Deinterlacer | None = None
    for frame in _readable(container, stream, damage):
        if deinterlacer is None and not frame.interlaced_frame:
            yield frame, frame.time
            continue
        deinterlacer = deinterlacer or _Deinterlacer(stream)
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


class _Deinterlacer:
    """FFmpeg's yadif: one whole picture for each interlaced one; the others pass unchanged."""

    def __init__(self, stream: VideoStream) -> None:
        from av.filter import Graph

        self._graph = Graph()
        nodes = [self._graph.add_buffer(template=stream)]
        nodes += [self._graph.add("yadif", "mode=send_frame:deint=interlaced"), self._graph.add("buffersink")]
        self._graph.link_nodes(*nodes).configure()

    def push(self, frame: VideoFrame | None) -> Iterator[tuple[VideoFrame, float | None]]:
        """The pictures that are ready after `frame`; None gives the rest."""
        from av.error import BlockingIOError, EOFError

        self._graph.push(frame)
        while True:
            try:
                ready = self._graph.vpull()
            except (BlockingIOError, EOFError):
                return
            yield ready, ready.time


def _to_rgb(frame: VideoFrame, size: tuple[int, int]) -> RGB:
    """A frame upright and with square pixels."""
    turns = round(frame.rotation / 90) % 4  # counter-clockwise, as phones write it
    width, height = size[::-1] if turns % 2 else size
    untagged = frame.colorspace == _UNSPECIFIED and frame.height >= _HIGH_DEFINITION
    converted = frame.reformat(width, height, "rgb24", src_colorspace=_BT709 if untagged else None)
    picture = converted.to_ndarray()
    return np.asarray(cv2.rotate(picture, _QUARTER_TURNS[turns]) if turns else picture, np.uint8)
