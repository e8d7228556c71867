"""MediaPipe's 478 points as `scripts/measure_landmarks.py` finds them on a model, in a file beside the model's own."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from face3d.errors import InputError
from face3d.model.plugins.surface import SurfacePoints

_NAME = "landmarks478.npz"


def measured_path(path: Path) -> Path:
    """Where the points of the model at `path` (a file or a folder) are kept."""
    return path / _NAME if path.is_dir() else path.with_name(f"{path.name}.{_NAME}")


def save_measured(path: Path, points: SurfacePoints) -> None:
    """Keep the points of the model at `path`; :func:`load_measured` finds them from then on."""
    with measured_path(path).open("wb") as file:
        np.savez_compressed(file, triangles=points.triangles, barycentric=points.barycentric)


def load_measured(path: Path, vertex_count: int) -> SurfacePoints | None:
    """The measured points of the model at `path`, None where there are none.

    Raises:
        InputError: they are another model's, or their file is damaged.
    """
    file = measured_path(path)
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as arrays:
            points = SurfacePoints(arrays["triangles"].astype(np.int64), arrays["barycentric"].astype(float))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{file} cannot be read: measure the landmarks again, or delete it.") from error
    fits = points.triangles.shape == points.barycentric.shape == (478, 3)
    if not fits or not 0 <= points.triangles.min() <= points.triangles.max() < vertex_count:
        raise InputError(f"{file} does not fit the model beside it: measure the landmarks again, or delete it.")
    return points
