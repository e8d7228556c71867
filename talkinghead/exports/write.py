"""Face parameters in forms that other programs read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from face3d.arkit import ARKIT_NAMES
from face3d.parameters import FaceParameters
from talkinghead.exports.livelink import write_livelink_csv
from talkinghead.media.output import complete_file

if TYPE_CHECKING:
    import torch

    from face3d.model.morphable_model import MorphableModel

# The face model and its meshes take their time to be imported: tables of numbers do without.

# Frames whose vertices are computed at once; a frame takes about 60 kB.
_BLOCK = 256


def write_json(parameters: FaceParameters, output: str | Path) -> None:
    """Everything as JSON: the names of the 52 ARKit weights once, then one object for each frame.

    Units are those of :class:`FaceParameters`: radians, millimetres, pixels. Numbers are rounded to six decimals.
    """
    header = {
        "fps": parameters.fps,
        "model": parameters.model,
        "camera": dataclasses.asdict(parameters.camera),
        "identity": _rounded(parameters.identity),
        "expression_names": ARKIT_NAMES,
    }
    for name in ("shape_residual", "landmark_shapes"):
        value = getattr(parameters, name)
        if value is not None:
            header[name] = _rounded(value)
    fields = ("expression", "rotation", "translation", "eye_rotation", "confidence")
    with complete_file(output) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(header)[:-1] + ', "frames": [')
        for index in range(len(parameters)):
            frame = {name: _rounded(getattr(parameters, name)[index]) for name in fields}
            file.write(("," if index else "") + "\n" + json.dumps(frame))
        file.write("\n]}\n")


def write_neutral(parameters: FaceParameters, output: str | Path, model: MorphableModel | None = None) -> None:
    """The face at rest as NPZ: `vertices` [V, 3] mm in the head frame, `faces` [F, 3], `landmarks7` [7, 3] mm."""
    from face3d.model.morphable_model import LANDMARKS_7
    from face3d.model.registry import model_of

    model = model_of(parameters, model)
    neutral = model.neutral(parameters.identity)
    points = model.landmarks478.of(neutral)[list(LANDMARKS_7)]
    _write_npz(output, vertices=neutral.numpy(), faces=model.triangles.numpy(), landmarks7=points.numpy())


def write_landmarks(parameters: FaceParameters, output: str | Path, model: MorphableModel | None = None) -> None:
    """The moving landmarks as NPZ: `landmarks478` [T, 478, 3] mm in the head frame, without head motion; `fps`."""
    from face3d.model.registry import model_of

    model = model_of(parameters, model)
    pieces = [np.zeros((0, 478, 3), np.float32)]
    for start in range(0, len(parameters), _BLOCK):
        part = parameters.frames(start, start + _BLOCK)
        pieces.append(model.landmarks478.of(model.vertices(part.identity, part.expression, part.eye_rotation)).numpy())
    _write_npz(output, landmarks478=np.concatenate(pieces), fps=np.array(parameters.fps))


def write_glb(parameters: FaceParameters, output: str | Path, model: MorphableModel | None = None) -> None:
    """See :func:`talkinghead.exports.glb.write_glb_animation`."""
    from talkinghead.exports.glb import write_glb_animation

    write_glb_animation(parameters, output, model)


# Those that need the parameters' face model take it as a third argument; without it, they load it by its name.
MESH_WRITERS: dict[str, Callable[[FaceParameters, str | Path, MorphableModel | None], None]] = {
    "glb": write_glb,
    "landmarks": write_landmarks,
    "neutral": write_neutral,
}
CURVE_WRITERS: dict[str, Callable[[FaceParameters, str | Path], None]] = {
    "json": write_json,
    "livelink-csv": write_livelink_csv,
}


def write_export(
    parameters: FaceParameters, kind: str, output: str | Path, model: MorphableModel | None = None
) -> None:
    """Write `output` in the format `kind`, a key of the tables above."""
    if kind in MESH_WRITERS:
        MESH_WRITERS[kind](parameters, output, model)
    else:
        CURVE_WRITERS[kind](parameters, output)


def _write_npz(output: str | Path, **arrays: np.ndarray) -> None:
    with complete_file(output) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _rounded(tensor: torch.Tensor) -> object:
    return np.round(tensor.double().numpy(), 6).tolist()
