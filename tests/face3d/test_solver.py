"""The landmark fit on projections of known faces."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from face3d.arkit import ARKIT_INDEX
from face3d.camera import Camera, head_to_camera
from face3d.morphable_model import MorphableModel
from face3d.solver import LandmarkProblem, Solution, Weights, _Objective, _start, _State, solve

SIZE = (640, 480)
CAMERA = Camera(1500.0, (320.0, 240.0), SIZE)
FREE = [i for n, i in ARKIT_INDEX.items() if not n.startswith("eyeLook") and n != "tongueOut"]


@dataclasses.dataclass(frozen=True)
class Truth:
    """A face and what a perfect detector would see of it."""

    identity: torch.Tensor
    expression: torch.Tensor
    rotation: torch.Tensor
    translation: torch.Tensor
    points: np.ndarray  # [478, 2] px
    depth: np.ndarray  # [478] px, as MediaPipe counts it


def make_truth(model: MorphableModel, seed: int = 0, weights: torch.Tensor | None = None, size: float = 1.0) -> Truth:
    generator = torch.Generator().manual_seed(seed)
    identity = torch.zeros(model.identity_size)
    identity[:15] = 0.8 * torch.randn(15, generator=generator)
    if weights is None:
        weights = torch.zeros(52)
        weights[FREE] = 0.5 * torch.rand(len(FREE), generator=generator) ** 2
    rotation = 0.3 * torch.randn(3, generator=generator)
    translation = torch.tensor([30.0, -40.0, 900.0])
    points = head_to_camera(model.landmarks478.of(model.vertices(identity, weights)), rotation, translation)
    pixels = CAMERA.project(points).double().numpy() * size
    depth = ((points[:, 2] - points[:, 2].mean()) * CAMERA.focal_px / translation[2]).double().numpy() * size
    return Truth(identity, weights, rotation, translation, pixels, depth)


def make_problem(
    model: MorphableModel, truth: Truth, scores: np.ndarray | None = None, size: float = 1.0
) -> LandmarkProblem:
    scores = truth.expression.numpy() if scores is None else scores
    image = (round(SIZE[0] * size), round(SIZE[1] * size))
    return LandmarkProblem.build(
        model, truth.points.astype(np.float32), truth.depth.astype(np.float32), scores.astype(np.float32), image
    )


def nme(model: MorphableModel, truth: Truth, solution: Solution) -> float:
    """Mean distance of the 468 points over the distance of the outer eye corners."""
    vertices = model.vertices(*(torch.from_numpy(x).float() for x in (solution.identity, solution.expression)))
    points = head_to_camera(
        model.landmarks478.of(vertices),
        torch.from_numpy(solution.rotation).float(),
        torch.from_numpy(solution.translation).float(),
    )
    pixels = Camera(solution.focal_px, CAMERA.principal_point_px, SIZE).project(points).numpy()
    eyes = np.linalg.norm(truth.points[263] - truth.points[33])
    return float(np.linalg.norm(pixels - truth.points, axis=1)[:468].mean() / eyes)


def degrees_between(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees((Rotation.from_rotvec(a) * Rotation.from_rotvec(b).inv()).magnitude()))


def test_problem_holds_the_model_at_its_landmarks(model: MorphableModel) -> None:
    truth = make_truth(model)
    problem = make_problem(model, truth)
    shape = (
        problem.mean
        + np.tensordot(truth.identity.double().numpy(), problem.identity, 1)
        + np.tensordot(truth.expression.double().numpy(), problem.expression, 1)
    )
    expected = model.landmarks478.of(model.vertices(truth.identity, truth.expression))[:468]
    np.testing.assert_allclose(shape, expected, atol=1e-3)
    assert abs(problem.depth.mean()) < 1e-9
    assert problem.center.tolist() == [320, 240]


def test_scale_does_not_shrink_with_yaw(model: MorphableModel) -> None:
    frontal = make_truth(model, weights=torch.zeros(52))
    for angle in (0.0, 0.6):
        rotation = torch.tensor([0, angle, 0])
        points = head_to_camera(
            model.landmarks478.of(model.neutral(frontal.identity)), rotation, torch.tensor([0, 0, 900.0])
        )
        depth = (points[:, 2] - points[:, 2].mean()) * CAMERA.focal_px / 900
        turned = dataclasses.replace(frontal, points=CAMERA.project(points).numpy(), depth=depth.numpy())
        eyes = model.landmarks478.of(model.neutral(frontal.identity))[[33, 263]]
        expected = float((eyes[1] - eyes[0]).norm()) * CAMERA.focal_px / 900
        assert make_problem(model, turned).scale_px == pytest.approx(expected, rel=0.03)


def test_jacobian_equals_finite_differences(model: MorphableModel) -> None:
    truth = make_truth(model)
    problem = make_problem(model, truth, np.random.default_rng(0).random(52))
    problem = dataclasses.replace(problem, identity=problem.identity[:4])
    objective = _Objective(problem, Weights())
    rng = np.random.default_rng(0)
    start = _start(problem, Weights(), 4)
    state = _State(
        Rotation.from_rotvec([0.1, 0.2, -0.1]).as_matrix(),
        start.translation + np.array([3, 4, 50]),
        start.log_focal + 0.1,
        rng.standard_normal(4),
        rng.uniform(0.2, 0.8, 52),
    )
    residual, jacobian = objective(state)
    count = 7 + 4 + 52
    assert jacobian.shape == (len(residual), count) == (3 * 468 + 4 + 52 + 1, count)
    step = 1e-5
    for j, direction in enumerate(step * np.eye(count)):
        slope = (objective(state.stepped(direction))[0] - objective(state.stepped(-direction))[0]) / (2 * step)
        np.testing.assert_allclose(jacobian[:, j], slope, rtol=1e-5, atol=1e-6 * np.abs(slope).max(), err_msg=str(j))


@pytest.mark.parametrize("seed", range(4))
def test_recovers_a_known_face(model: MorphableModel, seed: int) -> None:
    """Focal length and distance trade off against each other; pose, expression and shape do not."""
    truth = make_truth(model, seed)
    solution = solve(make_problem(model, truth), Weights())
    assert nme(model, truth, solution) < 0.004
    assert degrees_between(solution.rotation, truth.rotation.numpy()) < 3
    assert np.abs(solution.expression - truth.expression.numpy()).mean() < 0.03
    found = model.neutral(torch.from_numpy(solution.identity).float())
    expected = model.neutral(truth.identity)
    points = model.landmarks478
    error = (points.of(found) - points.of(expected)).norm(dim=1).mean()
    of_mean_face = (points.of(model.mean) - points.of(expected)).norm(dim=1).mean()
    assert error < 0.5 * of_mean_face
    ratio = solution.focal_px / solution.translation[2] / (CAMERA.focal_px / float(truth.translation[2]))
    assert ratio == pytest.approx(1, abs=0.05)


def test_landmarks_correct_the_scores(model: MorphableModel) -> None:
    """The scores say closed, the landmarks show an open mouth."""
    weights = torch.zeros(52)
    weights[ARKIT_INDEX["jawOpen"]] = 0.7
    truth = make_truth(model, weights=weights)
    solution = solve(make_problem(model, truth, np.zeros(52)), Weights())
    assert solution.expression[ARKIT_INDEX["jawOpen"]] > 0.5


def test_scores_choose_where_landmarks_cannot(model: MorphableModel) -> None:
    """jawLeft and jawRight cancel: only the scores tell nothing from both."""
    truth = make_truth(model, weights=torch.zeros(52))
    solution = solve(make_problem(model, truth), Weights())
    assert solution.expression[[ARKIT_INDEX["jawLeft"], ARKIT_INDEX["jawRight"]]].max() < 0.1
    assert solution.expression.max() < 0.2


@pytest.mark.parametrize("seed", range(3))
def test_weights_stay_in_range(model: MorphableModel, seed: int) -> None:
    """Also where faces and scores go beyond 0..1."""
    weights = torch.zeros(52)
    weights[FREE] = 3 * torch.rand(len(FREE), generator=torch.Generator().manual_seed(seed)) - 1
    truth = make_truth(model, seed, weights)
    solution = solve(make_problem(model, truth, weights.clamp(0, 1).numpy()), Weights())
    assert solution.expression.min() >= 0
    assert solution.expression.max() <= 1
    assert (solution.expression == 0).any()
    assert (solution.expression == 1).any()


def test_eyeball_and_tongue_units_are_left_to_others(model: MorphableModel) -> None:
    truth = make_truth(model)
    solution = solve(make_problem(model, truth, np.full(52, 0.5)), Weights())
    fixed = [i for i in range(52) if i not in FREE]
    assert (solution.expression[fixed] == 0).all()


def test_outliers_hardly_matter(model: MorphableModel) -> None:
    """Ten points that lie 60 pixels off move the nose by less than a tenth of the eyes' distance."""
    truth = make_truth(model)
    clean = solve(make_problem(model, truth), Weights())
    points = truth.points.copy()
    points[::47] += 60
    damaged = solve(make_problem(model, dataclasses.replace(truth, points=points)), Weights())
    assert degrees_between(damaged.rotation, clean.rotation) < 4
    assert np.abs(damaged.expression - clean.expression).mean() < 0.06


