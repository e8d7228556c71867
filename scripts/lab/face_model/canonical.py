"""Which of MediaPipe's points mirror each other, read off the canonical face inside `face_landmarker.task`."""

from __future__ import annotations

import struct
import zipfile

import numpy as np

from face3d.resources import asset_path

_MEMBER = "geometry_pipeline_metadata_landmarks.binarypb"
_POINTS, _VALUES = 468, 5  # x, y, z, u, v


def canonical_points() -> np.ndarray:  # [468, 3]
    """The canonical face, cm: +x to the subject's left, +y up, +z out of the face."""
    with zipfile.ZipFile(asset_path("face_landmarker.task")) as bundle:
        message = bundle.read(_MEMBER)
    # GeometryPipelineMetadata.canonical_mesh (1) = Mesh3d.vertex_buffer (3): floats, each behind its tag.
    values: list[float] = []
    position = message.index(struct.pack("B", 3 << 3 | 5))
    while message[position] == 3 << 3 | 5:
        values += struct.unpack_from("<f", message, position + 1)
        position += 5
    if len(values) != _POINTS * _VALUES:
        raise RuntimeError(f"The canonical face has {len(values)} numbers, expected {_POINTS * _VALUES}.")
    return np.array(values).reshape(_POINTS, _VALUES)[:, :3]


def mirror_twins() -> np.ndarray:  # [468] int
    """For each point, the point that lies at its mirror image; on the middle line that is the point itself."""
    points = canonical_points()
    distance = np.linalg.norm(points[:, None] - points[None] * [-1.0, 1.0, 1.0], axis=2)
    twins = distance.argmin(1)
    if (twins[twins] != np.arange(_POINTS)).any():
        raise RuntimeError("The canonical face is not symmetric.")
    return twins
