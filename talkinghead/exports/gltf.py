"""A small writer of binary glTF 2.0 files: accessors over one buffer, and the two chunks of a GLB.

https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
_COMPONENTS = {"<f4": 5126, "<u2": 5123, "<u4": 5125}
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
_MAGIC, _VERSION = 0x46546C67, 2
_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942
# 65535 ends strips ("primitive restart") and is no index.
_LARGEST_SHORT_COUNT = 65535


@dataclass
class GltfBuffer:
    """Arrays on their way into a file's buffer, with the accessors that describe them.

    Attributes:
        views, accessors: glTF's `bufferViews` and `accessors`.
        pieces: the arrays, each padded to four bytes when written.
        size: bytes so far.
    """

    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)
    pieces: list[memoryview] = field(default_factory=list)
    size: int = 0

    def add_view(self, data: NDArray[Any] | bytes, target: int | None = None) -> int:
        """Store bytes; returns the index of their view."""
        piece = memoryview(data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes())
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self.size, "byteLength": piece.nbytes}
        if target is not None:
            view["target"] = target
        self.views.append(view)
        self.pieces.append(piece)
        self.size += _padded(piece.nbytes)
        return len(self.views) - 1

    def add(self, values: NDArray[Any], target: int | None = None, bounds: bool = False) -> int:
        """Store `values` [N] or [N, C] (float32, uint16 or uint32), `bounds` with min and max; returns the accessor."""
        accessor = _describe(values) | {"bufferView": self.add_view(values, target)}
        return self._append(accessor, values if bounds else None)

    def add_sparse(self, values: NDArray[np.float32], smallest: float) -> int:
        """Store only the rows of [N, C] that have a number larger than `smallest`; the others are zero."""
        rows = np.flatnonzero(np.abs(values).max(1) > smallest)
        accessor = _describe(values)
        if len(rows):
            indices = index_array(rows, len(values))
            accessor["sparse"] = {
                "count": len(rows),
                "indices": {
                    "bufferView": self.add_view(indices),
                    "componentType": _COMPONENTS[indices.dtype.newbyteorder("<").str],
                },
                "values": {"bufferView": self.add_view(values[rows])},
            }
        stored = np.zeros_like(values)
        stored[rows] = values[rows]
        return self._append(accessor, stored)

    def _append(self, accessor: dict[str, Any], bounded: NDArray[Any] | None) -> int:
        if bounded is not None:
            rows = bounded.reshape(len(bounded), -1)
            accessor |= {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def index_array(indices: NDArray[Any], count: int) -> NDArray[Any]:
    """Indices below `count` in the smallest type that glTF has for them."""
    return indices.astype("<u2" if count <= _LARGEST_SHORT_COUNT else "<u4")


def write_glb(file: BinaryIO, document: dict[str, Any], buffer: GltfBuffer) -> None:
    """Write `document` (without buffers, views and accessors) and the buffer."""
    document = document | {
        "asset": {"version": "2.0"} | document.get("asset", {}),
        "buffers": [{"byteLength": buffer.size}],
        "bufferViews": buffer.views,
        "accessors": buffer.accessors,
    }
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    text += b" " * (_padded(len(text)) - len(text))
    file.write(struct.pack("<III", _MAGIC, _VERSION, 12 + 8 + len(text) + 8 + buffer.size))
    file.write(struct.pack("<II", len(text), _JSON_CHUNK) + text)
    file.write(struct.pack("<II", buffer.size, _BINARY_CHUNK))
    for piece in buffer.pieces:
        file.write(piece)
        file.write(bytes(_padded(piece.nbytes) - piece.nbytes))


def _describe(values: NDArray[Any]) -> dict[str, Any]:
    width = 1 if values.ndim == 1 else values.shape[1]
    return {
        "componentType": _COMPONENTS[values.dtype.newbyteorder("<").str],
        "count": len(values),
        "type": _TYPES[width],
    }


def _padded(size: int) -> int:
    return -(-size // 4) * 4
