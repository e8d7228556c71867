"""Pose and expression of many frames of a known person at once: the fast twin of `face3d.solver.solve_frames`.

Same objective and same exact gradient; only the normal matrix is approximated, which changes how fast the minimum is
reached and not where it lies. Under weak perspective the expression block of J'J is a sum over products of the rows of
the rotation, sum_ab C_ab T_ab, with T_ab = sum_l E_l^a E_l^b / sd_l^2 [E, E] the same for all frames. What is left for
each frame are two products with the basis [E, 1404].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from face3d.solver import (
    FLIP,
    FREE_CHANNELS,
    GAP_LOWER,
    GAP_UPPER,
    HUBER,
    Array,
    LandmarkModel,
    Observations,
    Problem,
    Solution,
    State,
    Weights,
    gap_share,
    point_share,
    solution_of,
    start,
)

_POSE = 6
_SIZE = _POSE + len(FREE_CHANNELS)


@dataclass(frozen=True)
class _Products:
    """[9, E * E]: sums over landmarks of products of the basis' axes; of points, of centred depth, of gaps."""

    points: Array
    depth: Array
    gaps: Array

    @classmethod
    def of(cls, basis: Array, weights: Weights) -> _Products:  # basis [E, 468, 3]
        shares = weights.landmark * point_share(weights)
        across = basis[:, GAP_UPPER] - basis[:, GAP_LOWER]
        centred = basis - basis.mean(1, keepdims=True)

        def products(rows: Array, sd: Array) -> Array:  # [E, L, 3], [L]
            scaled = rows / sd[:, None]
            return np.einsum("jla,klb->abjk", scaled, scaled, optimize=True).reshape(9, -1)

        return cls(
            products(basis, shares),
            products(centred, np.full(basis.shape[1], weights.depth)),
            products(across, gap_share(weights)),
        )


def solve_frames(
    model: LandmarkModel, seen: Observations, focal_px: float, weights: Weights, iterations: int = 12
) -> Solution:
    """Pose and expression of every frame with the identity (`seen.identity`) and the focal length given.

    Args:
        model: at its landmarks.
        seen: B frames.
        focal_px: of the camera.
        weights: trust in the terms.
        iterations: at most.
    """
    problem = Problem(model, seen, weights, False, "fixed")
    basis = model.expression[FREE_CHANNELS]
    products = _Products.of(basis.astype(float), weights)
    products = _Products(*(a.astype(seen.points.dtype) for a in (products.points, products.depth, products.gaps)))
    with threadpool_limits(1, user_api="blas"):
        state = start(problem, focal_px)
        damping = np.full(len(seen.points), 1e-3, seen.points.dtype)
        active = np.arange(len(seen.points))
        current = _Evaluation.of(problem, state)
        for _ in range(iterations):
            part, frames = problem.frames(active), state.frames(active)
            step = _step(part, frames, current.frames(active), damping[active], products)
            trial = _stepped(frames, step)
            tried = _Evaluation.of(part, trial)
            gain = current.cost[active] - tried.cost
            better = gain > 0
            done = (better & (gain < 3e-4 * current.cost[active])) | (damping[active] > 1e4)
            index = active[better]
            state.put(index, trial.frames(better))
            current.put(index, tried.frames(better))
            damping[active] = np.where(better, np.maximum(damping[active] / 5, 1e-6), damping[active] * 8)
            active = active[~done]
            if not len(active):
                break
    return solution_of(state, float(current.cost.sum()))


