"""One followed person over time: `Track`, and the file to which it grows frame by frame.

The file has records of one size after a header of one size, so a video of any length passes through constant memory,
an interruption leaves all whole frames, and the finished file opens as arrays without being read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from face3d.detect.detector import LANDMARK_COUNT, FaceDetection
from face3d.errors import InputError

FORMAT_VERSION = 1
_MAGIC = b"face3d track\n"
_HEADER_BYTES = 4096
_RECORD = np.dtype(
    [
        ("landmarks_px", "<f4", (LANDMARK_COUNT, 2)),
        ("landmarks_z", "<f4", (LANDMARK_COUNT,)),
        ("scores", "<f4", (52,)),
        ("shot", "<i4"),
        ("found", "?"),
        ("others", "u1"),
        ("unused", "u1", (2,)),
    ]
)
_ARRAYS = ("landmarks_px", "landmarks_z", "scores", "found", "shot", "others")


@dataclass(frozen=True, eq=False)
class Track:
    """One person's face in every frame of a video.

    The arrays may be read-only views of a file on disk.

    Attributes:
        landmarks_px: [T, 478, 2] float32, as in `FaceDetection`; NaN where the face is lost.
        landmarks_z: [T, 478] float32, pixels; NaN where the face is lost.
        scores: [T, 52] float32, 0..1; NaN where the face is lost.
        found: [T] bool.
        shot: [T] int32, grows by one at each cut.
        others: [T] uint8, how many other faces were seen in the frame (255 stands for more).
        fps: frames per second, constant, > 0.
        image_size: (width, height) in pixels.
    """

    landmarks_px: NDArray[np.float32]
    landmarks_z: NDArray[np.float32]
    scores: NDArray[np.float32]
    found: NDArray[np.bool_]
    shot: NDArray[np.int32]
    others: NDArray[np.uint8]
    fps: float
    image_size: tuple[int, int]

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            value, expected = getattr(self, name), _RECORD[name]
            shape = (len(self), *expected.shape)
            if value.shape != shape or value.dtype != expected.base:
                got = f"{value.dtype} {list(value.shape)}"
                raise ValueError(f"Track.{name} must be {expected.base} {list(shape)}, got {got}")

    def __len__(self) -> int:
        return int(self.found.shape[0])

    def frames(self, start: int, stop: int) -> Track:
        """The frames `start` (included) to `stop` (excluded), like a slice; views, not copies."""
        arrays: dict[str, Any] = {name: getattr(self, name)[start:stop] for name in _ARRAYS}
        return replace(self, **arrays)

    @classmethod
    def of(
        cls,
        faces: Sequence[FaceDetection | None],
        fps: float,
        image_size: tuple[int, int],
        shot: Sequence[int] | None = None,
    ) -> Track:
        """A track in memory; None marks a frame without the face. Without `shot` there is no cut."""
        records = np.empty(len(faces), _RECORD)
        for index, face in enumerate(faces):
            records[index] = _record(face, shot[index] if shot else 0, 0)
        return _track(records, fps, image_size)


class TrackWriter:
    """Appends frames to a track's file; a context manager.

    A file that is already there is continued if it was begun for the same video in the same way (`fps`, `image_size`
    and `source` agree), and begun anew otherwise.

    Args:
        path: the file.
        fps: frames per second, > 0.
        image_size: (width, height) in pixels.
        source: what tells this video and the way it is followed from others, as JSON; see :func:`fingerprint`.

    Attributes:
        frames: how many frames are in the file.
        shot: the number of the last frame's shot, 0 in an empty file.

    Raises:
        InputError: the file cannot be written.
    """

    def __init__(self, path: str | Path, fps: float, image_size: tuple[int, int], source: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.frames = self.shot = 0
        self._header = _make_header(fps, image_size, source)

    def __enter__(self) -> TrackWriter:
        try:
            if self._continues():
                self._file: IO[bytes] = self.path.open("r+b")
                self._take_up()
            else:
                self._file = self.path.open("w+b")
                self._file.write(self._header)
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {error.strerror}.") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, face: FaceDetection | None, cut: bool = False, others: int = 0) -> None:
        """Add the next frame.

        Args:
            face: the followed person's, or None where it is not seen.
            cut: whether a new shot begins with this frame.
            others: how many other faces are in the frame.
        """
        self.shot += int(cut and self.frames > 0)
        self._file.write(_record(face, self.shot, others).tobytes())
        self.frames += 1

    def flush(self) -> None:
        """Bring all frames to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def keep(self, frames: int) -> None:
        """Drop all frames after the first `frames`."""
        self._file.flush()
        self._file.truncate(_HEADER_BYTES + min(frames, self.frames) * _RECORD.itemsize)
        self._take_up()

    def _continues(self) -> bool:
        if not self.path.is_file():
            return False
        with self.path.open("rb") as file:
            return file.read(_HEADER_BYTES) == self._header

    def _take_up(self) -> None:
        """Stand behind the last whole record."""
        size = self._file.seek(0, os.SEEK_END) - _HEADER_BYTES
        self.frames, self.shot = size // _RECORD.itemsize, 0
        end = _HEADER_BYTES + self.frames * _RECORD.itemsize
        self._file.truncate(end)
        if self.frames:
            self._file.seek(end - _RECORD.itemsize)
            self.shot = int(np.frombuffer(self._file.read(_RECORD.itemsize), _RECORD)["shot"][0])
        self._file.seek(end)


