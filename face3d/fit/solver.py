"""Bounded Levenberg-Marquardt fit of pose, focal length, identity and expression to landmarks of one or many frames.

All frames are solved at once. Each has its own pose and expression; identity, and in a video the focal length, are
shared, so the normal equations are an arrow: the frames' blocks are eliminated first (Schur complement; Triggs et al.,
"Bundle adjustment - a modern synthesis", 1999, section 6) and the cost is linear in the frames. With identity and focal
length given, frames are independent, and `solve_frames` fits them in one batch; those that are done drop out of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from face3d.blas_threads import limited_blas_threads
from face3d.fit.objective_fast import FastProblem
from face3d.fit.objective_reference import Problem, line_of_sight
from face3d.fit.problem import (
    FIXED_CHANNELS,
    FLIP,
    FREE_CHANNELS,
    Array,
    LandmarkModel,
    Observations,
    Solution,
    State,
    Terms,
    Weights,
)
from face3d.model.landmark_sets import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from face3d.rotations import matrices_of, vectors_of

_ROUNDS = 10  # of the active set


def start(problem: Problem, focal_px: float | None) -> State:
    """Each frame posed by its evidence at the prior's distance (or at the given focal length), expression as seen."""
    seen, model, w = problem.seen, problem.model, problem.weights
    eyes = np.linalg.norm(model.mean[LEFT_EYE_OUTER] - model.mean[RIGHT_EYE_OUTER])
    px_per_mm = seen.scale_px / eyes
    if focal_px is None:
        focal = px_per_mm * w.distance_mm
        if problem.focal == "shared":
            focal = np.full_like(focal, np.median(focal))
    else:
        focal = np.full_like(px_per_mm, focal_px)
    distance = focal / px_per_mm
    middle = (model.mean.mean(0) @ seen.rotation.swapaxes(1, 2)) * FLIP
    offset = (seen.points.mean(1) - seen.center) / px_per_mm[:, None]
    translation = np.concatenate([offset, distance[:, None]], 1) - middle
    expression = np.clip(seen.expression, 0, 1)
    expression[:, list(FIXED_CHANNELS)] = 0
    rotation = line_of_sight(translation) @ seen.rotation
    dtype = seen.points.dtype
    return State(*(np.asarray(a, dtype) for a in (rotation, translation, np.log(focal), seen.identity, expression)))


def _stepped(problem: Problem, s: State, local: Array, shared: Array) -> State:
    turn = matrices_of(local[:, :3]).astype(s.rotation.dtype)
    # Depth in proportion, so that it can neither jump nor become negative.
    z = s.translation[:, 2:]
    moved = s.translation.copy()
    moved[:, :2] += local[:, 3:5] * z
    moved[:, 2:] *= np.exp(np.clip(local[:, 5:6], -1, 1))
    log_focal, identity = s.log_focal, s.identity
    if problem.focal == "frame":
        log_focal = log_focal + np.clip(local[:, 6], -1, 1)
    elif problem.focal == "shared":
        log_focal = log_focal + np.clip(shared[0], -1, 1)
    if problem.identity_free:
        identity = identity + shared[int(problem.focal == "shared") :]
    expression = s.expression.copy()
    first = problem.local_size - len(FREE_CHANNELS)
    expression[:, FREE_CHANNELS] = np.clip(expression[:, FREE_CHANNELS] + local[:, first:], 0, 1)
    return State(turn @ s.rotation, moved, log_focal, identity, expression)


