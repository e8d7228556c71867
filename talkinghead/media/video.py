"""MP4 writing: frames stream into ffmpeg, so memory does not grow with the length."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.config import MAX_SIDE
from talkinghead.media.audio import exact_rate
from talkinghead.media.ffmpeg import file_url, find_ffmpeg, last_words
from talkinghead.media.output import complete_file
from talkinghead.media.planar import PlanarChange, PlanarPicture

Image = NDArray[np.uint8]
Window = tuple[int, int, int, int]  # left, top, width, height

# Said on the frames: what is said to the encoder alone does not reach primaries and transfer.
_COLOUR_TAGS = {"range": "tv", "color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}
# What x264 does besides its preset. A key frame is finer by ipratio than what follows: still parts are copied from it,
# so that they keep its quality while moving parts cost what their own needs. Coefficients are coded by Huffman codes
# (no cabac): a tenth more bytes, a quarter less work. Sorting out where B-frames help, weighting, and looking for cuts
# in what is one scene help nothing here. chromaloc 1: chroma lies in the middle of its four pixels.
_X264 = "ipratio=3:cabac=0:aq-mode=0:b-adapt=0:weightp=0:scenecut=0:chromaloc=1"
# The most that Linux gives without privileges: fewer changes between writer and reader per frame.
_PIPE_BYTES = 1 << 20


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
        still: Image | None = None,
    ) -> None:
        """Prepare; nothing is written before the `with` block.

        Args:
            output: the MP4 file.
            size: (width, height) of the frames to come, in pixels, 2..8192 each.
            fps: frames per second.
            frames: how many frames will come; the sound is padded with silence or cut to exactly their length.
            audio: a sound or video file whose first sound track goes in with its own rate and channels.
            options: see :class:`VideoOptions`.
            still: [H, W, 3] uint8 RGB, the photo in which :meth:`write_window` replaces a part.

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
        self._planar = PlanarPicture(*self.size)
        self._still = still
        self._shown: Window | None = None
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

    def write(self, frame: Image) -> None:  # [H, W, 3] RGB
        """Encode the next frame.

        Raises:
            ValueError: its size is not the announced one.
            RuntimeError: ffmpeg has failed, for example because the disk is full.
        """
        self._check(frame)
        width, height = self.size
        self._planar.put(frame[:height, :width])
        self._shown = (0, 0, width, height)
        self._send()

    def write_window(self, picture: Image, left: int, top: int) -> None:
        """Encode the still photo with a window of it replaced as the next frame: only the window is converted.

        Args:
            picture: [h, w, 3] uint8 RGB.
            left: the photo's column of the picture's first one.
            top: the photo's row of the picture's first one.

        Raises:
            ValueError: there is no still photo, or the window leaves it.
            RuntimeError: ffmpeg has failed, for example because the disk is full.
        """
        still = self._still_for(picture.shape[1], picture.shape[0], left, top)
        height, width = picture.shape[:2]
        even = self._even_window(left, top, width, height)
        self._restore_still(even)
        if even == (left, top, width, height):
            self._planar.put(picture, left, top)
        else:
            patch = still[even[1] : even[1] + even[3], even[0] : even[0] + even[2]].copy()
            # An odd last column or row of the photo is no part of the video.
            rows, columns = slice(top - even[1], top - even[1] + height), slice(left - even[0], left - even[0] + width)
            inside = patch[rows, columns]
            inside[:] = picture[: inside.shape[0], : inside.shape[1]]
            self._planar.put(patch, *even[:2])
        self._shown = even
        self._send()

    def write_planes(self, change: PlanarChange) -> None:
        """As :meth:`write_window`, for a window that is converted already.

        Raises:
            ValueError: there is no still photo, the window leaves it, or its numbers are odd.
            RuntimeError: ffmpeg has failed, for example because the disk is full.
        """
        height, width = change.luma.shape
        self._still_for(width, height, change.left, change.top)
        self._restore_still((change.left, change.top, width, height))
        self._planar.put_planes(change)
        self._shown = (change.left, change.top, width, height)
        self._send()

    def _still_for(self, width: int, height: int, left: int, top: int) -> Image:
        """The still photo, in which the window must lie."""
        if self._still is None:
            raise ValueError("A window needs the still photo")
        if min(left, top) < 0 or top + height > self._still.shape[0] or left + width > self._still.shape[1]:
            raise ValueError(f"A window of {width} x {height} at ({left}, {top}) leaves the photo")
        return self._still

    def _restore_still(self, window: Window) -> None:
        """Before `window` is replaced: the photo everywhere else."""
        if self._shown is None:
            assert self._still is not None  # noqa: S101 - _still_for has checked
            self._check(self._still)
            self._put_still((0, 0, *self.size))
        elif self._shown != window:
            self._put_still(self._shown)

    def _even_window(self, left: int, top: int, width: int, height: int) -> Window:
        """The smallest window that holds the one given and whole chroma samples."""
        x0, y0 = left - left % 2, top - top % 2
        x1, y1 = (min(n + n % 2, limit) for n, limit in zip((left + width, top + height), self.size, strict=True))
        return x0, y0, x1 - x0, y1 - y0

    def _put_still(self, window: Window) -> None:
        assert self._still is not None  # noqa: S101 - write_window has checked
        left, top, width, height = window
        self._planar.put(self._still[top : top + height, left : left + width], left, top)

    def _check(self, frame: Image) -> None:
        width, height = self.size
        if frame.ndim != 3 or frame.dtype != np.uint8 or frame.shape[2] != 3:
            raise ValueError(f"A frame must be uint8 [H, W, 3], got {frame.dtype} {list(frame.shape)}")
        if not (0 <= frame.shape[1] - width <= 1 and 0 <= frame.shape[0] - height <= 1):
            raise ValueError(f"A frame of {frame.shape[1]} x {frame.shape[0]} came for a video of {width} x {height}")

    def _send(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101 - Popen was asked for one
        try:
            pipe.write(self._planar.data.data)
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
            "pipe:0", format="rawvideo", pixel_format="yuv420p", s=f"{width}x{height}", framerate=rate
        )
        pictures = pictures.filter("setparams", **_COLOUR_TAGS)
        streams = [pictures]
        sound_options: dict[str, object] = {}
        if self.audio is not None:
            length = float(self.frames / self.fps)
            sound = ffmpeg.input(file_url(self.audio), protocol_whitelist="file,pipe").audio
            # Counting samples ignores holes in the time stamps, as AudioFile does, so that lips and sound agree.
            sound = sound.filter("asetpts", "N/SR/TB").filter("apad").filter("atrim", duration=f"{length:.9f}")
            streams.append(sound)
            sound_options = {"acodec": "aac", "audio_bitrate": self.options.audio_bitrate}
        x264 = {"vcodec": "libx264", "preset": self.options.preset, "crf": self.options.crf, "x264-params": _X264}
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


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold more, where the system has that and allows it."""
    if pipe is not None and sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # slower, but no reason to stop
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


class _running:  # noqa: N801 - used like a function
    """ffmpeg as a context manager: leaving it stops the program if it still runs."""

    def __init__(self, arguments: list[str], stderr: IO[bytes]) -> None:
        self.arguments, self.stderr = arguments, stderr

    def __enter__(self) -> subprocess.Popen[bytes]:
        # Its own session: Ctrl-C in the terminal reaches only us, and we decide what happens to the file.
        self.process = subprocess.Popen(
            self.arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self.stderr,
            start_new_session=True,
        )
        _widen(self.process.stdin)
        return self.process

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        if self.process.stdin is not None:
            with suppress(OSError):  # the part of a frame that a dead ffmpeg can no longer take
                self.process.stdin.close()
        self.process.wait()
