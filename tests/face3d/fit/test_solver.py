"""The joint fit on projections of known faces, and its objective against finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from face3d.arkit import ARKIT_INDEX
from face3d.fit.detector_calibration import align
from face3d.fit.objective_reference import Problem, line_of_sight
from face3d.fit.problem import (
    FIXED_CHANNELS,
    FLIP,
    FRAME_WEIGHTS,
    FREE_CHANNELS,
    GAP_LOWER,
    GAP_UPPER,
    LandmarkModel,
    State,
    Weights,
)
from face3d.fit.solver import _stepped, solve, solve_frames
from face3d.model.landmark_sets import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from face3d.model.morphable_model import MorphableModel
from tests.face3d.conftest import (
    FOCAL,
    degrees_between,
    make_seen,
    make_sitter,
    make_truth,
    nme,
    noisy,
    projected,
    shape_of,
    state_of,
)

WEIGHTS = Weights()


def shape_error(model: LandmarkModel, identity: np.ndarray, truth: State) -> float:
    """Mean distance of the neutral landmarks, mm, after the best similarity: size trades with distance, and where the
    head's origin lies with the pose."""
    found, expected = (model.mean + np.tensordot(i, model.identity, 1) for i in (identity, truth.identity))
    scale, rotation, origin = align(found, expected[None])
    laid = scale[0] * found @ rotation[0].T + origin[0]
    return float(np.linalg.norm(laid - expected, axis=1).mean())


# --- what is fitted


def test_landmark_model_is_the_model_at_its_landmarks(model: MorphableModel, landmark_model: LandmarkModel) -> None:
    truth = make_truth(landmark_model)
    vertices = model.vertices(*(torch.from_numpy(a).float() for a in (truth.identity, truth.expression[0])))
    expected = model.landmarks478.of(vertices)[:468]
    np.testing.assert_allclose(shape_of(landmark_model, truth)[0], expected, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(landmark_model.normals, axis=1), 1)
    nose, jaw_angles = 1, [234, 454]
    assert landmark_model.normals[nose, 2] > 0.9
    assert (np.sign(landmark_model.normals[jaw_angles, 0]) == [-1, 1]).all()


def test_landmark_model_changes_its_precision(landmark_model: LandmarkModel) -> None:
    single = landmark_model.astype(np.float32)
    assert {a.dtype for a in (single.mean, single.identity, single.expression, single.normals)} == {np.dtype("f4")}
    np.testing.assert_allclose(single.identity, landmark_model.identity, rtol=1e-6, atol=1e-7)


def test_scale_does_not_shrink_with_yaw(landmark_model: LandmarkModel) -> None:
    turns = np.array([[0.0, 0, 0], [0, 0.6, 0]])
    truth = make_truth(landmark_model, 2, expression=np.zeros((2, 52)), turns=turns)
    ends = shape_of(landmark_model, truth)[:, [RIGHT_EYE_OUTER, LEFT_EYE_OUTER]]
    expected = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) * FOCAL / truth.translation[:, 2]
    np.testing.assert_allclose(make_seen(landmark_model, truth).scale_px, expected, rtol=0.03)


# --- the objective


