"""The header of a TIFF file, read without decoding anything: size, profile, camera's raw data."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Olympus and Panasonic write TIFF under other numbers.
_RAW_MAGIC = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0")
_WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC = 256, 257, 259, 262
_SUB_IFDS, _PROFILE, _DNG_VERSION = 330, 34675, 50706
_SENSOR_PHOTOMETRIC = frozenset({32803, 34892})  # colour filter array, linear raw
_RAW_COMPRESSION = frozenset({32767, 32769, 32770, 34713, 65535})  # Sony, Epson, Samsung, Nikon, Pentax
_FORMS = {1: "B", 2: "c", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_MOST_DIRECTORIES, _MOST_ENTRIES, _MOST_BYTES = 32, 4096, 1 << 24

Tags = dict[int, tuple[int, ...]]


@dataclass(frozen=True)
class TiffHeader:
    """What the directories of a TIFF file say.

    Attributes:
        size: (width, height) of the first picture; (0, 0) if it does not say.
        profile: its ICC profile, or nothing.
        is_raw: whether the file holds a camera's sensor data; what else is in it are previews.
    """

    size: tuple[int, int]
    profile: bytes
    is_raw: bool


def read_tiff_header(path: Path) -> TiffHeader | None:
    """The header of a TIFF file, also of one that is damaged further on; None for any other file."""
    with path.open("rb") as file:
        magic = file.read(4)
        if magic in _RAW_MAGIC:
            return TiffHeader((0, 0), b"", True)
        if magic not in MAGIC:
            return None
        file.seek(0)
        data = file.read(_MOST_BYTES)
        reader = _Reader(data, "<" if magic[:2] == b"II" else ">", b"+" in magic)
    directories = list(reader.directories())
    first = directories[0] if directories else {}
    is_raw = magic + data[8:10] == b"II*\0CR" or any(_holds_sensor_data(tags) for tags in directories)
    return TiffHeader(
        (_one(first, _WIDTH), _one(first, _HEIGHT)),
        bytes(n & 255 for n in first.get(_PROFILE, ())),
        is_raw,
    )


def _holds_sensor_data(tags: Tags) -> bool:
    sensor = _one(tags, _PHOTOMETRIC) in _SENSOR_PHOTOMETRIC or _one(tags, _COMPRESSION) in _RAW_COMPRESSION
    return sensor or _DNG_VERSION in tags


def _one(tags: Tags, tag: int) -> int:
    values = tags.get(tag)
    return values[0] if values else 0


class _Reader:
    """Directories of classic (4-byte) and big (8-byte) TIFF."""

    def __init__(self, data: bytes, order: str, is_big: bool) -> None:
        self._data, self._order = data, order
        self._offset, self._count, self._entry = ("Q", "Q", 20) if is_big else ("I", "H", 12)
        self._first = 8 if is_big else 4

    def directories(self) -> Iterator[Tags]:
        """The first directory, those after it and those within; never one twice."""
        seen: set[int] = set()
        waiting = [self._unpack(self._offset, self._first, 1)]
        while waiting and len(seen) < _MOST_DIRECTORIES:
            for place in waiting.pop(0):
                if not place or place in seen:
                    continue
                seen.add(place)
                tags, following = self._directory(place)
                yield tags
                waiting += [following, tags.get(_SUB_IFDS, ())]

    def _directory(self, place: int) -> tuple[Tags, tuple[int, ...]]:
        """Its tags, and where the next one is."""
        tags: Tags = {}
        counted = self._unpack(self._count, place, 1)
        count = min(counted[0], _MOST_ENTRIES) if counted else 0
        place += struct.calcsize(self._count)
        wide = struct.calcsize(self._offset)
        for start in range(place, place + count * self._entry, self._entry):
            head, number = self._unpack("H", start, 2), self._unpack(self._offset, start + 4, 1)
            if len(head) == 2 and number and head[1] in _FORMS:
                form, value = _FORMS[head[1]], start + 4 + wide
                if struct.calcsize(form) * number[0] > wide:
                    value = next(iter(self._unpack(self._offset, value, 1)), len(self._data))
                tags[head[0]] = self._unpack(form, value, number[0]) if form != "c" else ()
        return tags, self._unpack(self._offset, place + count * self._entry, 1)

    def _unpack(self, form: str, place: int, count: int) -> tuple[int, ...]:
        """Numbers at a place; none where the file ends before."""
        if not 0 <= place <= len(self._data) - struct.calcsize(form) * count:
            return ()
        return struct.unpack_from(f"{self._order}{count}{form}", self._data, place)
