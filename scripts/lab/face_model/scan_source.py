"""ICT-FaceKit light (USC Institute for Creative Technologies, MIT) out of the compact arrays it is kept in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from face3d.arkit import ARKIT_NAMES
from face3d.errors import InputError
from face3d.model.plugins.ict import ICT_TOPOLOGY, MILLIMETRES, parts_of, sided_names
from face3d.model.plugins.plugin import PluginModel, RawModel, assemble, vertex_points

_IDENTITY_FILES = 4


def load_scan(folder: Path) -> PluginModel:
    """The scanned head: mean, 100 identity modes and the expressions that ARKit names.

    Args:
        folder: `neutral_expressions.npz` (neutral_cm [V, 3], faces [F, 4] with -1 where a face has three corners, and
            each expression's moved vertices) and `identity_0.npz` to `identity_3.npz` (modes_int16 * cm_per_step).

    Raises:
        InputError: a file is missing.
    """
    try:
        arrays = np.load(folder / "neutral_expressions.npz", allow_pickle=False)
        modes = [np.load(folder / f"identity_{number}.npz", allow_pickle=False) for number in range(_IDENTITY_FILES)]
    except OSError as error:
        raise InputError(f"{folder} lacks a file of the scanned head ({error}).") from error
    mean = arrays["neutral_cm"].astype(float)
    faces = arrays["faces"].astype(np.int64)
    triangles = np.concatenate([faces[:, :3], faces[faces[:, 3] >= 0][:, [0, 2, 3]]])
    moved: dict[str, np.ndarray] = {}
    offsets = arrays["expression_offset"]
    for number, name in enumerate(arrays["expression_names"]):
        part = slice(offsets[number], offsets[number + 1])
        moved[str(name)] = np.zeros_like(mean)
        moved[str(name)][arrays["expression_vertex"][part]] = arrays["expression_delta_cm"][part]
    named = {}
    for name in ARKIT_NAMES:
        halves = [moved[half] for half in sided_names(name) if half in moved]
        if halves:
            named[name] = np.sum(halves, 0) * MILLIMETRES
    identity = np.concatenate([m["modes_int16"] * m["cm_per_step"][:, None, None] for m in modes])
    return assemble(
        RawModel(
            name="ict-facekit",
            vertices=mean * MILLIMETRES,
            identity=identity * MILLIMETRES,
            triangles=triangles,
            parts=parts_of(ICT_TOPOLOGY, triangles),
            landmarks68=vertex_points(np.array(ICT_TOPOLOGY.landmarks68), triangles),
            named=named,
        )
    )
