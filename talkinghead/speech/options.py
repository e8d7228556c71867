"""What a user may set about the motion, and the motion itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from torch import Tensor

from face3d.errors import InputError


@dataclass(frozen=True)
class MotionOptions:
    """Amounts of each kind of motion; 1 is natural, 0 is none.

    Attributes:
        head_motion: scale of the head's rotation; 0 keeps it exactly still.
        expression_scale: scale of the mouth's opening and shaping; closed lips stay closed at any scale.
        blink_rate: blinks per minute, 0..60.
        eye_motion: scale of the saccades.
        brow_motion: scale of the brow raises on stressed syllables.
    """

    head_motion: float = 1.0
    expression_scale: float = 1.0
    blink_rate: float = 15.0
    eye_motion: float = 1.0
    brow_motion: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            limit = 60.0 if field.name == "blink_rate" else 3.0
            if not (isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= limit):
                raise InputError(f"{field.name} must be a number from 0 to {limit:g}, got {value!r}.")


@dataclass(frozen=True)
class SpeechMotion:
    """Motion of `T` frames; rotations are small deltas to the pose of the photo.

    Attributes:
        expression: [T, 52] ARKit weights, 0..1, in the order of `face3d.arkit.ARKIT_NAMES`.
        rotation: [T, 3] axis-angle of the head in its own frame, radians: about +x (positive nods down), +y, +z.
        eye_rotation: [T, 2, 2] (pitch, yaw) of the left, then the right eye, radians; positive pitch looks down.
        fps: frames per second. Frame `k` shows the time from `k / fps` to `(k + 1) / fps`.
    """

    expression: Tensor  # [T, 52]
    rotation: Tensor  # [T, 3]
    eye_rotation: Tensor  # [T, 2, 2]
    fps: float

    def __len__(self) -> int:
        return int(self.expression.shape[0])