@pytest.mark.parametrize(
    ("count", "identity_free", "focal"),
    [(1, True, "frame"), (2, True, "shared"), (2, True, "frame"), (2, False, "fixed"), (1, False, "frame")],
)
def test_gradient_equals_finite_differences(
    landmark_model: LandmarkModel, count: int, identity_free: bool, focal: str
) -> None:
    """Of the whole objective: landmarks by Huber, depth, gaps, evidence."""
    small = replace(landmark_model, identity=landmark_model.identity[:4])
    truth = make_truth(small, count, people=4)
    seen = noisy(make_seen(small, truth))
    seen.points[:, ::50] += 60  # some outliers
    problem = Problem(small, seen, WEIGHTS, identity_free, focal)
    rng = np.random.default_rng(1)
    state = replace(truth, expression=np.clip(truth.expression, 0.2, 0.8), identity=rng.standard_normal(4))
    state = replace(state, translation=state.translation + np.array([3, 4, 50]), log_focal=state.log_focal + 0.1)
    terms = problem.terms(state)

    def slope(local: np.ndarray, shared: np.ndarray) -> float:
        def cost(sign: float) -> float:
            moved = _stepped(problem, state, sign * local, sign * shared)
            frames, identity = problem.cost(moved)
            return float(frames.sum()) + identity

        return (cost(1) - cost(-1)) / (2 * step)

    step = 1e-5
    none = np.zeros((count, problem.local_size))
    shared = np.zeros(problem.shared_size)
    expected = np.zeros_like(none)
    for frame, column in np.ndindex(expected.shape):
        local = none.copy()
        local[frame, column] = step
        expected[frame, column] = slope(local, shared) / 2
    # The logarithm of the turn from the evidence is derived to first order.
    np.testing.assert_allclose(terms.local_gradient, expected, rtol=0.02, atol=1e-4 * np.abs(expected).max())
    assert terms.shared_gradient.shape == shared.shape
    slopes = [slope(none, row) / 2 for row in step * np.eye(len(shared))]
    np.testing.assert_allclose(terms.shared_gradient, slopes, rtol=1e-4, atol=1e-4 * np.abs(slopes).max(initial=0))


def test_jacobians_equal_finite_differences(landmark_model: LandmarkModel) -> None:
    small = replace(landmark_model, identity=landmark_model.identity[:4])
    truth = make_truth(small, 2, people=4)
    problem = Problem(small, noisy(make_seen(small, truth)), WEIGHTS, True, "shared")
    state = replace(truth, expression=np.clip(truth.expression, 0.2, 0.8))
    local, shared = problem._jacobians(state, problem.residuals(state)[1])
    assert shared is not None
    step = 1e-5
    none, fixed = np.zeros((2, problem.local_size)), np.zeros(problem.shared_size)

    def slope(local_step: np.ndarray, shared_step: np.ndarray) -> np.ndarray:
        ahead, behind = (_stepped(problem, state, s * local_step, s * shared_step) for s in (1, -1))
        return (problem.residuals(ahead)[0] - problem.residuals(behind)[0]) / (2 * step)

    for column, row in enumerate(step * np.eye(problem.local_size)):
        expected = slope(none + row, fixed)
        np.testing.assert_allclose(local[..., column], expected, atol=1e-6 * np.abs(expected).max(), rtol=1e-5)
    for column, row in enumerate(step * np.eye(problem.shared_size)):
        expected = slope(none, row)
        np.testing.assert_allclose(shared[..., column], expected, atol=1e-6 * np.abs(expected).max(), rtol=1e-5)


def test_the_truth_costs_nothing(landmark_model: LandmarkModel) -> None:
    """Seen perfectly, with evidence that says the truth, at the distance that is expected."""
    truth = make_truth(landmark_model)
    truth.translation[:, 2] = WEIGHTS.distance_mm
    seen = make_seen(landmark_model, truth, identity=truth.identity)
    frames, identity = Problem(landmark_model, seen, WEIGHTS, True, "frame").cost(truth)
    assert frames.max() < 1e-12
    assert identity < 1e-12


def test_hidden_and_outline_points_are_trusted_less(landmark_model: LandmarkModel) -> None:
    truth = make_truth(landmark_model, 2, expression=np.zeros((2, 52)), turns=np.array([[0.0, 0, 0], [0, 1.2, 0]]))
    weights = Weights(outline=2, hidden=4)
    frontal, profile = Problem(landmark_model, make_seen(landmark_model, truth), weights, False, "fixed").sd_px
    nose, chin, right_cheek, left_cheek = 1, 152, 205, 425
    assert frontal[chin] == pytest.approx(2 * frontal[nose])
    assert frontal[right_cheek] == pytest.approx(frontal[nose])
    # Turned to the person's left, of which the normals have +x: the left half is hidden.
    assert truth.rotation[1, 0, 2] > 0
    assert profile[left_cheek] > 2 * profile[right_cheek]