def _step(problem: Problem, s: State, terms: Terms, damping: Array) -> tuple[Array, Array]:
    """The minimum of the damped quadratic model within the bounds of the expression weights.

    Clipping the free minimum instead breaks the ties between weights, and steps then fail. The primal-dual active set
    strategy (Hintermueller, Ito and Kunisch 2002) settles in a few rounds which weights stay at a bound.
    """
    first = problem.local_size - len(FREE_CHANNELS)
    lower, upper = np.full_like(terms.local_gradient, -np.inf), np.full_like(terms.local_gradient, np.inf)
    lower[:, first:] = -s.expression[:, FREE_CHANNELS]
    upper[:, first:] = 1 + lower[:, first:]
    local = terms.local + (np.einsum("bii->bi", terms.local) * damping[:, None] + 1e-9)[:, None] * np.eye(len(lower[0]))
    terms = replace(terms, local=local)
    together = len(terms.shared) > 0
    if together:
        terms = replace(terms, shared=terms.shared + damping[0] * np.diag(np.diag(terms.shared)))
    diagonal = np.einsum("bii->bi", local)
    low, high = (lower >= 0) & (terms.local_gradient > 0), (upper <= 0) & (terms.local_gradient < 0)
    step, shared = np.zeros_like(lower), np.empty(0)
    index = np.arange(len(step))  # frames whose active set has changed
    for _ in range(_ROUNDS):
        if not together:
            step[index] = _solved_frames(terms, index, low, high, lower, upper)
            left = terms.local_gradient[index] + (local[index] @ step[index][..., None])[..., 0]
        else:
            index = np.arange(len(step))
            step, shared = _solved_jointly(terms, low, high, lower, upper)
            left = terms.local_gradient + (local @ step[..., None])[..., 0] + terms.cross @ shared
        wish = step[index] - np.where(low[index] | high[index], left, 0) / diagonal[index]
        now_low, now_high = wish < lower[index], wish > upper[index]
        differs = ((now_low != low[index]) | (now_high != high[index])).any(1)
        low[index], high[index] = now_low, now_high
        index = index[differs]
        if not len(index):
            break
    return step, shared


def _held(
    terms: Terms, index: Array, low: Array, high: Array, lower: Array, upper: Array
) -> tuple[Array, Array, Array]:
    """Matrix, right-hand side and mask of the free columns, where the others are held at their bound."""
    bound = np.where(low[index], lower[index], np.where(high[index], upper[index], 0))
    free = ~(low[index] | high[index])
    local = terms.local[index]
    right = -terms.local_gradient[index] - (local @ bound[..., None])[..., 0]
    matrix = local * (free[:, :, None] & free[:, None])
    diagonal = np.arange(matrix.shape[1])
    matrix[:, diagonal, diagonal] += ~free
    return matrix, np.where(free, right, bound), free


def _solved_frames(terms: Terms, index: Array, *bounds: Array) -> Array:
    matrix, right, _ = _held(terms, index, *bounds)
    step: Array = np.linalg.solve(matrix, right[..., None])[..., 0]
    return step


def _solved_jointly(terms: Terms, *bounds: Array) -> tuple[Array, Array]:
    matrix, right, free = _held(terms, np.arange(len(terms.local)), *bounds)
    bound = np.where(free, 0, right)
    cross = terms.cross * free[:, :, None]
    solved = np.linalg.solve(matrix, np.concatenate([cross, right[..., None]], -1))
    flat = cross.reshape(-1, cross.shape[-1])
    reduced = terms.shared - flat.T @ solved[..., :-1].reshape(len(flat), -1)
    pull = terms.shared_gradient + terms.cross.reshape(flat.shape).T @ bound.reshape(-1)
    shared = -np.linalg.solve(reduced, pull + flat.T @ (solved[..., -1] * free).reshape(-1))
    return solved[..., -1] - solved[..., :-1] @ shared, shared


def _minimise_jointly(problem: Problem, s: State, iterations: int, tolerance: float) -> tuple[State, float]:
    """Levenberg-Marquardt with one damping for all frames, because they share something."""
    damping = 1e-3
    here = problem.at(s)
    terms = here.terms()
    total = float(here.cost.sum()) + here.shared_cost
    for _ in range(iterations):
        trial = _stepped(problem, s, *_step(problem, s, terms, np.full(len(s.log_focal), damping)))
        there = problem.at(trial)
        gain = total - float(there.cost.sum()) - there.shared_cost
        if gain <= 0:
            damping *= 8
            if damping > 1e6:
                break
            continue
        s, total = trial, total - gain
        if gain < tolerance * total:
            break
        damping = max(damping / 5, 1e-7)
        terms = there.terms()
    return s, total