def open_track(path: str | Path) -> Track:
    """The whole frames in a file of :class:`TrackWriter`, as views of the file.

    Raises:
        InputError: the file is missing, no track, or of a newer version.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    fps, image_size = _read_header(path, header)
    count = (path.stat().st_size - _HEADER_BYTES) // _RECORD.itemsize
    if count == 0:  # nothing cannot be mapped
        return _track(np.empty(0, _RECORD), fps, image_size)
    return _track(np.memmap(path, _RECORD, "r", _HEADER_BYTES, (count,)), fps, image_size)


def fingerprint(video: str | Path, **options: Any) -> dict[str, Any]:
    """What tells one video, and the options with which it is followed, from others: size, time of change, options."""
    status = Path(video).stat()
    return {"bytes": status.st_size, "changed_ns": status.st_mtime_ns, "options": options}


def _record(face: FaceDetection | None, shot: int, others: int) -> NDArray[np.void]:
    record = np.zeros((), _RECORD)
    for name in ("landmarks_px", "landmarks_z", "scores"):
        record[name] = np.nan if face is None else getattr(face, name)
    record["found"], record["shot"], record["others"] = face is not None, shot, min(others, 255)
    return record


def _track(records: NDArray[np.void], fps: float, image_size: tuple[int, int]) -> Track:
    arrays: dict[str, Any] = {name: records[name] for name in _ARRAYS}
    return Track(**arrays, fps=fps, image_size=image_size)


def _make_header(fps: float, image_size: tuple[int, int], source: Mapping[str, Any]) -> bytes:
    fields = {"version": FORMAT_VERSION, "fps": fps, "image_size": list(image_size), "source": dict(source)}
    header = _MAGIC + json.dumps(fields, sort_keys=True).encode()
    if len(header) > _HEADER_BYTES:
        raise ValueError(f"The track's source takes {len(header)} bytes, at most {_HEADER_BYTES} fit")
    return header.ljust(_HEADER_BYTES)


def _read_header(path: Path, header: bytes) -> tuple[float, tuple[int, int]]:
    """Frames per second and (width, height)."""
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise InputError(f"{path} is not a track file.")
    try:
        fields = json.loads(header[len(_MAGIC) :])
        version, fps, (width, height) = int(fields["version"]), float(fields["fps"]), fields["image_size"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} has a damaged track header ({error}).") from error
    if version > FORMAT_VERSION:
        raise InputError(f"{path} has track version {version}; this program reads up to {FORMAT_VERSION}: update it.")
    return fps, (int(width), int(height))
