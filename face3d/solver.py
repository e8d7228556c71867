"""Bounded Levenberg-Marquardt fit of pose, focal length, identity and expression to landmarks of one or many frames.

All frames are solved at once. Each has its own pose and expression; identity, and in a video the focal length, are
shared, so the normal equations are an arrow: the frames' blocks are eliminated first (Schur complement; Triggs et al.,
"Bundle adjustment - a modern synthesis", 1999, section 6) and the cost is linear in the frames. With identity and focal
length given, frames are independent, and `solve_frames` fits them in one batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from face3d.arkit import ARKIT_INDEX, EYE_LOOK_CHANNELS
from face3d.camera import HEAD_TO_CAMERA_DIAGONAL
from face3d.landmark_sets import (
    FACE_OVAL,
    LEFT_EYE_OUTER,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_INNER_LIP,
    RIGHT_EYE_OUTER,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_INNER_LIP,
)
from face3d.morphable_model import MorphableModel

Array = NDArray[Any]  # float64, or float32 in long sequences

IRIS_FIRST = 468
# Turned by the eyeballs, which are solved afterwards.
FIXED_CHANNELS = (*EYE_LOOK_CHANNELS, ARKIT_INDEX["tongueOut"])
FREE_CHANNELS = np.setdiff1d(np.arange(52), FIXED_CHANNELS)
FLIP = np.array(HEAD_TO_CAMERA_DIAGONAL)
# Opposite points of lips and lids.
GAP_UPPER = np.array([*UPPER_INNER_LIP, *LEFT_UPPER_LID, *RIGHT_UPPER_LID])
GAP_LOWER = np.array([*LOWER_INNER_LIP, *LEFT_LOWER_LID, *RIGHT_LOWER_LID])
_LIP_GAPS = len(UPPER_INNER_LIP)


@dataclass(frozen=True)
class Weights:
    """Standard deviations of the terms: a smaller number means more trust.

    Attributes:
        landmark: of a landmark, as a share of the inter-ocular distance.
        depth: of MediaPipe's relative depth, as a share of the inter-ocular distance.
        identity, expression, rotation: factors on the standard deviations that the evidence comes with.
        distance_mm, log_distance: median and log standard deviation of the camera's distance.
        outline, hidden: factors on the standard deviation of those landmarks.
        lip_gap, lid_gap: of the distance between opposite points of lips and of lids, as a share of the inter-ocular
            distance: landmarks err together, so how far a mouth is open is known much better than where it is.
    """

    landmark: float = 0.05
    depth: float = 0.4
    identity: float = 0.33
    expression: float = 0.5
    rotation: float = 0.2
    distance_mm: float = 900.0
    log_distance: float = 0.35
    outline: float = 2.0
    hidden: float = 4.0
    lip_gap: float = 0.006
    lid_gap: float = 0.01


@dataclass(frozen=True)
class LandmarkModel:
    """A morphable model at its 468 skin landmarks: mean [468, 3], identity [K, 468, 3], expression [52, 468, 3] mm,
    and the outward normals [468, 3] of the mean face."""

    mean: Array
    identity: Array
    expression: Array
    normals: Array

    @classmethod
    def of(cls, model: MorphableModel) -> LandmarkModel:
        """Collect in float64."""

        def at(value: Any) -> Array:
            taken: Array = model.landmarks478.of(value)[..., :IRIS_FIRST, :].double().numpy()
            return taken

        corners = model.mean[model.landmarks478.triangles[:IRIS_FIRST]].double().numpy()
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return cls(at(model.mean), at(model.identity_basis), at(model.expression_basis), normals)

    def astype(self, dtype: type[np.floating[Any]]) -> LandmarkModel:
        """The same in another precision."""
        return LandmarkModel(*(np.asarray(a, dtype) for a in (self.mean, self.identity, self.expression, self.normals)))


@dataclass(frozen=True)
class Observations:
    """Detections of one person in B frames.

    Attributes:
        points: [B, 468, 2] px. depth: [B, 468] px, zero mean in each frame.
        expression, expression_sd: [B, 52] and [52], what the detector's scores say (`face3d.calibration`).
        identity, identity_sd: [K], evidence about the identity; the model's prior where there is none.
        rotation: [B, 3, 3] head rotation relative to the line of sight, rotation_sd: [3] rad.
        center: [B, 2] px, the principal points.
    """

    points: Array
    depth: Array
    expression: Array
    expression_sd: Array
    identity: Array
    identity_sd: Array
    rotation: Array
    rotation_sd: Array
    center: Array

    def frames(self, index: Array) -> Observations:
        """Some of the frames."""
        chosen = {name: getattr(self, name)[index] for name in _PER_FRAME}
        return replace(self, **chosen)

    def astype(self, dtype: type[np.floating[Any]]) -> Observations:
        """The same in another precision."""
        return Observations(*(np.asarray(getattr(self, name), dtype) for name in self.__dataclass_fields__))

    @cached_property
    def scale_px(self) -> Array:
        """[B] distance of the outer eye corners in space-true pixels, which turning the head changes little."""
        ends = np.concatenate([self.points, self.depth[..., None]], -1)[:, [RIGHT_EYE_OUTER, LEFT_EYE_OUTER]]
        distance: Array = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=-1)
        return distance


_PER_FRAME = ("points", "depth", "expression", "rotation", "center")


@dataclass(frozen=True)
class Solution:
    """B frames: rotation [B, 3] rad, translation [B, 3] mm, focal_px [B], identity [K], expression [B, 52] in 0..1,
    cost (the sum of squared weighted residuals)."""

    rotation: Array
    translation: Array
    focal_px: Array
    identity: Array
    expression: Array
    cost: float


@dataclass(frozen=True)
class State:
    """What is solved for."""

    rotation: Array  # [B, 3, 3]
    translation: Array  # [B, 3]
    log_focal: Array  # [B]
    identity: Array  # [K]
    expression: Array  # [B, 52]

    def frames(self, index: Array) -> State:
        """Some of the frames."""
        return replace(self, **{name: getattr(self, name)[index] for name in _POSED})

    def put(self, index: Array, other: State) -> None:
        """Overwrite some of the frames, in place."""
        for name in _POSED:
            getattr(self, name)[index] = getattr(other, name)


_POSED = ("rotation", "translation", "log_focal", "expression")


@dataclass(frozen=True)
class _Terms:
    """Normal equations: per frame [B, L, L], [B, L]; frame to shared [B, L, S]; shared [S, S], [S]; cost [B]."""

    local: Array
    local_gradient: Array
    cross: Array | None
    shared: Array | None
    shared_gradient: Array | None
    cost: Array
    shared_cost: float


def point_share(weights: Weights) -> Array:  # [468]
    """Factors on the landmarks' standard deviation."""
    share = np.ones(IRIS_FIRST)
    share[list(FACE_OVAL)] = weights.outline  # the outline slides over the head with the pose
    return share


