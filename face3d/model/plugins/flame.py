"""FLAME (Li et al., 2017), from an `.npz` or `.safetensors` file with the arrays of its `.pkl`.

Licence: the user's own registered copy (Max Planck Society). Nothing of it is here. The `.pkl` is never read, because
unpickling runs whatever code the file holds. Its arrays, under the same names: `v_template` [V, 3], `shapedirs`
[V, 3, 300 + E], `posedirs` [V, 3, 36], `J_regressor` [5, V], `weights` [V, 5], `kintree_table` [2, 5] and `f` [F, 3];
metres, +x to the subject's left, +y up, +z out of the face. Joints: root, neck, jaw, left eye, right eye.

`full_lmk_faces_idx` [68] and `full_lmk_bary_coords` [68, 3], from the `landmark_embedding.npy` that many FLAME projects
bring, may be added; without them the landmarks are found by registering our own head, a few millimetres accurate.

Native expressions: the E components, then the jaw turned by `JAW_STEPS` about x (opens), y and z.
"""

from __future__ import annotations

import logging
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from face3d.camera import axis_angle_to_matrix
from face3d.errors import InputError
from face3d.model.parts import Part
from face3d.model.plugins.measured import load_measured
from face3d.model.plugins.plugin import PluginModel, RawModel, assemble
from face3d.model.plugins.surface import Array, Indices, SurfacePoints

MILLIMETRES = 1000.0  # in a metre
SHAPE_COMPONENTS = 300
# The first components hold nearly all of the variance; a fit needs no more.
USED_SHAPE_COMPONENTS = 100
# Rotation of the jaw, rad, that counts as one standard deviation, about x, y, z.
JAW_STEPS = (0.2, 0.05, 0.05)
_JAW, _LEFT_EYE, _RIGHT_EYE = 2, 3, 4
_NEEDED = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f")
# What a damaged file or one of another kind makes its reader raise, beside the usual errors.
_DAMAGE = (SafetensorError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error)
_LANDMARK_KEYS = ("full_lmk_faces_idx", "full_lmk_bary_coords")

_log = logging.getLogger(__name__)


def load_flame(path: str | Path) -> PluginModel:
    """Read FLAME; its expressions and its jaw are matched to ARKit's units by the landmarks' motion.

    Raises:
        InputError: a `.pkl`, or a file of another layout.
    """
    path = Path(path)
    arrays = _read(path)
    template = arrays["v_template"].astype(float)
    count, triangles = len(template), arrays["f"].astype(np.int64)
    directions = arrays["shapedirs"].astype(float)
    shapes = {"v_template": (count, 3), "posedirs": (count, 3, 36), "J_regressor": (5, count), "weights": (count, 5)}
    wrong = [name for name, shape in shapes.items() if arrays[name].shape != shape]
    if directions.ndim != 3 or directions.shape[:2] != (count, 3) or directions.shape[2] <= SHAPE_COMPONENTS:
        wrong.append("shapedirs")
    if triangles.ndim != 2 or not 0 <= triangles.min() <= triangles.max() < count:
        wrong.append("f")
    if wrong:
        raise InputError(f"{path} is no FLAME model: {', '.join(wrong)} have another shape than FLAME's.")
    joints = arrays["J_regressor"].astype(float) @ template
    basis = directions.transpose(2, 0, 1)
    native = np.concatenate([basis[SHAPE_COMPONENTS:], jaw_motion(arrays, template, joints[_JAW])])
    landmarks = _landmarks(arrays, triangles)
    if landmarks is None:
        _log.info("%s says nothing of landmarks; they are found by registration, which is less exact.", path.name)
    return assemble(
        RawModel(
            name="flame",
            vertices=template * MILLIMETRES,
            identity=basis[:USED_SHAPE_COMPONENTS] * MILLIMETRES,
            triangles=triangles,
            parts=_parts(arrays["weights"], triangles),
            landmarks68=landmarks,
            landmarks478=load_measured(path, count),
            eye_centers=joints[[_LEFT_EYE, _RIGHT_EYE]] * MILLIMETRES,
            native=native * MILLIMETRES,
        )
    )


def jaw_motion(arrays: dict[str, np.ndarray], template: Array, joint: Array) -> Array:  # [3, V, 3] m
    """What linear blend skinning and the pose correctives do when the jaw turns by each of `JAW_STEPS`."""
    weight = arrays["weights"].astype(float)[:, _JAW, None]
    # Correctives follow the entries of R - 1 of the joints after the root, row by row.
    correctives = arrays["posedirs"].astype(float)[:, :, 9 * (_JAW - 1) : 9 * _JAW]
    moved = []
    for axis, angle in enumerate(JAW_STEPS):
        vector = torch.zeros(3, dtype=torch.float64)
        vector[axis] = angle
        rotation = axis_angle_to_matrix(vector).numpy()
        shaped = template + correctives @ (rotation - np.eye(3)).reshape(-1)
        turned = (shaped - joint) @ rotation.T + joint
        moved.append(shaped + weight * (turned - shaped) - template)
    return np.stack(moved)


def _read(path: Path) -> dict[str, np.ndarray]:
    if path.suffix.lower() == ".pkl":
        raise InputError(
            f"{path} is a pickle, which can run any code and is never read here: write its arrays to an .npz file "
            "where you trust it, as docs/face_models.md shows."
        )
    try:
        if path.suffix.lower() == ".safetensors":
            arrays = load_file(path)
        else:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files if name in (*_NEEDED, *_LANDMARK_KEYS)}
    except (OSError, ValueError, EOFError, *_DAMAGE) as error:
        raise InputError(f"{path} cannot be read as .npz or .safetensors with plain arrays of FLAME.") from error
    lacking = [name for name in _NEEDED if name not in arrays]
    if lacking:
        raise InputError(f"{path} lacks {', '.join(lacking)}, so it is no FLAME model.")
    return arrays


def _parts(weights: np.ndarray, triangles: Indices) -> Indices:
    """The eyeballs are what the eye joints carry."""
    carried = weights[triangles].min(1)  # [F, 5]
    parts = np.full(len(triangles), int(Part.SKIN))
    parts[carried[:, _LEFT_EYE] > 0.5] = Part.LEFT_EYEBALL
    parts[carried[:, _RIGHT_EYE] > 0.5] = Part.RIGHT_EYEBALL
    return parts


def _landmarks(arrays: dict[str, np.ndarray], triangles: Indices) -> SurfacePoints | None:
    if any(name not in arrays for name in _LANDMARK_KEYS):
        return None
    faces, weights = (arrays[name] for name in _LANDMARK_KEYS)
    faces, weights = faces.reshape(-1).astype(np.int64), weights.reshape(-1, 3).astype(float)
    if faces.shape != (68,) or weights.shape != (68, 3) or not 0 <= faces.min() <= faces.max() < len(triangles):
        raise InputError(f"{' and '.join(_LANDMARK_KEYS)} of the FLAME file are no embedding of 68 landmarks.")
    return SurfacePoints(triangles[faces], weights)
