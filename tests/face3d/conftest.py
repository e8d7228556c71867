"""A known person in known poses, and what a detector would report."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from face3d.fit.detector_calibration import load_calibration
from face3d.fit.objective_reference import line_of_sight
from face3d.fit.problem import FLIP, FREE_CHANNELS, LandmarkModel, Observations, Solution, State
from face3d.model.morphable_model import MorphableModel

FOCAL = 1500.0
CENTER = (320.0, 240.0)


@dataclass(frozen=True)
class Sitter:
    """B frames whose parameters are known: `truth`, and what is `seen` of them."""

    truth: State
    seen: Observations

    def with_points(self, points: np.ndarray) -> Sitter:
        return replace(self, seen=replace(self.seen, points=points))


@pytest.fixture(scope="session")
def landmark_model(model: MorphableModel) -> LandmarkModel:
    return LandmarkModel.of(model)


def make_truth(
    model: LandmarkModel,
    count: int = 1,
    seed: int = 0,
    expression: np.ndarray | None = None,  # [count, 52]
    turns: np.ndarray | None = None,  # [count, 3] rad
    people: int = 12,  # coefficients of the identity that differ from the mean face
) -> State:
    rng = np.random.default_rng(seed)
    identity = np.zeros(len(model.identity))
    identity[:people] = 0.6 * rng.standard_normal(people)
    if expression is None:
        expression = np.zeros((count, 52))
        expression[:, FREE_CHANNELS] = 0.7 * rng.random((count, len(FREE_CHANNELS))) ** 2
    if turns is None:
        turns = 0.25 * rng.standard_normal((count, 3))
    translation = np.array([30.0, -40.0, 900.0]) + rng.standard_normal((count, 3)) * [20, 20, 40]
    rotation = Rotation.from_rotvec(turns).as_matrix()
    return State(rotation, translation, np.full(count, np.log(FOCAL)), identity, expression)


def shape_of(model: LandmarkModel, state: State) -> np.ndarray:  # [B, 468, 3] mm
    return (
        model.mean
        + np.tensordot(state.identity, model.identity, 1)
        + np.tensordot(state.expression, model.expression, 1)
    )


def projected(model: LandmarkModel, state: State) -> tuple[np.ndarray, np.ndarray]:
    """[B, 468, 2] px and relative depth [B, 468] px, by the definition of the camera (`face3d.camera`)."""
    points = np.einsum("bij,blj->bli", state.rotation, shape_of(model, state)) * FLIP + state.translation[:, None]
    focal = np.exp(state.log_focal)[:, None]
    depth = (points[..., 2] - points[..., 2].mean(1, keepdims=True)) * focal / state.translation[:, 2:]
    return points[..., :2] / points[..., 2:] * focal[..., None] + CENTER, depth


def make_seen(
    model: LandmarkModel,
    truth: State,
    expression: np.ndarray | None = None,  # [B, 52], what the scores say
    identity: np.ndarray | None = None,  # [K]
) -> Observations:
    """A perfect detector, whose evidence says the truth; its standard deviations are those of the calibration."""
    calibration = load_calibration()
    points, depth = projected(model, truth)
    size = len(truth.identity)
    return Observations(
        points=points,
        depth=depth,
        expression=truth.expression.copy() if expression is None else expression,
        expression_sd=calibration.expression_sd.astype(float),
        identity=np.zeros(size) if identity is None else identity,
        identity_sd=np.ones(size),
        rotation=line_of_sight(truth.translation).swapaxes(1, 2) @ truth.rotation,
        rotation_sd=calibration.rotation_sd.astype(float),
        center=np.tile(CENTER, (len(points), 1)),
    )


def make_sitter(model: LandmarkModel, count: int = 1, seed: int = 0) -> Sitter:
    truth = make_truth(model, count, seed)
    return Sitter(truth, make_seen(model, truth))


def noisy(seen: Observations, seed: int = 0) -> Observations:
    """As a real detector: landmarks off by 1 % of the eye distance, evidence by a part of its standard deviation."""
    rng = np.random.default_rng(seed)

    def normal(values: np.ndarray) -> np.ndarray:
        return rng.standard_normal(values.shape)

    sd = 0.01 * seen.scale_px[:, None]
    turn = Rotation.from_rotvec(0.5 * normal(seen.rotation[:, 0]) * seen.rotation_sd).as_matrix()
    return replace(
        seen,
        points=seen.points + normal(seen.points) * sd[..., None],
        depth=seen.depth + 5 * normal(seen.depth) * sd,
        expression=np.clip(seen.expression + 0.3 * normal(seen.expression) * seen.expression_sd, 0, 1),
        rotation=turn @ seen.rotation,
    )


def state_of(solution: Solution) -> State:
    return State(
        Rotation.from_rotvec(solution.rotation).as_matrix(),
        np.asarray(solution.translation, float),
        np.log(np.asarray(solution.focal_px, float)),
        np.asarray(solution.identity, float),
        np.asarray(solution.expression, float),
    )


def nme(model: LandmarkModel, seen: Observations, solution: Solution) -> np.ndarray:  # [B]
    """Mean distance of the projected points to the seen ones over the distance of the eyes."""
    points, _ = projected(model, state_of(solution))
    error: np.ndarray = np.linalg.norm(points - seen.points, axis=2).mean(1) / seen.scale_px
    return error


def degrees_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:  # [B, 3, 3] or [B, 3] each
    def turns(value: np.ndarray) -> Rotation:
        return Rotation.from_matrix(value) if value.ndim == 3 else Rotation.from_rotvec(value)

    degrees: np.ndarray = np.degrees((turns(a) * turns(b).inv()).magnitude())
    return degrees