def gap_share(weights: Weights) -> Array:  # [G]
    """Standard deviation of the gaps as a share of the inter-ocular distance."""
    share = np.full(len(GAP_UPPER), weights.lid_gap)
    share[:_LIP_GAPS] = weights.lip_gap
    return share


@dataclass(frozen=True)
class Problem:
    """The objective for B frames of one person.

    Attributes:
        identity_free: whether the identity is solved for.
        focal: "frame" (one for each), "shared" or "fixed".
        sd_px: [B, 468] the landmarks' standard deviation.
    """

    model: LandmarkModel
    seen: Observations
    weights: Weights
    identity_free: bool
    focal: str  # "frame", "shared" or "fixed"
    sd_px: Array = field(init=False, repr=False)  # [B, 468]

    def __post_init__(self) -> None:
        w = self.weights
        # What the head hides, the detector guesses.
        facing = np.einsum("bij,lj->bli", self.seen.rotation, self.model.normals)[..., 2]
        hidden = 1 + (w.hidden - 1) * np.clip((0.1 - facing) / 0.3, 0, 1)
        sd = point_share(w) * hidden * w.landmark * self.seen.scale_px[:, None]
        object.__setattr__(self, "sd_px", sd.astype(self.seen.points.dtype))

    @property
    def local_size(self) -> int:
        return 6 + (self.focal == "frame") + len(FREE_CHANNELS)

    @property
    def shared_size(self) -> int:
        return (self.focal == "shared") + (len(self.model.identity) if self.identity_free else 0)

    def residuals(self, s: State) -> tuple[Array, Array]:
        """Weighted landmark residuals [B, 468, 3] (x, y, depth), unweighted by robustness, and camera points."""
        camera = self._camera_points(s)
        return self._residuals(s, camera), camera

    def _camera_points(self, s: State) -> Array:
        m = self.model
        shape = m.mean + np.tensordot(s.identity, m.identity, 1) + np.tensordot(s.expression, m.expression, 1)
        camera: Array = (shape @ s.rotation.swapaxes(1, 2)) * FLIP.astype(shape.dtype) + s.translation[:, None]
        return camera

    def _residuals(self, s: State, camera: Array) -> Array:
        focal = np.exp(s.log_focal)[:, None]
        projected = camera[..., :2] / camera[..., 2:] * focal[..., None] + self.seen.center[:, None]
        # Relative depth as MediaPipe reports it: weak perspective, in pixels.
        relative = (camera[..., 2] - camera[..., 2].mean(1, keepdims=True)) * (focal / s.translation[:, 2:])
        depth_sd = self.weights.depth * self.seen.scale_px[:, None]
        return np.concatenate(
            [
                (projected - self.seen.points) / self.sd_px[..., None],
                ((relative - self.seen.depth) / depth_sd)[..., None],
            ],
            -1,
        )

    def gaps(self, rows: Array) -> Array:  # [B, 468, 3, ...] -> [B, G * 2, ...]
        """Residuals (or their derivatives) of the gaps between opposite points, from those of the points."""
        sd = self.sd_px.reshape(*self.sd_px.shape, *[1] * (rows.ndim - 2))
        across = rows[:, GAP_UPPER, :2] * sd[:, GAP_UPPER] - rows[:, GAP_LOWER, :2] * sd[:, GAP_LOWER]
        gap_sd = (gap_share(self.weights) * self.seen.scale_px[:, None]).astype(rows.dtype)
        across /= gap_sd.reshape(*gap_sd.shape, *[1] * (rows.ndim - 2))
        return across.reshape(len(rows), 2 * len(GAP_UPPER), *rows.shape[3:])

    def priors(self, s: State) -> tuple[Array, Array]:
        """Prior residuals: per frame [B, 3 + 1 + 52] (rotation, distance, expression) and identity [K]."""
        w, seen = self.weights, self.seen
        turn = Rotation.from_matrix(s.rotation @ self._expected_rotation(s).swapaxes(1, 2)).as_rotvec()
        distance = np.log(s.translation[:, 2:] / w.distance_mm) / self._distance_sd
        expression = (s.expression - seen.expression) / (w.expression * seen.expression_sd)
        expression[:, list(FIXED_CHANNELS)] = 0
        frames = np.concatenate([turn / (w.rotation * seen.rotation_sd), distance, expression], 1)
        identity = (s.identity - seen.identity) / (w.identity * seen.identity_sd)
        return frames.astype(s.expression.dtype), identity if self.identity_free else identity * 0

    @property
    def _distance_sd(self) -> float:
        # One camera tells its distance once, however many frames it took.
        count = len(self.seen.points) if self.focal == "shared" else 1
        return self.weights.log_distance * float(np.sqrt(count))

    def _expected_rotation(self, s: State) -> Array:
        """[B, 3, 3] the evidence about the rotation, turned from the line of sight to the camera's axis."""
        return line_of_sight(s.translation) @ self.seen.rotation

    def frames(self, index: Array) -> Problem:
        """Some of the frames."""
        return replace(self, seen=self.seen.frames(index))

    def cost(self, s: State) -> tuple[Array, float]:
        """[B] of the frames (Huber on landmarks), and of the identity."""
        rows, _ = self.residuals(s)
        frames, identity = self.priors(s)
        return self.frame_cost(rows, self.gaps(rows), frames), float((identity**2).sum())

    def frame_cost(self, rows: Array, gaps: Array, priors: Array) -> Array:  # [B]
        """The sum of squares of each frame, landmarks by Huber's function."""
        size = np.linalg.norm(rows[..., :2], axis=-1)
        robust = np.where(size > HUBER, 2 * HUBER * size - HUBER**2, size**2).sum(1)
        cost: Array = robust + (rows[..., 2] ** 2).sum(1) + (gaps**2).sum(1) + (priors**2).sum(1)
        return cost

    def terms(self, s: State) -> _Terms:
        """Normal equations of the step from `s`."""
        rows, camera = self.residuals(s)
        local, shared = self._jacobians(s, camera)
        size = np.linalg.norm(rows[..., :2], axis=-1)
        weight = np.ones_like(rows)
        weight[..., :2] = np.sqrt(np.minimum(1, HUBER / np.maximum(size, 1e-9)))[..., None]
        rows = np.concatenate([(rows * weight).reshape(len(rows), -1), self.gaps(rows)], 1)[..., None]
        local = self._stacked(local, weight)
        normal = local.swapaxes(1, 2) @ local
        gradient = (local.swapaxes(1, 2) @ rows)[..., 0]
        self.add_frame_priors(self.priors(s)[0], normal, gradient)
        cost, shared_cost = self.cost(s)
        if shared is None:
            return _Terms(normal, gradient, None, None, None, cost, shared_cost)
        shared = self._stacked(shared, weight)
        cross = local.swapaxes(1, 2) @ shared
        flat = shared.reshape(-1, shared.shape[-1])
        shared_normal, shared_gradient = flat.T @ flat, (flat.T @ rows.reshape(-1, 1))[:, 0]
        if self.identity_free:
            start = int(self.focal == "shared")
            precision = 1 / (self.weights.identity * self.seen.identity_sd) ** 2
            index = np.arange(start, self.shared_size)
            shared_normal[index, index] += precision
            shared_gradient[start:] += precision * (s.identity - self.seen.identity)
        return _Terms(normal, gradient, cross, shared_normal, shared_gradient, cost, shared_cost)

    def _stacked(self, jacobian: Array, weight: Array) -> Array:  # [B, 468, 3, X] -> [B, R, X]
        points = (jacobian * weight[..., None]).reshape(len(jacobian), 3 * IRIS_FIRST, -1)
        return np.concatenate([points, self.gaps(jacobian)], 1)

    def add_frame_priors(self, frames: Array, normal: Array, gradient: Array) -> None:
        """Add the prior residuals [B, 56] to the normal equations of the frames, in place."""
        w, seen = self.weights, self.seen
        first = self.local_size - len(FREE_CHANNELS)
        turn_sd, expression_sd = w.rotation * seen.rotation_sd, w.expression * seen.expression_sd[FREE_CHANNELS]
        columns = np.concatenate([np.arange(3), [5], np.arange(first, self.local_size)])
        slopes = np.concatenate([1 / turn_sd, [1 / self._distance_sd], 1 / expression_sd]).astype(normal.dtype)
        values = np.concatenate([frames[:, :4], frames[:, 4 + FREE_CHANNELS]], 1)
        normal[:, columns, columns] += slopes**2
        gradient[:, columns] += slopes * values

    def _jacobians(self, s: State, camera: Array) -> tuple[Array, Array | None]:
        """[B, 468, 3, L] and [B, 468, 3, S]: derivatives of the weighted residuals."""
        dtype = camera.dtype
        flip = FLIP.astype(dtype)
        focal, z = np.exp(s.log_focal)[:, None], camera[..., 2]
        scale = focal / z / self.sd_px
        per_mm = focal / s.translation[:, 2:]
        depth_scale = per_mm / (self.weights.depth * self.seen.scale_px[:, None])
        # Rows of the projection's derivative by the camera point, already weighted: [B, 468, 3, 3].
        project = np.zeros((*camera.shape[:2], 3, 3), dtype)
        project[..., 0, 0] = project[..., 1, 1] = scale
        project[..., :2, 2] = -camera[..., :2] / z[..., None] * scale[..., None]
        project[..., 2, 2] = depth_scale

        turned = (camera - s.translation[:, None]) * flip
        x, y, d = np.moveaxis(turned, -1, 0)
        zero = np.zeros_like(x)
        cross = np.stack([zero, d, -y, -d, zero, x, y, -x, zero], -1).reshape(*turned.shape[:2], 3, 3)
        pose = np.zeros((*turned.shape[:2], 3, 6), dtype)
        pose[..., :3] = cross * flip[:, None]
        pose[..., 0, 3] = pose[..., 1, 4] = pose[..., 2, 5] = s.translation[:, 2:]
        blocks = [project @ pose]
        relative = (camera[..., 2] - camera[..., 2].mean(1, keepdims=True)) * depth_scale
        blocks[0][..., 2, 5] -= relative
        focal_column = np.concatenate(
            [(camera[..., :2] / z[..., None] * focal[..., None]) / self.sd_px[..., None], relative[..., None]], -1
        )[..., None]
        if self.focal == "frame":
            blocks.append(focal_column)
        # Turn first: [B, 468, 3, 3] times the basis [468, 3, E].
        turn = project @ (flip[:, None] * s.rotation)[:, None]
        blocks.append(_apply(turn, self.model.expression[FREE_CHANNELS]))
        local = _centred_depth(np.concatenate(blocks, -1))
        shared_blocks = [focal_column] if self.focal == "shared" else []
        if self.identity_free:
            shared_blocks.append(_apply(turn, self.model.identity))
        if not shared_blocks:
            return local, None
        return local, _centred_depth(np.concatenate(shared_blocks, -1))