@given(st.floats(-400, 400), st.floats(-400, 400), st.floats(300, 3000))
def test_line_of_sight_turns_the_axis_towards_the_head(x: float, y: float, z: float) -> None:
    translation = np.array([[x, y, z]])
    turn = line_of_sight(translation)[0]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    towards_camera = -translation[0] * FLIP / np.linalg.norm(translation)
    np.testing.assert_allclose(turn @ [0, 0, 1], towards_camera, atol=1e-9)
    # The smallest rotation has its axis across both.
    axis = Rotation.from_matrix(turn).as_rotvec()
    np.testing.assert_allclose([axis[2], axis @ towards_camera], 0, atol=1e-7)


# --- one photo


@pytest.mark.parametrize("seed", range(3))
def test_recovers_a_known_face(landmark_model: LandmarkModel, seed: int) -> None:
    """Focal length and distance trade off against each other; pose, expression and shape do not."""
    sitter = make_sitter(landmark_model, seed=seed)
    truth, solution = sitter.truth, solve(landmark_model, sitter.seen, WEIGHTS)
    assert nme(landmark_model, sitter.seen, solution).max() < 0.007
    assert degrees_between(solution.rotation, Rotation.from_matrix(truth.rotation).as_rotvec()).max() < 1
    assert np.abs(solution.expression - truth.expression).mean() < 0.02
    assert shape_error(landmark_model, solution.identity, truth) < 0.6 * shape_error(
        landmark_model, 0 * solution.identity, truth
    )
    ratio = solution.focal_px / solution.translation[:, 2] * truth.translation[:, 2] / FOCAL
    assert ratio == pytest.approx(1, abs=0.05)


def test_goes_down_to_a_minimum(landmark_model: LandmarkModel) -> None:
    """The solution costs less than the truth, whose identity is off the mean face, and no small step costs less."""
    sitter = make_sitter(landmark_model, seed=1)
    problem = Problem(landmark_model, sitter.seen, WEIGHTS, True, "frame")
    solution = solve(landmark_model, sitter.seen, WEIGHTS)
    frames, identity = problem.cost(sitter.truth)
    assert solution.cost < float(frames.sum()) + identity
    rng = np.random.default_rng(0)
    state = state_of(solution)
    for _ in range(50):
        local = 3e-3 * rng.standard_normal((1, problem.local_size))
        frames, identity = problem.cost(_stepped(problem, state, local, 3e-2 * rng.standard_normal(80)))
        assert float(frames.sum()) + identity > solution.cost


def test_landmarks_correct_the_scores(landmark_model: LandmarkModel) -> None:
    """The scores say closed, the landmarks show an open mouth."""
    expression = np.zeros((1, 52))
    expression[0, ARKIT_INDEX["jawOpen"]] = 0.7
    truth = make_truth(landmark_model, expression=expression)
    seen = make_seen(landmark_model, truth, np.zeros((1, 52)))
    found = [
        solve(landmark_model, seen, Weights(expression=sd)).expression[0, ARKIT_INDEX["jawOpen"]]
        for sd in (0.1, 0.5, 3)
    ]
    assert found == sorted(found)
    assert found[0] < 0.2
    assert found[-1] > 0.5


def test_evidence_chooses_where_landmarks_cannot(landmark_model: LandmarkModel) -> None:
    """jawLeft and jawRight cancel: only the evidence tells nothing from both."""
    truth = make_truth(landmark_model, expression=np.zeros((1, 52)))
    solution = solve(landmark_model, make_seen(landmark_model, truth), WEIGHTS)
    assert solution.expression[0, [ARKIT_INDEX["jawLeft"], ARKIT_INDEX["jawRight"]]].max() < 0.1
    assert solution.expression.max() < 0.2