@dataclass(frozen=True)
class _Evaluation:
    """At a state of B frames: camera points [B, 468, 3], weighted residuals [B, 468, 3], gaps [B, G * 2], priors
    [B, 56] and cost [B]."""

    camera: Array
    rows: Array
    gaps: Array
    priors: Array
    cost: Array

    @classmethod
    def of(cls, problem: Problem, s: State) -> _Evaluation:
        rows, camera = problem.residuals(s)
        gaps, (priors, _) = problem.gaps(rows), problem.priors(s)
        return cls(camera, rows, gaps, priors, problem.frame_cost(rows, gaps, priors))

    def frames(self, index: Array) -> _Evaluation:
        return _Evaluation(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def put(self, index: Array, other: _Evaluation) -> None:
        for name in self.__dataclass_fields__:
            getattr(self, name)[index] = getattr(other, name)


def _step(problem: Problem, s: State, at: _Evaluation, damping: Array, products: _Products) -> Array:  # [B, 49]
    seen, w, dtype = problem.seen, problem.weights, at.rows.dtype
    count = len(at.rows)
    focal, z = np.exp(s.log_focal)[:, None], at.camera[..., 2]
    scale_px = seen.scale_px[:, None]
    depth_scale = focal / s.translation[:, 2:] / (w.depth * scale_px)  # [B, 1]
    flip = FLIP.astype(dtype)

    # Derivatives of the pose, as weighted rows: [B, 6, 468, 3], and the residuals themselves as a seventh "column".
    size = np.sqrt(at.rows[..., 0] ** 2 + at.rows[..., 1] ** 2)
    robust = np.sqrt(np.minimum(1, HUBER / np.maximum(size, 1e-9)))
    slope = robust * focal / z / problem.sd_px
    direction = at.camera[..., :2] / z[..., None]
    columns = np.empty((count, _POSE + 1, at.rows.shape[1], 3), dtype)
    turned = (at.camera - s.translation[:, None]) * flip
    motion = np.zeros((count, _POSE, at.rows.shape[1], 3), dtype)
    x, y, d = np.moveaxis(turned, -1, 0)
    motion[:, 0, :, 1], motion[:, 0, :, 2] = -d, y
    motion[:, 1, :, 0], motion[:, 1, :, 2] = d, -x
    motion[:, 2, :, 0], motion[:, 2, :, 1] = -y, x
    motion[:, :3] *= flip
    motion[:, 3, :, 0] = motion[:, 4, :, 1] = motion[:, 5, :, 2] = s.translation[:, 2:]
    columns[:, :_POSE, :, :2] = (motion[..., :2] - direction[:, None] * motion[..., 2:]) * slope[:, None, :, None]
    depth = motion[..., 2]
    columns[:, :_POSE, :, 2] = (depth - depth.mean(2, keepdims=True)) * depth_scale[:, None]
    columns[:, 5, :, 2] -= (z - z.mean(1, keepdims=True)) * depth_scale
    columns[:, _POSE, :, :2] = at.rows[..., :2] * robust[..., None]
    columns[:, _POSE, :, 2] = at.rows[..., 2]

    # Back through the projection and the rotation to the head frame, where the basis is the same for all frames.
    back = columns * np.concatenate([np.repeat(slope[..., None], 2, 2), np.zeros_like(slope)[..., None]], 2)[:, None]
    gap_pull = _gap_pull(problem, at, focal / z)
    back[:, _POSE, :, :2] += gap_pull
    back[..., 2] = -(back[..., :2] * direction[:, None]).sum(-1)
    centred = columns[..., 2] - columns[..., 2].mean(2, keepdims=True)
    back[..., 2] += centred * depth_scale[:, None]
    to_head = (flip[:, None] * s.rotation).astype(dtype)  # camera = F R x
    basis = problem.model.expression[FREE_CHANNELS]
    flat = (back.reshape(count, -1, 3) @ to_head).reshape(count * (_POSE + 1), -1)
    cross = (flat @ basis.reshape(len(basis), -1).T).reshape(count, _POSE + 1, -1)

    flat = columns.reshape(count, _POSE + 1, -1)
    pose = flat @ flat.swapaxes(1, 2)
    pull = gap_pull * z[..., None] / focal[..., None]  # rows of gaps, per pixel
    pixel = (motion[..., :2] - direction[:, None] * motion[..., 2:]) * (focal / z)[:, None, :, None]
    normal = np.zeros((count, _SIZE, _SIZE), dtype)
    gradient = np.empty((count, _SIZE), dtype)
    normal[:, :_POSE, :_POSE] = pose[:, :_POSE, :_POSE]
    gradient[:, :_POSE] = pose[:, :_POSE, _POSE] + (pixel * pull[:, None]).sum((2, 3))
    normal[:, :_POSE, _POSE:] = cross[:, :_POSE]
    normal[:, _POSE:, :_POSE] = cross[:, :_POSE].swapaxes(1, 2)
    normal[:, _POSE:, _POSE:] = _expression_block(s, scale_px, products).reshape(count, len(basis), -1)
    gradient[:, _POSE:] = cross[:, _POSE]
    problem.add_frame_priors(at.priors, normal, gradient)
    return _bounded_step(s, normal, gradient, damping)


def _gap_pull(problem: Problem, at: _Evaluation, px_per_mm: Array) -> Array:  # [B, 468, 2]
    """The gaps' residuals as forces on the camera points, across the line of sight."""
    count = len(at.gaps)
    sd = gap_share(problem.weights) * problem.seen.scale_px[:, None]
    force = at.gaps.reshape(count, len(GAP_UPPER), 2) / sd[..., None].astype(at.gaps.dtype)
    pull = np.zeros((count, at.rows.shape[1], 2), at.rows.dtype)
    pull[:, GAP_UPPER] = force
    pull[:, GAP_LOWER] -= force
    pull *= px_per_mm[..., None]
    return pull


def _expression_block(s: State, scale_px: Array, products: _Products) -> Array:  # [B, E * E]
    rotation = s.rotation
    px = (np.exp(s.log_focal) / s.translation[:, 2])[:, None, None] / scale_px[..., None]
    across = np.einsum("bia,bic->bac", rotation[:, :2], rotation[:, :2]) * px**2
    along = np.einsum("ba,bc->bac", rotation[:, 2], rotation[:, 2]) * px**2
    across, along = across.reshape(-1, 9), along.reshape(-1, 9)
    block: Array = across @ (products.points + products.gaps) + along @ products.depth
    return block


def _bounded_step(s: State, normal: Array, gradient: Array, damping: Array) -> Array:
    """Weights at a bound that want to leave it are held."""
    value = s.expression[:, FREE_CHANNELS]
    pull = gradient[:, _POSE:]
    held = np.zeros(gradient.shape, bool)
    held[:, _POSE:] = ((value <= 0) & (pull > 0)) | ((value >= 1) & (pull < 0))
    free = (~held).astype(normal.dtype)
    normal *= free[:, :, None] * free[:, None, :]
    index = np.arange(_SIZE)
    normal[:, index, index] += damping[:, None] * normal[:, index, index] + held
    step: Array = -np.linalg.solve(normal, (gradient * free)[..., None])[..., 0]
    return step


def _stepped(s: State, step: Array) -> State:
    turn = Rotation.from_rotvec(step[:, :3]).as_matrix().astype(s.rotation.dtype)
    moved = s.translation.copy()
    moved[:, :2] += step[:, 3:5] * s.translation[:, 2:]
    moved[:, 2:] *= np.exp(np.clip(step[:, 5:6], -1, 1))
    expression = s.expression.copy()
    expression[:, FREE_CHANNELS] = np.clip(expression[:, FREE_CHANNELS] + step[:, _POSE:], 0, 1)
    return replace(s, rotation=turn @ s.rotation, translation=moved, expression=expression)
