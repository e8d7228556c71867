"""What a user may set about the motion, and the motion itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from face3d.errors import InputError
from talkinghead.speech.perform.emotion import EMOTIONS
from talkinghead.speech.perform.lids import MOST_BLINKS, NATURAL_BLINKS
from talkinghead.speech.perform.style import MotionStyle

LARGEST_AMOUNT = 3.0
LARGEST_START_ANGLE = 30.0  # degrees


@dataclass(frozen=True)
class MotionOptions:
    """Amounts of each kind of motion; 1 is natural, 0 is none.

    Attributes:
        head_motion: scale of the head's rotation; 0 keeps it exactly still, in the start pose.
        expression_scale: scale of the mouth's opening and shaping; closed lips stay closed at any scale.
        blink_rate: blinks per minute, 0..60; None: as they come naturally, or as in `style`.
        eye_motion: scale of the saccades.
        brow_motion: scale of what brows and narrowed eyes do.
        emotion: one of `talkinghead.speech.perform.emotion.EMOTIONS`; neutral leaves the photo's own expression.
        emotion_strength: 0..1.
        start_pose: (pitch, yaw, roll) degrees that the head is turned in the first frame, relative to the photo, as the
            components of one rotation vector: + nods down, turns to the subject's left, tilts to the subject's right.
        style: how somebody moves; None: as the model does by itself.
    """

    head_motion: float = 1.0
    expression_scale: float = 1.0
    blink_rate: float | None = None
    eye_motion: float = 1.0
    brow_motion: float = 1.0
    emotion: str = "neutral"
    emotion_strength: float = 1.0
    start_pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    style: MotionStyle | None = None

    def __post_init__(self) -> None:
        for name in ("head_motion", "expression_scale", "eye_motion", "brow_motion"):
            _check(name, getattr(self, name), 0, LARGEST_AMOUNT)
        if self.blink_rate is not None:
            _check("blink_rate", self.blink_rate, 0, MOST_BLINKS)
        _check("emotion_strength", self.emotion_strength, 0, 1)
        if self.emotion not in EMOTIONS:
            raise InputError(f"emotion must be one of {', '.join(EMOTIONS)}, got {self.emotion!r}.")
        if len(self.start_pose) != 3:
            raise InputError(f"start_pose must be three angles (pitch, yaw, roll), got {self.start_pose!r}.")
        for angle in self.start_pose:
            _check("start_pose", angle, -LARGEST_START_ANGLE, LARGEST_START_ANGLE)

    @property
    def blinks_per_minute(self) -> float:
        """What `blink_rate` and `style` come to."""
        if self.blink_rate is not None:
            return self.blink_rate
        return NATURAL_BLINKS if self.style is None else min(self.style.blinks_per_minute, MOST_BLINKS)

    @property
    def mouth_scale(self) -> float:
        """What `expression_scale` and `style` come to."""
        return self.expression_scale * (1.0 if self.style is None else self.style.mouth_ratio)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not (isinstance(value, int | float) and math.isfinite(value) and low <= value <= high):
        raise InputError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}.")


@dataclass(frozen=True, eq=False)
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