def test_evidence_about_the_identity_counts(landmark_model: LandmarkModel) -> None:
    truth = make_truth(landmark_model)
    blind = solve(landmark_model, make_seen(landmark_model, truth), WEIGHTS)
    told = solve(landmark_model, make_seen(landmark_model, truth, identity=truth.identity), WEIGHTS)
    assert shape_error(landmark_model, told.identity, truth) < 0.3 * shape_error(landmark_model, blind.identity, truth)


@pytest.mark.parametrize("seed", range(2))
def test_weights_stay_in_range(landmark_model: LandmarkModel, seed: int) -> None:
    """Also where faces go beyond 0..1."""
    wild = np.zeros((1, 52))
    wild[0, FREE_CHANNELS] = 3 * np.random.default_rng(seed).random(len(FREE_CHANNELS)) - 1
    truth = make_truth(landmark_model, seed=seed, expression=wild)
    solution = solve(landmark_model, make_seen(landmark_model, truth, wild.clip(0, 1)), WEIGHTS)
    assert solution.expression.min() == 0
    assert solution.expression.max() == 1


def test_eyeball_and_tongue_channels_are_left_to_others(landmark_model: LandmarkModel) -> None:
    truth = make_truth(landmark_model)
    solution = solve(landmark_model, make_seen(landmark_model, truth, np.full((1, 52), 0.5)), WEIGHTS)
    assert (solution.expression[:, list(FIXED_CHANNELS)] == 0).all()
    assert set(FREE_CHANNELS) | set(FIXED_CHANNELS) == set(range(52))


def test_outliers_hardly_matter(landmark_model: LandmarkModel) -> None:
    """Ten points that lie half the eyes' distance off."""
    sitter = make_sitter(landmark_model)
    clean = solve(landmark_model, sitter.seen, WEIGHTS)
    points = sitter.seen.points.copy()
    points[:, ::47] += 80
    damaged = solve(landmark_model, replace(sitter.seen, points=points), WEIGHTS)
    assert degrees_between(damaged.rotation, clean.rotation).max() < 1.5
    assert np.abs(damaged.expression - clean.expression).mean() < 0.04


def test_a_picture_of_another_size_gives_the_same_face(landmark_model: LandmarkModel) -> None:
    seen = make_sitter(landmark_model).seen
    large = replace(seen, points=3 * seen.points, depth=3 * seen.depth, center=3 * seen.center)
    one, other = solve(landmark_model, seen, WEIGHTS), solve(landmark_model, large, WEIGHTS)
    np.testing.assert_allclose(other.focal_px, 3 * one.focal_px, rtol=1e-3)
    np.testing.assert_allclose(other.translation, one.translation, rtol=1e-3, atol=0.1)
    np.testing.assert_allclose(other.expression, one.expression, atol=1e-3)
    np.testing.assert_allclose(other.identity, one.identity, atol=1e-2)


def test_a_closed_mouth_is_closed(landmark_model: LandmarkModel) -> None:
    """Where lips and lids touch in the picture, they touch in the fit, also where the evidence knows nothing of it."""
    expression = np.zeros((1, 52))
    expression[0, [ARKIT_INDEX[name] for name in ("jawOpen", "mouthClose", "eyeBlinkLeft")]] = 0.6, 0.6, 0.9
    seen = make_seen(landmark_model, make_truth(landmark_model, expression=expression), np.full((1, 52), 0.2))

    def across(points: np.ndarray) -> np.ndarray:
        return points[:, GAP_UPPER] - points[:, GAP_LOWER]

    def gap_error(weights: Weights) -> float:
        points, _ = projected(landmark_model, state_of(solve(landmark_model, seen, weights)))
        return float(np.linalg.norm(across(points) - across(seen.points), axis=-1)[closed].mean() / seen.scale_px[0])

    closed = np.linalg.norm(across(seen.points), axis=-1) < 0.03 * seen.scale_px[:, None]
    assert closed.sum() > 10
    tied, loose = gap_error(FRAME_WEIGHTS), gap_error(replace(FRAME_WEIGHTS, lip_gap=10, lid_gap=10))
    assert tied < 0.02
    assert tied < 0.8 * loose