HUBER = 3.0


def _apply(turn: Array, basis: Array) -> Array:  # [B, 468, 3, 3], [E, 468, 3] -> [B, 468, 3, E]
    count = len(turn)
    stacked = turn.transpose(1, 0, 2, 3).reshape(IRIS_FIRST, count * 3, 3)
    moved = stacked @ basis.transpose(1, 2, 0).astype(turn.dtype)
    return moved.reshape(IRIS_FIRST, count, 3, -1).transpose(1, 0, 2, 3)


def _centred_depth(blocks: Array) -> Array:
    """Depth is relative to the face's mean."""
    blocks[:, :, 2] -= blocks[:, :, 2].mean(1, keepdims=True)
    return blocks


def line_of_sight(translation: Array) -> Array:  # [B, 3] -> [B, 3, 3]
    """In head axes, the smallest rotation that takes the camera's axis to the line towards `translation`."""
    towards = translation * FLIP * -1  # from the head to the camera, as a frontal head sees it
    towards = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    # From +z (the camera's axis seen from the head) to `towards`.
    axis = np.cross(np.array([0.0, 0.0, 1.0]), towards)
    angle = np.arctan2(np.linalg.norm(axis, axis=1), towards[:, 2])
    length = np.maximum(np.linalg.norm(axis, axis=1), 1e-12)
    matrix: Array = Rotation.from_rotvec(axis / length[:, None] * angle[:, None]).as_matrix()
    return matrix.astype(translation.dtype)


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


