"""Bounded Levenberg-Marquardt fit of pose, focal length, identity and expression to 478 landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from face3d.arkit import ARKIT_INDEX, EYE_LOOK_CHANNELS
from face3d.camera import HEAD_TO_CAMERA_DIAGONAL
from face3d.landmark_sets import (
    FACE_OVAL,
    INNER_LIPS,
    LEFT_EYE,
    LEFT_EYE_OUTER,
    OUTER_LIPS,
    RIGHT_EYE,
    RIGHT_EYE_OUTER,
)
from face3d.morphable_model import MorphableModel

Array = NDArray[np.float64]

_FLIP = np.array(HEAD_TO_CAMERA_DIAGONAL)
_IRIS_FIRST = 468
# Turned by the eyeballs, which are solved afterwards.
_FIXED_CHANNELS = (*EYE_LOOK_CHANNELS, ARKIT_INDEX["tongueOut"])


@dataclass(frozen=True)
class Weights:
    """Standard deviations of the terms: a smaller number means more trust.

    Attributes:
        landmark: of a landmark, as a share of the inter-ocular distance.
        depth: of MediaPipe's relative depth, as a share of the inter-ocular distance.
        identity: of an identity coefficient, in prior standard deviations.
        expression: of a weight around MediaPipe's score.
        distance_mm, log_distance: median and log standard deviation of the camera's distance.
        outline, lips, lids: factors on the standard deviation of those landmarks.
    """

    landmark: float = 0.012
    depth: float = 0.10
    identity: float = 1.0
    expression: float = 0.18
    distance_mm: float = 900.0
    log_distance: float = 0.35
    outline: float = 2.0
    lips: float = 0.5
    lids: float = 0.6


@dataclass(frozen=True)
class LandmarkProblem:
    """What is fitted to what.

    Attributes:
        mean [468, 3], identity [K, 468, 3], expression [52, 468, 3]: the model at the landmarks (without irises), mm.
        points [468, 2] px, depth [468] px (zero mean), scores [52]: the detection.
        scale_px: outer eye corners' distance in space-true pixels (robust to yaw).
        center [2] px: the principal point.
    """

    mean: Array
    identity: Array
    expression: Array
    points: Array
    depth: Array
    scores: Array
    scale_px: float
    center: Array

    @classmethod
    def build(
        cls,
        model: MorphableModel,
        landmarks_px: NDArray[np.float32],
        landmarks_z: NDArray[np.float32],
        scores: NDArray[np.float32],
        image_size: tuple[int, int],
    ) -> LandmarkProblem:
        """Collect the model at its landmarks and the detection, in float64."""

        def at(field: object) -> Array:
            values = model.landmarks478.of(field)  # type: ignore[arg-type]
            return values[..., :_IRIS_FIRST, :].double().numpy()

        points = np.asarray(landmarks_px, float)[:_IRIS_FIRST]
        depth = np.asarray(landmarks_z, float)[:_IRIS_FIRST]
        ends = np.concatenate([points, depth[:, None]], 1)[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER]]
        return cls(
            at(model.mean),
            at(model.identity_basis),
            at(model.expression_basis),
            points,
            depth - depth.mean(),
            np.asarray(scores, float),
            float(np.linalg.norm(ends[1] - ends[0])),
            np.array(image_size, float) / 2,
        )


@dataclass(frozen=True)
class Solution:
    """rotation [3] rad, translation [3] mm, focal_px, identity [K], expression [52] in 0..1, cost."""

    rotation: Array
    translation: Array
    focal_px: float
    identity: Array
    expression: Array
    cost: float


@dataclass
class _State:
    rotation: Array  # [3, 3]
    translation: Array
    log_focal: float
    identity: Array
    expression: Array

    def stepped(self, step: Array) -> _State:
        k = len(self.identity)
        return _State(
            Rotation.from_rotvec(step[:3]).as_matrix() @ self.rotation,
            # Depth in proportion, so that it can neither jump nor become negative.
            self.translation * np.array([1, 1, np.exp(step[5])])
            + np.array([step[3], step[4], 0]) * self.translation[2],
            self.log_focal + step[6],
            self.identity + step[7 : 7 + k],
            np.clip(self.expression + step[7 + k :], 0, 1),
        )


class _Objective:
    """Residuals (divided by their standard deviations) and their Jacobian."""

    def __init__(self, problem: LandmarkProblem, weights: Weights) -> None:
        self._p, self._w = problem, weights
        sigma = np.ones(_IRIS_FIRST)
        # The outline slides over the head with the pose; lips and lids carry what the viewer looks at.
        sigma[list(FACE_OVAL)] = weights.outline
        sigma[[*OUTER_LIPS, *INNER_LIPS]] = weights.lips
        sigma[[*LEFT_EYE, *RIGHT_EYE]] = weights.lids
        self.sigma_px = sigma * weights.landmark * problem.scale_px
        self.free_expression = np.setdiff1d(np.arange(52), _FIXED_CHANNELS)

    def __call__(self, s: _State) -> tuple[Array, Array]:
        p, w = self._p, self._w
        k = len(s.identity)
        shape = p.mean + np.tensordot(s.identity, p.identity, 1) + np.tensordot(s.expression, p.expression, 1)
        turned = shape @ s.rotation.T
        camera = turned * _FLIP + s.translation
        focal, z = np.exp(s.log_focal), camera[:, 2:]
        projected = camera[:, :2] / z * focal
        # d camera / d parameters, [468, 3, P]
        jacobian = np.zeros((_IRIS_FIRST, 3, 7 + k + 52))
        x, y, d = turned.T
        zero = np.zeros_like(x)
        cross = np.stack([zero, d, -y, -d, zero, x, y, -x, zero], 1).reshape(-1, 3, 3)  # [e_j x turned]_i
        jacobian[:, :, :3] = cross * _FLIP[None, :, None]
        jacobian[:, 0, 3] = jacobian[:, 1, 4] = jacobian[:, 2, 5] = s.translation[2]
        basis = np.concatenate([p.identity, p.expression])  # [K + 52, 468, 3]
        jacobian[:, :, 7:] = ((basis @ s.rotation.T) * _FLIP).transpose(1, 2, 0)
        pixel = (jacobian[:, :2] - (camera[:, :2] / z)[:, :, None] * jacobian[:, 2:]) / z[:, :, None] * focal
        pixel[:, :, 6] += projected
        residual = projected + p.center - p.points
        # Relative depth as MediaPipe reports it: weak perspective, in pixels.
        relative = camera[:, 2] - camera[:, 2].mean()
        px_per_mm = focal / s.translation[2]
        depth_jacobian = (jacobian[:, 2] - jacobian[:, 2].mean(0)) * px_per_mm
        depth_jacobian[:, 6] += relative * px_per_mm
        depth_jacobian[:, 5] -= relative * px_per_mm
        sd = w.depth * p.scale_px
        rows = [residual.ravel() / np.repeat(self.sigma_px, 2), (relative * px_per_mm - p.depth) / sd]
        blocks = [pixel.reshape(2 * _IRIS_FIRST, -1) / np.repeat(self.sigma_px, 2)[:, None], depth_jacobian / sd]
        rows.append(s.identity / w.identity)
        blocks.append(np.eye(k, 7 + k + 52, 7) / w.identity)
        rows.append((s.expression - p.scores) / w.expression)
        blocks.append(np.eye(52, 7 + k + 52, 7 + k) / w.expression)
        log_distance = np.zeros(7 + k + 52)
        log_distance[5] = 1 / w.log_distance
        rows.append(np.array([np.log(s.translation[2] / w.distance_mm) / w.log_distance]))
        blocks.append(log_distance[None])
        return np.concatenate(rows), np.concatenate(blocks)


def _start(problem: LandmarkProblem, weights: Weights, k: int) -> _State:
    """Facing the camera at the prior's distance, with the focal length that gives the face its size."""
    eyes = np.linalg.norm(problem.mean[LEFT_EYE_OUTER] - problem.mean[RIGHT_EYE_OUTER])
    distance = weights.distance_mm
    focal = problem.scale_px / eyes * distance
    offset = (problem.points.mean(0) - problem.center) / focal * distance
    middle = problem.mean.mean(0) * _FLIP
    translation = np.array([offset[0] - middle[0], offset[1] - middle[1], distance - middle[2]])
    expression = problem.scores.copy()
    expression[list(_FIXED_CHANNELS)] = 0
    return _State(np.eye(3), translation, float(np.log(focal)), np.zeros(k), expression)


