"""Face parameters of one model as parameters of another.

Both models carry the same 478 landmarks and the same 52 ARKit units, so:

- frames: the rigid motion between the two mean faces, and a small one of the person's own, as models differ in what
  they count as identity;
- identity: the target's coefficients whose landmarks at rest lie nearest to the person's, by least squares with the
  target's prior;
- pose and gaze: the same in the camera's frame, so turned by those rigid motions;
- expression: the ARKit weights as they are ("arkit"), or those whose landmarks move most like the person's
  ("least-squares"; bounded to 0..1, with the weights themselves as the prior).

What belongs to one mesh alone, the shape residual and the texture, is left out.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from face3d.camera import HEAD_TO_CAMERA_DIAGONAL, axis_angle_to_matrix, matrix_to_axis_angle
from face3d.errors import InputError
from face3d.model.morphable_model import Landmarks, MorphableModel
from face3d.model.personal_shapes import personal_model
from face3d.model.plugins.surface import rigid_fit
from face3d.parameters import FaceParameters

Array = NDArray[np.float64]

METHODS = ("arkit", "least-squares")
# The ten iris points turn with the eyeballs and say nothing of skin.
_SKIN_POINTS = 468
_ITERATIONS = 6
_SWEEPS, _SETTLED = 200, 1e-6
_BLOCK = 4096

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConversionOptions:
    """Standard deviations: a smaller number means more trust.

    Attributes:
        landmark_mm: of a landmark at rest, against the target's prior of identities.
        turn, shift_mm: of the person's own motion between the frames, rad about each axis and mm along each.
        motion_mm: of a landmark's motion, against `weight`.
        weight: of an ARKit weight around the one of the same name.
    """

    landmark_mm: float = 1.0
    turn: float = 0.02
    shift_mm: float = 2.0
    motion_mm: float = 1.0
    weight: float = 0.3


def convert(
    parameters: FaceParameters,
    source_model: MorphableModel,
    target_model: MorphableModel,
    method: str = "arkit",
    options: ConversionOptions | None = None,
) -> FaceParameters:
    """The same performance by the same person, in the coefficients of `target_model`; see the module's text.

    Args:
        parameters: of `source_model`; their shape residual counts as part of the person's face.
        source_model, target_model: both in our head frame. The same model twice gives the parameters back.
        method: one of :data:`METHODS`, for the expression.
        options: see `ConversionOptions`.

    Raises:
        InputError: the parameters belong to another model, or there is no such method.
    """
    if parameters.model != source_model.name:
        raise InputError(f"The parameters belong to the face model {parameters.model}, not to {source_model.name}.")
    if method not in METHODS:
        raise InputError(f"There is no conversion method {method!r}; choose one of {', '.join(METHODS)}.")
    if source_model.name == target_model.name:
        return parameters
    options = options or ConversionOptions()
    person = personal_model(parameters, source_model)
    rest = _at_skin(person.landmarks478, person.neutral(parameters.identity))
    mean = _at_skin(source_model.landmarks478, source_model.mean)
    identity, turn, offset = fit_identity(rest, mean, target_model, options)
    expression = parameters.expression
    if method == "least-squares":
        wanted = _at_skin(source_model.landmarks478, source_model.expression_basis) @ turn.T
        offered = _at_skin(target_model.landmarks478, target_model.expression_basis)
        expression = fit_expression(expression, wanted, offered, options)
    left_out = [
        name for name in ("shape_residual", "texture", "landmark_shapes") if getattr(parameters, name) is not None
    ]
    if left_out:
        _log.info("What belongs to the mesh of %s alone is left out: %s.", source_model.name, " and ".join(left_out))
    rotation, translation = turn_poses(parameters.rotation, parameters.translation, turn, offset)
    return dataclasses.replace(
        parameters,
        identity=torch.from_numpy(identity).to(parameters.identity.dtype),
        expression=expression,
        rotation=rotation,
        translation=translation,
        eye_rotation=turn_gaze(parameters.eye_rotation, turn),
        model=target_model.name,
        shape_residual=None,
        texture=None,
        landmark_shapes=None,
    )


def fit_identity(
    rest: Array,  # [468, 3] mm, landmarks of the person at rest in the source's head frame
    mean: Array,  # [468, 3] mm, those of the source's mean face
    target: MorphableModel,
    options: ConversionOptions,
) -> tuple[Array, Array, Array]:
    """Coefficients [K] of the target, and the rigid motion (R [3, 3], t [3] mm) from the source's frame to its own.

    Gauss-Newton on the coefficients and the person's own small motion, each with its prior.
    """
    goal = _at_skin(target.landmarks478, target.mean)
    basis = _at_skin(target.landmarks478, target.identity_basis)
    count = len(basis)
    turn, offset, _ = rigid_fit(mean, goal)
    own_turn, own_shift, identity = np.zeros(3), np.zeros(3), np.zeros(count)
    prior = np.concatenate([np.ones(count), np.full(3, options.turn), np.full(3, options.shift_mm)])
    placed = rest @ turn.T + offset
    for _ in range(_ITERATIONS):
        turned = Rotation.from_rotvec(own_turn).apply(placed)
        residual = goal + np.tensordot(identity, basis, 1) - turned - own_shift
        x, y, z = turned.T
        zero = np.zeros_like(x)
        # minus omega x point, for each axis of omega
        about = np.stack([np.stack([zero, z, -y], 1), np.stack([-z, zero, x], 1), np.stack([y, -x, zero], 1)])
        along = -np.broadcast_to(np.eye(3)[:, None], (3, len(rest), 3))
        jacobian = np.concatenate([basis, about, along]).reshape(count + 6, -1) / options.landmark_mm
        state = np.concatenate([identity, own_turn, own_shift])
        gradient = jacobian @ residual.reshape(-1) / options.landmark_mm + state / prior**2
        step = np.linalg.solve(jacobian @ jacobian.T + np.diag(prior**-2.0), -gradient)
        identity = identity + step[:count]
        own_turn = (Rotation.from_rotvec(step[count : count + 3]) * Rotation.from_rotvec(own_turn)).as_rotvec()
        own_shift = own_shift + step[count + 3 :]
    own = Rotation.from_rotvec(own_turn).as_matrix()
    return identity, own @ turn, own @ offset + own_shift


def fit_expression(
    weights: Tensor,  # [T, 52] 0..1
    wanted: Array,  # [52, L, 3] mm, motion of the source's landmarks at weight 1
    offered: Array,  # [52, L, 3] mm, motion of the target's
    options: ConversionOptions,
) -> Tensor:  # [T, 52] 0..1
    """Bounded least squares for all frames at once, one weight after the other until none changes."""
    source, target = (motion.reshape(len(motion), -1) for motion in (wanted, offered))
    ridge = (options.motion_mm / options.weight) ** 2 * np.eye(len(target))
    normal, mixed = target @ target.T + ridge, source @ target.T + ridge
    result = np.empty(weights.shape)
    for start in range(0, len(weights), _BLOCK):
        given = weights[start : start + _BLOCK].double().numpy()
        result[start : start + _BLOCK] = _bounded(normal, given @ mixed, given)
    return torch.from_numpy(result).to(weights.dtype)


def turn_poses(
    rotation: Tensor,  # [T, 3] rad
    translation: Tensor,  # [T, 3] mm
    turn: Array,  # [3, 3]
    offset: Array,  # [3] mm
) -> tuple[Tensor, Tensor]:  # [T, 3] rad, [T, 3] mm
    """Poses of a head whose own frame is changed by x -> turn x + offset, so that nothing moves before the camera."""
    matrix = axis_angle_to_matrix(rotation.double()) @ torch.from_numpy(turn).T
    flip = torch.tensor(HEAD_TO_CAMERA_DIAGONAL, dtype=torch.float64)
    moved = translation.double() - flip * (matrix @ torch.from_numpy(offset))
    return matrix_to_axis_angle(matrix).to(rotation.dtype), moved.to(translation.dtype)


def turn_gaze(eye_rotation: Tensor, turn: Array) -> Tensor:  # [T, 2, 2] rad, [3, 3] -> [T, 2, 2] rad
    """(pitch, yaw) of the same looks in a head frame that is turned."""
    pitch, yaw = eye_rotation.double().unbind(-1)
    look = torch.stack([yaw.sin() * pitch.cos(), -pitch.sin(), yaw.cos() * pitch.cos()], -1)
    x, y, z = (look @ torch.from_numpy(turn).T).unbind(-1)
    return torch.stack([-y.clamp(-1, 1).asin(), torch.atan2(x, z)], -1).to(eye_rotation.dtype)


def _bounded(normal: Array, right: Array, start: Array) -> Array:  # [52, 52], [T, 52], [T, 52] -> [T, 52]
    weights = start.clip(0, 1)
    for _ in range(_SWEEPS):
        largest = 0.0
        for j in range(len(normal)):
            step = (right[:, j] - weights @ normal[:, j]) / normal[j, j]
            after = (weights[:, j] + step).clip(0, 1)
            largest = max(largest, float(np.abs(after - weights[:, j]).max(initial=0)))
            weights[:, j] = after
        if largest < _SETTLED:
            break
    return weights


def _at_skin(landmarks: Landmarks, values: Tensor) -> Array:  # [..., V, 3] -> [..., 468, 3]
    at_points: Array = landmarks.of(values)[..., :_SKIN_POINTS, :].double().numpy()
    return at_points