def _stepped(problem: Problem, s: State, local: Array, shared: Array | None) -> State:
    turn = Rotation.from_rotvec(local[:, :3]).as_matrix().astype(s.rotation.dtype)
    # Depth in proportion, so that it can neither jump nor become negative.
    z = s.translation[:, 2:]
    moved = s.translation.copy()
    moved[:, :2] += local[:, 3:5] * z
    moved[:, 2:] *= np.exp(np.clip(local[:, 5:6], -1, 1))
    log_focal, identity = s.log_focal, s.identity
    if problem.focal == "frame":
        log_focal = log_focal + np.clip(local[:, 6], -1, 1)
    elif problem.focal == "shared" and shared is not None:
        log_focal = log_focal + np.clip(shared[0], -1, 1)
    if problem.identity_free and shared is not None:
        identity = identity + shared[int(problem.focal == "shared") :]
    expression = s.expression.copy()
    first = problem.local_size - len(FREE_CHANNELS)
    expression[:, FREE_CHANNELS] = np.clip(expression[:, FREE_CHANNELS] + local[:, first:], 0, 1)
    return State(turn @ s.rotation, moved, log_focal, identity, expression)


def _step(problem: Problem, s: State, terms: _Terms, damping: Array) -> tuple[Array, Array | None]:
    """The damped step; weights at a bound that want to leave it are held."""
    first = problem.local_size - len(FREE_CHANNELS)
    value = np.full(terms.local_gradient.shape, 0.5)
    value[:, first:] = s.expression[:, FREE_CHANNELS]
    held = ((value <= 0) & (terms.local_gradient > 0)) | ((value >= 1) & (terms.local_gradient < 0))
    free = (~held).astype(terms.local.dtype)
    normal = terms.local * free[:, :, None] * free[:, None, :]
    index = np.arange(problem.local_size)
    normal[:, index, index] += damping[:, None] * normal[:, index, index] + held + 1e-9
    gradient = terms.local_gradient * free
    if terms.cross is None or terms.shared is None or terms.shared_gradient is None:
        return -np.linalg.solve(normal, gradient[..., None])[..., 0], None
    cross = terms.cross * free[:, :, None]
    solved = np.linalg.solve(normal, np.concatenate([cross, gradient[..., None]], -1))
    shared_normal = terms.shared + damping[0] * np.diag(np.diag(terms.shared))
    reduced = shared_normal - np.einsum("bls,blt->st", cross, solved[..., :-1])
    reduced_gradient = terms.shared_gradient - np.einsum("bls,bl->s", cross, solved[..., -1])
    shared = -np.linalg.solve(reduced, reduced_gradient)
    return -solved[..., -1] - solved[..., :-1] @ shared, shared


