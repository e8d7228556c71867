"""`Pose`: what drives one frame of an avatar, or a batch of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Pose:
    """One frame of motion, relative to the photo. Batches have a leading dimension [B] in every field.

    Attributes:
        expression: [52] absolute ARKit weights, 0..1.
        turn: [3] head rotation relative to the photo's, axis-angle in the head frame, radians.
        gaze: [2, 2] eyeball (pitch, yaw) relative to the photo's, radians.
        shift: [3] mm in the camera frame (+x right, +y down, +z away), what the head moves besides turning about the
            top of the neck.
    """

    expression: Tensor
    turn: Tensor = field(default_factory=lambda: torch.zeros(3))
    gaze: Tensor = field(default_factory=lambda: torch.zeros(2, 2))
    shift: Tensor = field(default_factory=lambda: torch.zeros(3))

    @classmethod
    def stack(cls, poses: Sequence[Pose]) -> Pose:
        """Single poses as one batch."""
        fields = ("expression", "turn", "gaze", "shift")
        return cls(**{name: torch.stack([getattr(pose, name) for pose in poses]) for name in fields})

    def to(self, device: torch.device | str) -> Pose:
        """The same in single precision on another device."""
        fields = ("expression", "turn", "gaze", "shift")
        return Pose(**{name: getattr(self, name).to(device, torch.float32) for name in fields})