def _huber(residual: Array, count: int, limit: float = 3.0) -> Array:
    """Weights that keep the landmark rows (the first `count`) from being ruled by outliers."""
    weight = np.ones_like(residual)
    size = np.abs(residual[:count])
    weight[:count] = np.where(size > limit, limit / np.maximum(size, 1e-12), 1)
    return np.sqrt(weight)


def _minimise(objective: _Objective, state: _State, free: NDArray[np.intp], iterations: int) -> tuple[_State, float]:
    """Levenberg-Marquardt on the `free` parameters; weights at a bound that want to leave it are held."""
    k = len(state.identity)
    damping = 1e-3
    residual, jacobian = objective(state)
    weight = _huber(residual, 2 * _IRIS_FIRST)
    cost = float(((weight * residual) ** 2).sum())
    for _ in range(iterations):
        rows = jacobian * weight[:, None]
        gradient = rows.T @ (weight * residual)
        value = np.full(len(gradient), 0.5)
        value[7 + k :] = state.expression
        held = ((value <= 0) & (gradient > 0)) | ((value >= 1) & (gradient < 0))
        index = free[~held[free]]
        normal = rows[:, index].T @ rows[:, index]
        step = np.zeros(len(gradient))
        damped = normal + damping * np.diag(np.diag(normal) + 1e-9)
        step[index] = -np.linalg.solve(damped, gradient[index])
        trial = state.stepped(step)
        trial_residual, trial_jacobian = objective(trial)
        trial_weight = _huber(trial_residual, 2 * _IRIS_FIRST)
        trial_cost = float(((trial_weight * trial_residual) ** 2).sum())
        if trial_cost < cost:
            converged = cost - trial_cost < 1e-5 * cost
            state, residual, jacobian, weight, cost = trial, trial_residual, trial_jacobian, trial_weight, trial_cost
            damping = max(damping / 5, 1e-7)
            if converged:
                break
        else:
            damping *= 8
            if damping > 1e6:
                break
    return state, cost


def solve(problem: LandmarkProblem, weights: Weights) -> Solution:
    """Pose first, then everything together."""
    k = len(problem.identity)
    objective = _Objective(problem, weights)
    state = _start(problem, weights, k)
    everything = np.concatenate([np.arange(7 + k), 7 + k + objective.free_expression])
    # The matrices are small: BLAS threads would mostly wait for each other, ten times longer on a busy machine.
    with threadpool_limits(1, user_api="blas"):
        state, _ = _minimise(objective, state, np.arange(6), 15)
        state, cost = _minimise(objective, state, everything, 40)
    rotation = Rotation.from_matrix(state.rotation).as_rotvec()
    return Solution(rotation, state.translation, float(np.exp(state.log_focal)), state.identity, state.expression, cost)
