"""MediaPipe's canonical face and the head matrix that its landmarks imply, as the shipped Face Landmarker finds it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from face3d.resources import asset_path

_METADATA = "geometry_pipeline_metadata_landmarks.binarypb"
_FLOATS_PER_VERTEX = 5  # x, y, z, u, v
# The height at distance 1 of what MediaPipe's camera sees (its default environment: 63 degrees).
_HEIGHT_AT_NEAR = 2 * float(np.tan(np.radians(63) / 2))

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CanonicalFace:
    """The steady part of MediaPipe's own face.

    Attributes:
        indices: [P] landmarks that hold still when the face moves.
        weights: [P] their weights in an alignment, summing to 1.
        center: [3] weighted mean of the points, cm (+x to the subject's left, +y up, +z out of the face).
        points: [P, 3] where they are on the canonical face, from `center`, cm.
        spread: weighted mean square of `points`.
    """

    indices: NDArray[np.int64]
    weights: FloatArray
    center: FloatArray
    points: FloatArray
    spread: float


@cache
def canonical_face() -> CanonicalFace:
    """Read from the shipped Face Landmarker."""
    with zipfile.ZipFile(asset_path("face_landmarker.task")) as task:
        metadata = task.read(_METADATA)
    # GeometryPipelineMetadata: 1 = Mesh3d {3: repeated float vertex_buffer}, 2 = {1: landmark_id, 2: weight}.
    fields = list(_protobuf_fields(metadata))
    (mesh,) = (value for number, _, value in fields if number == 1)
    buffer = np.concatenate([np.frombuffer(v, "<f4") for n, _, v in _protobuf_fields(mesh) if n == 3])
    basis = [tuple(_protobuf_fields(value)) for number, _, value in fields if number == 2]
    indices = np.array([number for (_, number, _), _ in basis])
    weights = np.array([np.frombuffer(weight, "<f4")[0] for _, (_, _, weight) in basis], np.float64)
    points = buffer.reshape(-1, _FLOATS_PER_VERTEX)[indices, :3].astype(np.float64)
    weights = weights / weights.sum()
    center = weights @ points
    points = points - center
    return CanonicalFace(indices, weights, center, points, float(weights @ (points**2).sum(1)))


def head_matrix(landmarks: NDArray[np.floating]) -> tuple[NDArray[np.float32], float]:
    """The canonical face's place in front of MediaPipe's camera.

    The landmarks' depth is relative, so the scale is found in two rounds: first with the picture's x and y as they
    are, then with x and y spread over the depth that the first scale gives (face_geometry/libs/geometry_pipeline.cc
    in MediaPipe's sources describes it).

    Args:
        landmarks: [478, 3]; x and y in 0..1 of a square picture, z in units of its side, smaller is nearer.

    Returns:
        [4, 4] as `FaceDetection.head_matrix`, and the root mean square distance of the landmarks that hold still from
        the canonical face so placed, over that of the canonical face from its centre: how unlike a face they are.
    """
    face = canonical_face()
    screen = np.asarray(landmarks, np.float64)[:468] * _HEIGHT_AT_NEAR
    depth = screen[:, 2].mean()
    screen = screen[face.indices]
    screen[:, 0] -= _HEIGHT_AT_NEAR / 2
    screen[:, 1] = _HEIGHT_AT_NEAR / 2 - screen[:, 1]
    scale = _align(face, screen * (1, 1, -1))[0]
    scale *= _align(face, _unproject(screen, depth, scale))[0]
    metric = _unproject(screen, depth, scale)
    size, rotation, middle = _align(face, metric)
    matrix = np.eye(4, dtype=np.float32)
    matrix[:3, :3], matrix[:3, 3] = size * rotation, middle - size * rotation @ face.center
    error = ((face.points @ (size * rotation).T + middle - metric) ** 2).sum(1) @ face.weights
    return matrix, float(np.sqrt(error / face.spread) / size)


def _unproject(screen: FloatArray, depth: float, scale: float) -> FloatArray:
    """Points on the near plane, at distance 1, to metric points, +z towards the camera."""
    z = (screen[:, 2:] - depth + 1) / scale
    return np.concatenate([screen[:, :2] * z, -z], axis=1)


def _align(face: CanonicalFace, points: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Scale, rotation [3, 3] and middle [3] that take the canonical face to `points` [P, 3], weighted (Umeyama)."""
    middle = face.weights @ points
    u, values, vt = np.linalg.svd(((points - middle) * face.weights[:, None]).T @ face.points)
    if np.linalg.det(u) * np.linalg.det(vt) < 0:
        u[:, 2], values[2] = -u[:, 2], -values[2]
    return float(values.sum() / face.spread), u @ vt, middle


def _protobuf_fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(number, value of a varint, bytes of anything else) of each field of a protocol buffer."""
    at = 0

    def varint() -> int:
        nonlocal at
        result = shift = 0
        while True:
            byte = message[at]
            at += 1
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return result

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint(), b""
            continue
        length = {1: 8, 5: 4}.get(key & 7) or varint()
        yield key >> 3, 0, message[at : at + length]
        at += length