def _minimise(problem: Problem, s: State, iterations: int, tolerance: float) -> tuple[State, float]:
    """Levenberg-Marquardt, damped for each frame on its own unless something is shared."""
    together = problem.shared_size > 0
    damping = np.full(len(s.log_focal), 1e-3, s.translation.dtype)
    terms = problem.terms(s)
    for _ in range(iterations):
        trial = _stepped(problem, s, *_step(problem, s, terms, damping))
        cost, shared_cost = problem.cost(trial)
        gain = terms.cost - cost
        if together:
            gain = np.full_like(gain, gain.sum() + terms.shared_cost - shared_cost)
        better = gain > 0
        relative = gain / np.maximum(terms.cost.sum() + terms.shared_cost if together else terms.cost, 1e-12)
        s = _choose(better, trial, s) if not together else (trial if better[0] else s)
        damping = np.where(better, np.maximum(damping / 5, 1e-7), damping * 8)
        done = (better & (relative < tolerance)) | (damping > 1e6)
        if done.all():
            break
        if better.any():
            terms = problem.terms(s)
    cost, shared_cost = problem.cost(s)
    return s, float(cost.sum() + shared_cost)


def _choose(better: Array, trial: State, old: State) -> State:
    pick = better[:, None]
    return State(
        np.where(pick[..., None], trial.rotation, old.rotation),
        np.where(pick, trial.translation, old.translation),
        np.where(better, trial.log_focal, old.log_focal),
        old.identity,
        np.where(pick, trial.expression, old.expression),
    )


