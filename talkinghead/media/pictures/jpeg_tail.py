"""JPEG files whose very end is missing: the end marker, or the last few bytes of the last rows."""

from __future__ import annotations

import re
from io import BytesIO

import numpy as np
from PIL import Image

_END = b"\xff\xd9"
# Two ways to fill up what is missing: where the pictures are alike, nothing was.
_FILLINGS = (_END, b"\x55" * 64 + _END)
_MOST_LOST = 0.01  # share of the rows; and at least two rows of blocks
_ROWS_OF_BLOCKS = 32
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_SCAN = 0xDA
_COEFFICIENTS = 64


def whole_but_for_its_tail(data: bytes) -> Image.Image | None:
    """The picture of a JPEG that ends too early, if all of it is there but for some of its last rows; else None.

    Pillow can be told to take any cut picture, but only for the whole process.
    """
    if not _has_all_scans(data):
        return None
    first, second = (_decoded(data.rstrip(b"\xff") + filling) for filling in _FILLINGS)
    if first is None or second is None:
        return None
    rows = np.flatnonzero((np.asarray(first) != np.asarray(second)).reshape(first.height, -1).any(axis=1))
    if len(rows) and first.height - rows[0] > max(_ROWS_OF_BLOCKS, _MOST_LOST * first.height):
        return None
    return first


def _decoded(data: bytes) -> Image.Image | None:
    try:
        image = Image.open(BytesIO(data), formats=("JPEG",))
        image.load()
    except (OSError, SyntaxError, ValueError):
        return None
    return image


def _has_all_scans(data: bytes) -> bool:
    """Whether every coefficient of every component has come to its last bit; a scan itself may be cut."""
    known: dict[int, list[bool]] = {}
    place = 2
    while (found := _MARKER.search(data, place)) is not None and len(data) >= found.end() + 2:
        kind, start = found.group(1)[0], found.end()
        length = int.from_bytes(data[start : start + 2], "big")
        content = data[start + 2 : start + length]
        place = start + length
        if kind in _FRAMES and len(content) > 5:
            known = {component: [False] * _COEFFICIENTS for component in content[6 : 6 + 3 * content[5] : 3]}
        if kind == _SCAN and content and len(content) >= 2 * content[0] + 4:
            first, last, bits = content[-3:]
            for component in content[1 : 1 + 2 * content[0] : 2]:
                if bits & 15 == 0 and component in known:
                    known[component][first : last + 1] = [True] * (last + 1 - first)
    return bool(known) and all(all(done) for done in known.values())