def test_a_picture_of_another_size_gives_the_same_face(model: MorphableModel) -> None:
    truth, large = make_truth(model), make_truth(model, size=3)
    one = solve(make_problem(model, truth), Weights())
    other = solve(make_problem(model, large, size=3), Weights())
    assert other.focal_px == pytest.approx(3 * one.focal_px, rel=1e-3)
    np.testing.assert_allclose(other.translation, one.translation, rtol=1e-3, atol=0.1)
    np.testing.assert_allclose(other.expression, one.expression, atol=1e-3)
    np.testing.assert_allclose(other.identity, one.identity, atol=1e-2)


def test_the_solution_beats_the_truth(model: MorphableModel) -> None:
    """Under the solver's own objective, which also holds the prior: it went down to a minimum, not just near."""
    truth = make_truth(model, seed=1)
    problem = make_problem(model, truth)
    solution = solve(problem, Weights())
    at_truth = _State(
        Rotation.from_rotvec(truth.rotation.numpy()).as_matrix(),
        truth.translation.double().numpy(),
        float(np.log(CAMERA.focal_px)),
        truth.identity.double().numpy(),
        truth.expression.double().numpy(),
    )
    residual, _ = _Objective(problem, Weights())(at_truth)
    assert solution.cost < float((residual**2).sum())
