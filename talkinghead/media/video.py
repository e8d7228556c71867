"""MP4 writing: frames are encoded as they come, so memory does not grow with the length."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.config import MAX_SIDE
from talkinghead.media.audio import AudioFile, exact_rate
from talkinghead.media.mp4 import Mp4, VideoOptions
from talkinghead.media.output import complete_file
from talkinghead.media.planar import PlanarChange, PlanarPicture

__all__ = ["VideoOptions", "VideoWriter"]

Image = NDArray[np.uint8]
Window = tuple[int, int, int, int]  # left, top, width, height


class VideoWriter:
    """Writes H.264 (yuv420p, BT.709) with AAC sound to an MP4 file that appears only when it is complete.

    A context manager: leaving it normally finishes the file, an exception leaves nothing behind.
    yuv420p needs even sizes, so an odd last column or row is cut off.
    """

    def __init__(
        self,
        output: str | Path,
        size: tuple[int, int],
        fps: float,
        frames: int,
        audio: AudioFile | str | Path | None = None,
        options: VideoOptions = VideoOptions(),  # noqa: B008 - frozen
        still: Image | None = None,
        audio_start: float | None = None,
    ) -> None:
        """Prepare; nothing is written before the `with` block.

        Args:
            output: the MP4 file.
            size: (width, height) of the frames to come, in pixels, 2..8192 each.
            fps: frames per second.
            frames: how many frames will come; the sound is padded with silence or cut to exactly their length.
            audio: a sound or video file whose sound goes in, as mono or stereo.
            options: see :class:`VideoOptions`.
            still: [H, W, 3] uint8 RGB, the photo in which :meth:`write_window` replaces a part.
            audio_start: where the frames begin on the clock of the audio file's time stamps, s, if they are that
                file's own pictures; None: with its first sample.

        Raises:
            InputError: a size that H.264 cannot hold, or sound that cannot be read.
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
        self.audio = audio if isinstance(audio, AudioFile) or audio is None else AudioFile.open(audio)
        self.audio_start = audio_start
        self.options = options
        self.written = 0
        self._planar = PlanarPicture(*self.size)
        self._still = still
        self._shown: Window | None = None
        self._cleanup = ExitStack()

    def __enter__(self) -> VideoWriter:
        with ExitStack() as stack:
            temporary = stack.enter_context(complete_file(self.output, ".mp4"))
            self._file = Mp4(temporary, self.output, self.size, self.fps, self.options, self.audio, self.audio_start)
            stack.callback(self._file.close)
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
            OutputError: the file cannot be written, for example because the disk is full.
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
            OutputError: the file cannot be written, for example because the disk is full.
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
            OutputError: the file cannot be written, for example because the disk is full.
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
        self._file.add(self._planar.data)
        self.written += 1

    def _finish(self) -> None:
        if self.written != self.frames:
            raise RuntimeError(f"{self.written} frames were written to {self.output}, {self.frames} were announced")
        self._file.finish()
