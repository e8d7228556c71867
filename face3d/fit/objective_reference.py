"""The objective of the landmark fit, and its normal equations from Jacobians: clear, exact and slow.

`face3d.fit.objective_fast` has the fast twin with the same minimum, which `face3d.fit.solver` uses by default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from face3d.fit.problem import (
    FIXED_CHANNELS,
    FLIP,
    FREE_CHANNELS,
    GAP_LOWER,
    GAP_UPPER,
    IRIS_FIRST,
    Array,
    LandmarkModel,
    Observations,
    State,
    Terms,
    Weights,
    gap_share,
    point_share,
)
from face3d.rotations import matrices_of, vectors_of

HUBER = 3.0


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The objective at a state: cost [B] of the frames, cost of the identity, and the normal equations on demand."""

    cost: Array
    shared_cost: float
    terms: Callable[[], Terms]


@dataclass(frozen=True, eq=False)
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
        facing = self.seen.rotation[:, 2] @ self.model.normals.T
        hidden = 1 + (w.hidden - 1) * np.clip((0.1 - facing) / 0.3, 0, 1)
        sd = point_share(w) * hidden * w.landmark * self.seen.scale_px[:, None]
        if self.identity_free and len(sd) > 1:
            # Calm frames tell more about the face at rest: people's expressions differ from the model's shapes.
            sd *= 1 + w.busy * np.linalg.norm(self.seen.expression, axis=1, keepdims=True)
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

    @cached_property
    def gap_sd(self) -> Array:
        """[B, G] px: wide gaps are known as well as landmarks are, narrow ones better."""
        points = self.seen.points
        observed = np.linalg.norm(points[:, GAP_UPPER] - points[:, GAP_LOWER], axis=-1)
        sd: Array = gap_share(self.weights) * self.seen.scale_px[:, None] + self.weights.gap_slack * observed
        return sd

    def gaps(self, rows: Array) -> Array:  # [B, 468, 3, ...] -> [B, G * 2, ...]
        """Residuals (or their derivatives) of the gaps between opposite points, from those of the points."""
        sd = self.sd_px.reshape(*self.sd_px.shape, *[1] * (rows.ndim - 2))
        across = rows[:, GAP_UPPER, :2] * sd[:, GAP_UPPER] - rows[:, GAP_LOWER, :2] * sd[:, GAP_LOWER]
        gap_sd = self.gap_sd.astype(rows.dtype)
        across /= gap_sd.reshape(*gap_sd.shape, *[1] * (rows.ndim - 2))
        return across.reshape(len(rows), 2 * len(GAP_UPPER), *rows.shape[3:])

    def priors(self, s: State) -> tuple[Array, Array]:
        """Prior residuals: per frame [B, 3 + 1 + 52] (rotation, distance, expression) and identity [K]."""
        w, seen = self.weights, self.seen
        turn = vectors_of(s.rotation @ self._expected_rotation(s).swapaxes(1, 2))
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

    def at(self, s: State) -> Evaluation:
        """Evaluate."""
        cost, shared_cost = self.cost(s)
        return Evaluation(cost, shared_cost, partial(self.terms, s))

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

    def terms(self, s: State) -> Terms:
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
        self.add_frame_priors(s, self.priors(s)[0], normal, gradient)
        if shared is None:
            return Terms(normal, gradient, normal[:, :, :0], np.empty((0, 0)), np.empty(0))
        shared = self._stacked(shared, weight)
        cross = local.swapaxes(1, 2) @ shared
        flat = shared.reshape(-1, shared.shape[-1])
        shared_normal, shared_gradient = flat.T @ flat, (flat.T @ rows.reshape(-1, 1))[:, 0]
        self.add_identity_prior(s, shared_normal, shared_gradient)
        return Terms(normal, gradient, cross, shared_normal, shared_gradient)

    def _stacked(self, jacobian: Array, weight: Array) -> Array:  # [B, 468, 3, X] -> [B, R, X]
        points = (jacobian * weight[..., None]).reshape(len(jacobian), 3 * IRIS_FIRST, -1)
        return np.concatenate([points, self.gaps(jacobian)], 1)

    def add_frame_priors(self, s: State, frames: Array, normal: Array, gradient: Array) -> None:
        """Add the prior residuals [B, 56] to the normal equations of the frames, in place."""
        w, seen = self.weights, self.seen
        first = self.local_size - len(FREE_CHANNELS)
        # What is expected of the rotation turns with the line of sight (to first order in its angle).
        turn = np.zeros((len(frames), 3, 6))
        turn[:, range(3), range(3)] = turn[:, 0, 4] = turn[:, 1, 3] = 1
        turn[:, 0, 5], turn[:, 1, 5] = (
            -s.translation[:, 1] / s.translation[:, 2],
            -s.translation[:, 0] / s.translation[:, 2],
        )
        turn /= (w.rotation * seen.rotation_sd)[:, None]
        normal[:, :6, :6] += turn.swapaxes(1, 2) @ turn
        gradient[:, :6] += (frames[:, None, :3] @ turn)[:, 0]
        columns = np.array([5, *range(first, self.local_size)])
        slopes = 1 / np.array([self._distance_sd, *(w.expression * seen.expression_sd[FREE_CHANNELS])])
        normal[:, columns, columns] += slopes**2
        gradient[:, columns] += slopes * frames[:, [3, *(4 + FREE_CHANNELS)]]

    def add_identity_prior(self, s: State, normal: Array, gradient: Array) -> None:
        """Add it to the normal equations of what is shared, in place."""
        if self.identity_free:
            start = self.shared_size - len(s.identity)
            precision = 1 / (self.weights.identity * self.seen.identity_sd) ** 2
            index = np.arange(start, self.shared_size)
            normal[index, index] += precision
            gradient[start:] += precision * (s.identity - self.seen.identity)

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
    return matrices_of(axis / length[:, None] * angle[:, None]).astype(translation.dtype)
