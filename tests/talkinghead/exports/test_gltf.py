"""Arrays survive the way through a GLB's buffer."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from talkinghead.exports.gltf import GltfBuffer, index_array, write_glb

NUMBERS = st.floats(-1e6, 1e6, width=32)
TRIPLES = arrays.arrays(np.dtype("<f4"), st.tuples(st.integers(1, 40), st.just(3)), elements=NUMBERS)


def written(buffer: GltfBuffer) -> tuple[dict[str, Any], bytes]:
    """Document and binary chunk of a file with nothing but the buffer."""
    file = io.BytesIO()
    write_glb(file, {"scene": 0}, buffer)
    data = file.getvalue()
    assert struct.unpack_from("<4sII", data) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert (kind, size % 4) == (b"JSON", 0)
    binary_size, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0"
    return json.loads(data[20 : 20 + size]), data[28 + size : 28 + size + binary_size]


def stored(document: dict[str, Any], binary: bytes, view: int, dtype: str) -> NDArray[Any]:
    where = document["bufferViews"][view]
    assert where["byteOffset"] % 4 == 0
    return np.frombuffer(binary[where["byteOffset"] :][: where["byteLength"]], dtype)


@given(st.lists(TRIPLES, min_size=1, max_size=4), st.lists(st.integers(0, 65534), min_size=1, max_size=9))
def test_arrays_come_back(values: list[NDArray[np.float32]], indices: list[int]) -> None:
    buffer = GltfBuffer()
    buffer.add(index_array(np.array(indices), 65535))
    for array in values:
        buffer.add(array, bounds=True)
    document, binary = written(buffer)
    assert document["buffers"] == [{"byteLength": len(binary)}]
    np.testing.assert_array_equal(stored(document, binary, 0, "<u2"), indices)
    for number, array in enumerate(values, 1):
        accessor = document["accessors"][number]
        assert (accessor["type"], accessor["count"]) == ("VEC3", len(array))
        np.testing.assert_array_equal(stored(document, binary, accessor["bufferView"], "<f4").reshape(-1, 3), array)
        np.testing.assert_array_equal(np.array(accessor["max"], np.float32), array.max(0))


@given(TRIPLES, st.sampled_from([0.0, 1e-3, 10.0]))
def test_sparse_arrays_lack_only_small_rows(values: NDArray[np.float32], smallest: float) -> None:
    buffer = GltfBuffer()
    buffer.add_sparse(values, smallest)
    document, binary = written(buffer)
    accessor = document["accessors"][0]
    found = np.zeros_like(values)
    if "sparse" in accessor:
        rows = stored(document, binary, accessor["sparse"]["indices"]["bufferView"], "<u2")
        found[rows] = stored(document, binary, accessor["sparse"]["values"]["bufferView"], "<f4").reshape(-1, 3)
    large = np.abs(values).max(1) > smallest
    np.testing.assert_array_equal(found[large], values[large])
    assert not found[~large].any()
    assert ("sparse" in accessor) == large.any()
    np.testing.assert_array_equal(np.array(accessor["min"], np.float32), found.min(0))


@pytest.mark.parametrize(("count", "dtype"), [(65535, "<u2"), (65536, "<u4")])
def test_index_types(count: int, dtype: str) -> None:
    """65535 itself is no index in two bytes."""
    assert index_array(np.array([0, count - 1]), count).dtype == np.dtype(dtype)


def test_numbers_that_json_lacks_are_refused() -> None:
    buffer = GltfBuffer()
    buffer.add(np.array([[np.nan, 0, 0]], np.float32), bounds=True)
    with pytest.raises(ValueError, match="JSON"):
        written(buffer)
