"""An MP4 file with H.264 pictures and AAC sound, encoded by PyAV (the FFmpeg libraries) as the pictures come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from face3d.errors import OutputError
from talkinghead.media.audio import AudioFile, Samples
from talkinghead.media.reading import file_url

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream

# FFmpeg's numbers: BT.709 primaries, transfer and matrix, limited range.
_BT709, _LIMITED = 1, 1
# What x264 does besides its preset. A key frame is finer by ipratio than what follows: still parts are copied from it,
# so that they keep its quality while moving parts cost what their own needs. Coefficients are coded by Huffman codes
# (no cabac): a tenth more bytes, a quarter less work. Sorting out where B-frames help, weighting, and looking for cuts
# in what is one scene help nothing here. chromaloc 1: chroma lies in the middle of its four pixels.
_X264 = "ipratio=3:cabac=0:aq-mode=0:b-adapt=0:weightp=0:scenecut=0:chromaloc=1"


@dataclass(frozen=True)
class VideoOptions:
    """How to encode.

    Attributes:
        crf: x264's constant rate factor, 0..51, lower is better; of the moving parts, the still ones are better.
        preset: x264's speed preset.
        threads: x264's threads.
        audio_bitrate: of the AAC track, bits per second.
    """

    crf: int = 20
    preset: str = "superfast"
    threads: int = 1
    audio_bitrate: int = 192_000


class Mp4:
    """An MP4 file that is being written; :meth:`finish` must be called for it to be one, :meth:`close` always.

    Args:
        path: the file.
        output: what it is called in errors.
        size: (width, height) in pixels, even.
        fps: frames per second.
        options: see :class:`VideoOptions`.
        sound: goes in as far as there are pictures, with silence after its end.
        start: see :meth:`AudioFile.track`.

    Raises:
        OutputError: the file cannot be written, or the options suit no encoder.
    """

    def __init__(
        self,
        path: Path,
        output: Path,
        size: tuple[int, int],
        fps: Fraction,
        options: VideoOptions,
        sound: AudioFile | None,
        start: float | None,
    ) -> None:
        import av

        self._output, self._fps, self._size = output, fps, size
        self._frames = 0
        with self._told():
            self._container: OutputContainer = av.open(
                file_url(path), "w", format="mp4", container_options={"movflags": "+faststart"}
            )
        self._pictures = self._add_pictures(options)
        self._sound = _SoundFeed(self._container, sound, options.audio_bitrate, start) if sound is not None else None

    def add(self, picture: NDArray[np.uint8]) -> None:  # [height * width * 3 / 2], Y, Cb, Cr
        """Encode the next picture, and the sound that belongs to it.

        Raises:
            OutputError: the file cannot be written, for example because the disk is full.
        """
        import av

        width, height = self._size
        frame = av.VideoFrame.from_ndarray(picture.reshape(height * 3 // 2, width), "yuv420p")
        frame.pts, frame.time_base = self._frames, 1 / self._fps
        self._frames += 1
        with self._told():
            self._container.mux(self._pictures.encode(frame))
            if self._sound is not None:
                self._sound.feed(self._frames / self._fps)

    def finish(self) -> None:
        """Write what the encoders still hold and the index.

        Raises:
            OutputError: the file cannot be written, for example because the disk is full.
        """
        with self._told():
            self._container.mux(self._pictures.encode(None))
            if self._sound is not None:
                self._sound.end()
            self._container.close()

    def close(self) -> None:
        """Let go of the file, finished or not."""
        with suppress(Exception):  # of a file that is dropped, it does not matter what its end says
            self._container.close()

    def _add_pictures(self, options: VideoOptions) -> VideoStream:
        pictures: VideoStream = self._container.add_stream("libx264", self._fps)
        context = pictures.codec_context
        context.width, context.height = self._size
        context.pix_fmt, context.thread_count, context.time_base = "yuv420p", options.threads, 1 / self._fps
        context.color_range, context.colorspace = _LIMITED, _BT709
        context.color_primaries, context.color_trc = _BT709, _BT709
        context.options = {"preset": options.preset, "crf": str(options.crf), "x264-params": _X264}
        return pictures

    @contextmanager
    def _told(self) -> Iterator[None]:
        """FFmpeg's errors in words about the output."""
        import av

        try:
            yield
        except av.error.FFmpegError as error:
            raise OutputError(f"{self._output} could not be written: {error.strerror}.") from error


class _SoundFeed:
    """Sound that is encoded as the pictures go on, so that neither waits for the other in memory."""

    def __init__(self, container: OutputContainer, sound: AudioFile, bitrate: int, start: float | None) -> None:
        self._container, self._rate, self._channels = container, sound.track_rate, sound.track_channels
        self._layout = "mono" if self._channels == 1 else "stereo"
        self._pieces = sound.track(start)
        self._rest: Samples = np.empty((self._channels, 0), np.float32)
        self._written = 0
        self._stream: AudioStream = container.add_stream("aac", self._rate)
        self._stream.codec_context.layout = self._layout
        self._stream.codec_context.bit_rate = bitrate

    def feed(self, until: Fraction) -> None:
        """Encode the sound up to a time, s; silence after its end."""
        wanted = round(until * self._rate) - self._written
        while wanted > 0:
            if not self._rest.shape[1]:
                silence = np.zeros((self._channels, wanted), np.float32)
                self._rest = next(self._pieces, silence)
            part, self._rest = self._rest[:, :wanted], self._rest[:, wanted:]
            self._encode(part)
            wanted -= part.shape[1]

    def end(self) -> None:
        self._container.mux(self._stream.encode(None))

    def _encode(self, samples: Samples) -> None:
        import av

        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._written, Fraction(1, self._rate)
        self._written += samples.shape[1]
        self._container.mux(self._stream.encode(frame))
