"""Motion cut, joined, retimed and laid out in columns: what `FaceParameters` offers as methods."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.errors import InputError
from face3d.rotations import yaw_pitch_roll

if TYPE_CHECKING:
    from face3d.parameters import FaceParameters

FRAME_FIELDS = ("expression", "rotation", "translation", "eye_rotation", "confidence")
_CONSTANT_FIELDS = ("identity", "shape_residual", "texture", "light", "landmark_shapes")


def weight_of(motion: FaceParameters, name: str) -> NDArray[np.float32]:  # [T]
    """The weights of one ARKit expression over time, a copy.

    Raises:
        KeyError: there is no such expression.
    """
    return motion.expression[:, _index(name)].numpy().copy()


def with_weights(motion: FaceParameters, weights: Mapping[str, ArrayLike]) -> FaceParameters:
    """The motion with other weights, each [T] or one number, 0..1.

    Raises:
        KeyError: there is no such expression.
        InputError: another number of frames, or weights that leave 0..1.
    """
    expression = motion.expression.clone()
    for name, values in weights.items():
        column = torch.as_tensor(np.asarray(values, np.float32))
        if column.ndim > 1 or (column.ndim == 1 and len(column) != len(motion)):
            raise InputError(f"{name} needs {len(motion)} weights or one, got an array {list(column.shape)}.")
        expression[:, _index(name)] = column
    return dataclasses.replace(motion, expression=expression)


def _index(name: str) -> int:
    if name not in ARKIT_INDEX:
        raise KeyError(f"{name!r} is none of the 52 ARKit expressions, such as 'jawOpen' (face3d.arkit.ARKIT_NAMES)")
    return ARKIT_INDEX[name]


def columns_of(motion: FaceParameters) -> dict[str, NDArray[np.float32]]:
    """A column [T] for everything that changes: `time` in s, the 52 weights, angles in rad, places in mm.

    Angles of head and eyes: yaw to the subject's left, pitch up, roll to the subject's right shoulder (docs/frames.md).
    """
    angles, places = yaw_pitch_roll(motion.rotation.numpy()), motion.translation.numpy()
    eyes = motion.eye_rotation.numpy()
    columns: dict[str, NDArray[Any]] = {"time": np.arange(len(motion)) / motion.fps}
    columns |= {name: motion.expression[:, index].numpy() for index, name in enumerate(ARKIT_NAMES)}
    columns |= {f"head_{name}": angles[:, index] for index, name in enumerate(("yaw", "pitch", "roll"))}
    columns |= {f"head_{axis}": places[:, index] for index, axis in enumerate("xyz")}
    for side, name in enumerate(("left", "right")):
        columns |= {f"{name}_eye_yaw": eyes[:, side, 1], f"{name}_eye_pitch": -eyes[:, side, 0]}
    columns["confidence"] = motion.confidence.numpy()
    return {name: column.astype(np.float32) for name, column in columns.items()}


def joined(parts: Sequence[FaceParameters]) -> FaceParameters:
    """Motions of one person and camera one after the other.

    Raises:
        InputError: no parts, or parts of different people, cameras or frame rates.
    """
    if not parts:
        raise InputError("There is no motion to join.")
    first = parts[0]
    for other in parts[1:]:
        for name in ("fps", "camera", "model", *_CONSTANT_FIELDS):
            if not _alike(getattr(first, name), getattr(other, name)):
                raise InputError(f"Motions can be joined only if they have the same {name.replace('_', ' ')}.")
    values: dict[str, Any] = {n: torch.cat([getattr(part, n) for part in parts]) for n in FRAME_FIELDS}
    return dataclasses.replace(first, **values)


def _alike(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return not isinstance(one, Tensor) and not isinstance(other, Tensor) and one == other


def resampled(motion: FaceParameters, fps: float) -> FaceParameters:
    """The same motion at another frame rate, read linearly between the middles of its frames.

    It lasts as long, to half a new frame. A lower rate does not blur: a lip closure shorter than a new frame may fall
    between two of them.

    Raises:
        InputError: `fps` cannot be a frame rate.
    """
    if not (math.isfinite(fps) and fps > 0):
        raise InputError(f"A frame rate must be a positive number, got {fps!r}.")
    if not len(motion):
        return dataclasses.replace(motion, fps=fps)
    count = max(1, round(len(motion) * fps / motion.fps))
    at = ((torch.arange(count, dtype=torch.float64) + 0.5) * motion.fps / fps - 0.5).clamp(0, len(motion) - 1)
    before = at.floor().long()
    after = (before + 1).clamp(max=len(motion) - 1)
    share = (at - before).float()

    def between(name: str) -> Any:
        values = getattr(motion, name)
        return torch.lerp(values[before], values[after], share.reshape(-1, *[1] * (values.ndim - 1)))

    # Head rotations stay far from a half turn, where axis-angle vectors may not be read between.
    return dataclasses.replace(motion, fps=fps, **{name: between(name) for name in FRAME_FIELDS})
