"""MP4 writing: frames stream into ffmpeg, so memory does not grow with the length."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.media.audio import exact_rate
from talkinghead.media.ffmpeg import file_url, find_ffmpeg, last_words
from talkinghead.media.output import complete_file

# H.264 allows up to 8192 x 4320 and no level goes beyond 16384 along a side.
MAX_SIDE = 8192
# Full chroma precision costs little and decides whether saturated colours come back as they were.
_SCALE_FLAGS = "accurate_rnd+full_chroma_int+full_chroma_inp+bicubic"

# Said on the frames: what is said to the encoder alone does not reach primaries and transfer.
_COLOUR_TAGS = {"range": "tv", "color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}


@dataclass(frozen=True)
class VideoOptions:
    """How to encode.

    Attributes:
        crf: x264's constant rate factor, 0..51, lower is better. At 13 without adaptive quantisation the still parts of
            a photo stay above 40 dB PSNR (measured over 40 photos; 18 does not reach it).
        preset: x264's speed preset.
        threads: x264's threads.
        audio_bitrate: of the AAC track, bits per second.
    """

    crf: int = 13
    preset: str = "veryfast"
    threads: int = 2
    audio_bitrate: int = 192_000


class VideoWriter:
    """Writes H.264 (yuv420p, BT.709) with AAC sound to an MP4 file that appears only when it is complete.

    A context manager: leaving it normally finishes the file, an exception stops ffmpeg and leaves nothing behind.
    yuv420p needs even sizes, so an odd last column or row is cut off.
    """

    def __init__(
        self,
        output: str | Path,
        size: tuple[int, int],
        fps: float,
        frames: int,
        audio: str | Path | None = None,
        options: VideoOptions = VideoOptions(),
    ) -> None:
        """Prepare; nothing is written before the `with` block.

        Args:
            output: the MP4 file.
            size: (width, height) of the frames to come, in pixels, 2..8192 each.
            fps: frames per second.
            frames: how many frames will come; the sound is padded with silence or cut to exactly their length.
            audio: a sound or video file whose first sound track goes in with its own rate and channels.
            options: see :class:`VideoOptions`.

        Raises:
            InputError: a size that H.264 cannot hold.
        """
        width, height = size
        if min(size) < 2 or max(size) > MAX_SIDE:
            raise InputError(
                f"A video of {width} x {height} pixels cannot be encoded; each side must be 2 to {MAX_SIDE}."
            )
        self.output = Path(output)
        self.size = (width - width % 2, height - height % 2)
        self.fps = exact_rate(fps)
        self.frames = frames
        self.audio = audio
        self.options = options
        self.written = 0
        self._cleanup = ExitStack()

    def __enter__(self) -> VideoWriter:
        with ExitStack() as stack:
            temporary = stack.enter_context(complete_file(self.output, ".mp4"))
            self._stderr: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())
            self._process = stack.enter_context(_running(self._arguments(temporary), self._stderr))
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            with self._cleanup:
                self._finish()
        else:
            self._cleanup.__exit__(kind, error, trace)

    def write(self, frame: NDArray[np.uint8]) -> None:  # [H, W, 3] RGB
        """Encode the next frame.

        Raises:
            ValueError: its size is not the announced one.
            RuntimeError: ffmpeg has failed, for example because the disk is full.
        """
        width, height = self.size
        if frame.ndim != 3 or frame.dtype != np.uint8 or frame.shape[2] != 3:
            raise ValueError(f"A frame must be uint8 [H, W, 3], got {frame.dtype} {list(frame.shape)}")
        if not (0 <= frame.shape[1] - width <= 1 and 0 <= frame.shape[0] - height <= 1):
            raise ValueError(f"A frame of {frame.shape[1]} x {frame.shape[0]} came for a video of {width} x {height}")
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101 - Popen was asked for one
        try:
            pipe.write(np.ascontiguousarray(frame[:height, :width]).data.cast("B"))
        except (BrokenPipeError, OSError) as error:
            self._process.wait()
            raise RuntimeError(f"ffmpeg stopped while writing {self.output}: {self._reason()}") from error
        self.written += 1

    def _finish(self) -> None:
        if self.written != self.frames:
            raise RuntimeError(f"{self.written} frames were written to {self.output}, {self.frames} were announced")
        _, _ = self._process.communicate()
        if self._process.returncode != 0:
            raise RuntimeError(f"ffmpeg could not finish {self.output}: {self._reason()}")

    def _reason(self) -> str:
        self._stderr.seek(0)
        return last_words(self._stderr.read().decode(errors="replace"))

    def _arguments(self, temporary: Path) -> list[str]:
        """ffmpeg's command line."""
        import ffmpeg

        width, height = self.size
        rate = f"{self.fps.numerator}/{self.fps.denominator}"
        pictures = ffmpeg.input(
            "pipe:0", format="rawvideo", pixel_format="rgb24", s=f"{width}x{height}", framerate=rate
        )
        pictures = pictures.filter(
            "scale", in_range="full", out_range="tv", out_color_matrix="bt709", flags=_SCALE_FLAGS
        )
        pictures = pictures.filter("format", "yuv420p").filter("setparams", **_COLOUR_TAGS)
        streams = [pictures]
        sound_options: dict[str, object] = {}
        if self.audio is not None:
            length = float(self.frames / self.fps)
            sound = ffmpeg.input(file_url(self.audio), protocol_whitelist="file,pipe").audio
            # Counting samples ignores holes in the time stamps, as AudioFile does, so that lips and sound agree.
            sound = sound.filter("asetpts", "N/SR/TB").filter("apad").filter("atrim", duration=f"{length:.9f}")
            streams.append(sound)
            sound_options = {"acodec": "aac", "audio_bitrate": self.options.audio_bitrate}
        x264 = {"vcodec": "libx264", "preset": self.options.preset, "crf": self.options.crf, "aq-mode": 0}
        target = ffmpeg.output(
            *streams,
            file_url(temporary),
            format="mp4",
            movflags="+faststart",
            threads=self.options.threads,
            map_metadata=-1,
            **x264,
            **sound_options,
        )
        command = [find_ffmpeg(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
        arguments: list[str] = target.compile(cmd=command)
        return arguments


class _running:  # noqa: N801 - used like a function
    """ffmpeg as a context manager: leaving it stops the program if it still runs."""

    def __init__(self, arguments: list[str], stderr: IO[bytes]) -> None:
        self.arguments, self.stderr = arguments, stderr

    def __enter__(self) -> subprocess.Popen[bytes]:
        # Its own session: Ctrl-C in the terminal reaches only us, and we decide what happens to the file.
        self.process = subprocess.Popen(
            self.arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self.stderr, start_new_session=True
        )
        return self.process

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        if self.process.stdin is not None:
            with suppress(OSError):  # the part of a frame that a dead ffmpeg can no longer take
                self.process.stdin.close()
        self.process.wait()