@pytest.mark.parametrize("side", [-1, 1])
def test_a_profile_is_posed_by_what_is_seen(landmark_model: LandmarkModel, side: int) -> None:
    """Hidden landmarks that are guessed wrong pull less than they would if they were trusted."""
    truth = make_truth(landmark_model, expression=np.zeros((1, 52)), turns=np.array([[0.05, 1.0 * side, 0]]), people=6)
    seen = make_seen(landmark_model, truth)
    facing = np.einsum("bij,lj->bli", truth.rotation, landmark_model.normals)[0, :, 2]
    seen.points[0, facing < -0.2] += 0.1 * seen.scale_px[0]

    def error(weights: Weights) -> float:
        solution = solve(landmark_model, seen, weights)
        return float(degrees_between(Rotation.from_rotvec(solution.rotation).as_matrix(), truth.rotation)[0])

    assert error(Weights()) < 1
    assert error(Weights(hidden=6, rotation=100)) < error(Weights(hidden=1, rotation=100))


# --- several frames


def test_more_frames_know_the_person_better(landmark_model: LandmarkModel) -> None:
    truth = make_truth(landmark_model, 6, seed=2, turns=np.array([[0, y, 0] for y in (-0.6, -0.3, 0, 0.2, 0.4, 0.6)]))
    seen = noisy(make_seen(landmark_model, truth))
    exact = replace(WEIGHTS, busy=0)  # expressions are the model's own here
    alone = [solve(landmark_model, seen.frames(np.array([i])), exact).identity for i in (0, 2)]
    together = solve(landmark_model, seen, exact)
    assert together.identity.shape == (80,)
    error = shape_error(landmark_model, together.identity, truth)
    assert error < 0.9 * np.mean([shape_error(landmark_model, one, truth) for one in alone])
    assert nme(landmark_model, seen, together).max() < 0.02
    assert np.abs(together.expression - truth.expression).mean() < 0.06


def test_one_camera_has_one_focal_length(landmark_model: LandmarkModel) -> None:
    """It is shared when asked for; the perspective of turned heads in several frames then finds it."""
    truth = make_truth(landmark_model, 4, turns=np.array([[0, y, 0] for y in (-0.7, -0.2, 0.3, 0.7)]))
    seen = make_seen(landmark_model, truth, identity=truth.identity)
    shared = solve(landmark_model, seen, WEIGHTS, shared_focal=True)
    assert np.ptp(shared.focal_px) == 0
    assert shared.focal_px[0] == pytest.approx(FOCAL, rel=0.1)
    own = solve(landmark_model, seen, WEIGHTS)
    assert np.ptp(own.focal_px) > 0


def test_frames_of_a_known_person_do_not_depend_on_each_other(landmark_model: LandmarkModel) -> None:
    sitter = make_sitter(landmark_model, 3)
    seen = replace(sitter.seen, identity=sitter.truth.identity)
    together = solve_frames(landmark_model, seen, FOCAL, WEIGHTS)
    alone = solve_frames(landmark_model, seen.frames(np.array([1])), FOCAL, WEIGHTS)
    np.testing.assert_allclose(alone.expression[0], together.expression[1], atol=1e-3)
    np.testing.assert_allclose(alone.rotation[0], together.rotation[1], atol=1e-4)
    assert degrees_between(together.rotation, Rotation.from_matrix(sitter.truth.rotation).as_rotvec()).max() < 0.5
    assert (together.identity == sitter.truth.identity).all()