def solve(
    model: LandmarkModel, seen: Observations, weights: Weights, shared_focal: bool = False, iterations: int = 40
) -> Solution:
    """Everything together: one identity, and one focal length (`shared_focal`) or one for each frame.

    Args:
        model: at its landmarks.
        seen: B >= 1 frames of one person.
        weights: trust in the terms.
        shared_focal: one camera took all frames.
        iterations: at most.
    """
    problem = Problem(model, seen, weights, True, "shared" if shared_focal else "frame")
    # The matrices are small: BLAS threads would mostly wait for each other, ten times longer on a busy machine.
    with threadpool_limits(1, user_api="blas"):
        initial = start(problem, None)
        # Pose and expression first; a good start for the focal length, which trades with distance.
        posed, _ = _minimise(replace(problem, identity_free=False, focal="fixed"), initial, 10, 1e-3)
        state, cost = _minimise(problem, posed, iterations, 1e-5)
    return solution_of(state, cost)


def solve_frames(
    model: LandmarkModel,
    seen: Observations,  # `identity` is the person's, `identity_sd` is not used
    focal_px: float,
    weights: Weights,
    iterations: int = 8,
) -> Solution:
    """Pose and expression of every frame, with the identity and the focal length given: the slow, exact twin of
    `face3d.frame_solver.solve_frames`."""
    problem = Problem(model, seen, weights, False, "fixed")
    with threadpool_limits(1, user_api="blas"):
        state, cost = _minimise(problem, start(problem, focal_px), iterations, 1e-3)
    return solution_of(state, cost)


def solution_of(state: State, cost: float) -> Solution:
    rotation = Rotation.from_matrix(state.rotation).as_rotvec()
    return Solution(rotation, state.translation, np.exp(state.log_focal), state.identity, state.expression, cost)
