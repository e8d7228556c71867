"""Motion applied to a person: speech or a parameter file drives the face of a fitted photo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.arkit import ARKIT_NAMES
from face3d.camera import Camera, axis_angle_to_matrix, matrix_to_axis_angle, turn_head
from face3d.model.landmark_motion import LandmarkMotion
from face3d.model.landmark_sets import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from face3d.model.morphable_model import MorphableModel
from face3d.parameters import FaceParameters
from renderers.pose import Pose
from talkinghead.photo.pose_rows import PoseRows

# A mood stays while somebody speaks, weaker, because it must not keep the lips from their work.
_MOOD = ("mouthSmile", "mouthDimple", "mouthFrown")
_MOOD_SHARE = 0.6
_SPOKEN = ("jaw", "mouth", "tongue")

# A photo is a frame of the video whose landmarks lie this near to its own, in distances of the outer eye corners; only
# so many frames are compared.
_SAME_FRAME, _CANDIDATES = 0.03, 200

# The share of another person's travel that a head takes over.
_BORROWED_TRAVEL = 0.5

# Where `animate` puts a face that belongs to no photo: a square picture with the head in its middle.
NEUTRAL_CAMERA = Camera(1000.0, (256.0, 256.0), (512, 512))
NEUTRAL_TRANSLATION_MM = (0.0, 10.0, 850.0)


def rest_of(expression: Tensor) -> Tensor:  # [52] -> [52]
    """What of a photo's expression stays while its person speaks: eyes, brows and cheeks, and a share of the mood."""
    share = [
        _MOOD_SHARE if name.startswith(_MOOD) else 0.0 if name.startswith(_SPOKEN) else 1.0 for name in ARKIT_NAMES
    ]
    return expression * expression.new_tensor(share)


def speak_over(rest: Tensor, spoken: Tensor) -> Tensor:  # [52], [..., 52] -> [..., 52]
    """Spoken weights on top of a resting expression; a sum that never leaves 0..1 and never opens a blink."""
    return (rest + spoken * (1 - rest)).clamp(0, 1)


def poses_of(motion: FaceParameters, fit: FaceParameters) -> Iterator[Pose]:
    """The frames of `motion` as the person of `fit` (one frame) makes them.

    Three kinds of motion are told apart. Nobody's, as speech alone gives it, goes on top of what the photo's face shows
    at rest. The person's own, made for this very fit, is taken as it is. Anybody else's is taken relative to its own
    first frame: another camera's absolute pose means nothing in this photo. Then the head also travels less, because
    the photo's shoulders hardly go with it.
    """
    reference, travel = motion, _BORROWED_TRAVEL
    if is_of(motion, fit):
        reference, travel, spoken = fit, 1.0, False
    elif spoken := is_nobody(motion):
        reference, travel = nobody(motion.identity.numel()), 1.0
    rest = rest_of(fit.expression[0])
    rotation, translation = reference.rotation[0], reference.translation[0]
    back = axis_angle_to_matrix(rotation).transpose(-1, -2)
    for index in range(len(motion)):
        turn = matrix_to_axis_angle(back @ axis_angle_to_matrix(motion.rotation[index]))
        gaze = motion.eye_rotation[index] - reference.eye_rotation[0]
        _, turned = turn_head(rotation, translation, turn)
        expression = motion.expression[index]
        expression = speak_over(rest, expression) if spoken else expression
        yield Pose(expression, turn, gaze, travel * (motion.translation[index] - turned))


def is_nobody(motion: FaceParameters) -> bool:
    """Whether the motion belongs to no person: what :func:`nobody` is the base of."""
    return motion.camera == NEUTRAL_CAMERA and not motion.identity.any() and motion.landmark_shapes is None


def is_of(parameters: FaceParameters, fit: FaceParameters) -> bool:
    """Whether the motion was made for the person of exactly this fit."""
    return parameters.identity.shape == fit.identity.shape and torch.allclose(parameters.identity, fit.identity)


def find_photo(
    parameters: FaceParameters,
    model: MorphableModel,
    landmarks_px: NDArray[np.float32],  # [478, 2]
    image_size: tuple[int, int],
) -> FaceParameters | None:
    """The frame of the fitted video that the photo shows, if it is one: then nothing has to be guessed.

    A photo that was taken from the video has the video's shape and its landmarks where one frame's are. That frame's
    parameters, with the identity that all frames share, are a better fit of the photo than the photo alone gives.

    Args:
        parameters: the motion.
        model: the model of its person, `face3d.model.registry.model_of(parameters)`.
        landmarks_px: what is detected in the photo.
        image_size: (width, height) of the photo.

    Returns:
        One frame, its camera scaled to the photo; None when the photo is something else.
    """
    scale = image_size[0] / parameters.camera.image_size[0]
    if abs(image_size[1] - scale * parameters.camera.image_size[1]) > 1.5:
        return None
    detected = torch.from_numpy(landmarks_px / scale)
    unit = float((detected[LEFT_EYE_OUTER] - detected[RIGHT_EYE_OUTER]).norm())
    # The head's origin lies between the eyes: frames in which it is elsewhere need no closer look.
    between_eyes = (detected[LEFT_EYE_OUTER] + detected[RIGHT_EYE_OUTER]) / 2
    distance = (parameters.camera.project(parameters.translation) - between_eyes).norm(dim=-1) / unit
    candidates = distance.argsort()[:_CANDIDATES].numpy()
    projected = LandmarkMotion.of(model, parameters.identity).project(parameters, candidates)
    errors = np.linalg.norm(projected - detected.numpy(), axis=-1).mean(axis=-1) / unit
    if errors.min() > _SAME_FRAME:
        return None
    # Neighbours look alike: the first of those that are about as near.
    best = int(candidates[errors < 1.3 * errors.min() + 0.001].min())
    return replace(parameters.frames(best, best + 1), camera=parameters.camera.scaled(scale))


def to_parameters(poses: PoseRows | Iterable[Pose], base: FaceParameters, fps: float) -> FaceParameters:
    """The frames as absolute parameters of the person, pose and camera of `base` (one frame)."""
    poses = poses if isinstance(poses, PoseRows) else PoseRows(poses)
    count = len(poses)
    rotation, translation = base.rotation[:1].expand(count, 3), base.translation[:1].expand(count, 3)
    rotation, translation = turn_head(rotation, translation, poses.column("turn"))
    return replace(
        base,
        expression=poses.column("expression"),
        rotation=rotation,
        translation=translation + poses.column("shift"),
        eye_rotation=base.eye_rotation[:1] + poses.column("gaze"),
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
