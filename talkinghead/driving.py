"""Motion applied to a person: speech or a parameter file drives the face of a fitted photo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from face3d.arkit import ARKIT_NAMES
from face3d.camera import Camera, axis_angle_to_matrix, matrix_to_axis_angle
from face3d.parameters import FaceParameters
from face3d.pose import turn_head

# A mood stays while somebody speaks, weaker, because it must not keep the lips from their work.
_MOOD = ("mouthSmile", "mouthDimple", "mouthFrown")
_MOOD_SHARE = 0.6
_SPOKEN = ("jaw", "mouth", "tongue")

# Where `animate` puts a face that belongs to no photo: a square picture with the head in its middle.
NEUTRAL_CAMERA = Camera(1000.0, (256.0, 256.0), (512, 512))
NEUTRAL_TRANSLATION_MM = (0.0, 10.0, 850.0)


@dataclass(frozen=True)
class Pose:
    """One frame of motion for an avatar.

    Attributes:
        expression: [52] ARKit weights, 0..1.
        turn: [3] head rotation relative to the photo's, axis-angle in the head frame, radians.
        gaze: [2, 2] eyeball (pitch, yaw) relative to the photo's, radians.
    """

    expression: Tensor
    turn: Tensor
    gaze: Tensor


def rest_of(expression: Tensor) -> Tensor:  # [52] -> [52]
    """What of a photo's expression stays while its person speaks: eyes, brows and cheeks, and a share of the mood."""
    share = [
        _MOOD_SHARE if name.startswith(_MOOD) else 0.0 if name.startswith(_SPOKEN) else 1.0 for name in ARKIT_NAMES
    ]
    return expression * expression.new_tensor(share)


def speak_over(rest: Tensor, spoken: Tensor) -> Tensor:  # [52], [..., 52] -> [..., 52]
    """Spoken weights on top of a resting expression; a sum that never leaves 0..1 and never opens a blink."""
    return (rest + spoken * (1 - rest)).clamp(0, 1)


def frames_of(parameters: FaceParameters, fit: FaceParameters) -> Iterator[Pose]:
    """The motion of a file, for the person of `fit` (one frame).

    Head and eyes move relative to the photo when the file was made from this very fit, otherwise relative to the file's
    first frame: another camera's absolute pose means nothing in this photo.
    """
    own = parameters.identity.shape == fit.identity.shape and torch.allclose(parameters.identity, fit.identity)
    reference = fit if own else parameters
    back = axis_angle_to_matrix(reference.rotation[0]).transpose(-1, -2)
    for index in range(len(parameters)):
        turn = matrix_to_axis_angle(back @ axis_angle_to_matrix(parameters.rotation[index]))
        gaze = parameters.eye_rotation[index] - reference.eye_rotation[0]
        yield Pose(parameters.expression[index], turn, gaze)


def to_parameters(poses: list[Pose], base: FaceParameters, fps: float) -> FaceParameters:
    """The frames as absolute parameters of the person, pose and camera of `base` (one frame)."""
    count = len(poses)
    turns = torch.stack([p.turn for p in poses]).float()
    rotation, translation = turn_head(base.rotation[:1].expand(count, 3), base.translation[:1].expand(count, 3), turns)
    return replace(
        base,
        expression=torch.stack([p.expression for p in poses]).float(),
        rotation=rotation,
        translation=translation,
        eye_rotation=base.eye_rotation[:1] + torch.stack([p.gaze for p in poses]).float(),
        confidence=torch.ones(count),
        fps=fps,
    )


def nobody(identity_size: int) -> FaceParameters:
    """One frame of the mean face at rest before :data:`NEUTRAL_CAMERA`."""
    return FaceParameters(
        identity=torch.zeros(identity_size),
        expression=torch.zeros(1, 52),
        rotation=torch.zeros(1, 3),
        translation=torch.tensor([NEUTRAL_TRANSLATION_MM]),
        eye_rotation=torch.zeros(1, 2, 2),
        confidence=torch.ones(1),
        fps=25.0,
        camera=NEUTRAL_CAMERA,
    )