def _minimise_frames(problem: Problem, s: State, iterations: int, tolerance: float) -> tuple[State, float]:
    """Levenberg-Marquardt of every frame on its own."""
    result = s.frames(np.arange(len(s.log_focal)))
    active = np.arange(len(s.log_focal))
    damping = np.full(len(active), 1e-3)
    here = problem.at(s)
    cost, terms = here.cost.copy(), here.terms()
    for _ in range(iterations):
        trial = _stepped(problem, s, *_step(problem, s, terms, damping))
        there = problem.at(trial)
        gain = cost[active] - there.cost
        better = gain > 0
        done = (better & (gain < tolerance * cost[active])) | (~better & (damping > 1e4))
        result.put(active[better], trial.frames(better))
        cost[active[better]] = there.cost[better]
        damping = np.where(better, np.maximum(damping / 5, 1e-7), damping * 8)
        if done.all():
            break
        s = result.frames(active)
        terms = _choose(better, there.terms(), terms)
        if done.any():
            active, damping, s = active[~done], damping[~done], s.frames(~done)
            problem, terms = problem.frames(~done), _kept(~done, terms)
    return result, float(cost.sum())


def _choose(better: Array, new: Terms, old: Terms) -> Terms:
    if better.all():
        return new
    normal = np.where(better[:, None, None], new.local, old.local)
    gradient = np.where(better[:, None], new.local_gradient, old.local_gradient)
    return replace(new, local=normal, local_gradient=gradient)


def _kept(index: Array, terms: Terms) -> Terms:
    return replace(terms, local=terms.local[index], local_gradient=terms.local_gradient[index])


def solve(
    model: LandmarkModel,
    seen: Observations,
    weights: Weights,
    shared_focal: bool = False,
    iterations: int = 40,
    problem_type: type[Problem] = FastProblem,
) -> Solution:
    """Everything together: one identity, and one focal length (`shared_focal`) or one for each frame.

    Args:
        model: at its landmarks.
        seen: B >= 1 frames of one person.
        weights: trust in the terms.
        shared_focal: one camera took all frames.
        iterations: at most.
        problem_type: `Problem` for the slow reference.
    """
    problem = problem_type(model, seen, weights, True, "shared" if shared_focal else "frame")
    # The matrices are small: BLAS threads would mostly wait for each other, ten times longer on a busy machine.
    with limited_blas_threads(1):
        # Pose and expression first; a good start for the focal length, which trades with distance.
        posed, _ = _minimise_frames(
            replace(problem, identity_free=False, focal="fixed"), start(problem, None), 10, 1e-3
        )
        state, cost = _minimise_jointly(problem, posed, iterations, 1e-5)
    return solution_of(state, cost)


def solve_frames(
    model: LandmarkModel,
    seen: Observations,  # `identity` is the person's, `identity_sd` is not used
    focal_px: float,
    weights: Weights,
    iterations: int = 20,
    problem_type: type[Problem] = FastProblem,
) -> Solution:
    """Pose and expression of every frame, with the identity and the focal length given.

    Args:
        model: at its landmarks.
        seen: B frames.
        focal_px: of the camera.
        weights: trust in the terms.
        iterations: at most.
        problem_type: `Problem` for the slow reference.
    """
    problem = problem_type(model, seen, weights, False, "fixed")
    with limited_blas_threads(1):
        state, cost = _minimise_frames(problem, start(problem, focal_px), iterations, 1e-4)
    return solution_of(state, cost)


def solution_of(state: State, cost: float) -> Solution:
    rotation = vectors_of(state.rotation)
    return Solution(rotation, state.translation, np.exp(state.log_focal), state.identity, state.expression, cost)
