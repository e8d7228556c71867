"""The compiled objective against the exact one with its Jacobians, and the fits with either."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from face3d.fit.objective_fast import FastProblem
from face3d.fit.objective_reference import Problem
from face3d.fit.problem import FIXED_CHANNELS, LandmarkModel, Observations, Weights
from face3d.fit.solver import solve, solve_frames, start
from tests.face3d.conftest import FOCAL, degrees_between, make_seen, make_truth, nme, noisy, projected, state_of

WEIGHTS = Weights()


@pytest.fixture(scope="module")
def seen(landmark_model: LandmarkModel) -> Observations:
    """Frontal and turned frames, with outliers, of a known person, as a real detector sees them."""
    turns = np.array([[0.1 * (i % 3), 0.2 * (i - 4), 0.05 * i] for i in range(9)])
    truth = make_truth(landmark_model, len(turns), turns=turns)
    seen = noisy(make_seen(landmark_model, truth, identity=truth.identity))
    seen.points[2, ::40] += 60
    return seen


@pytest.mark.parametrize(
    ("identity_free", "focal"), [(True, "frame"), (True, "shared"), (False, "fixed"), (False, "frame")]
)
def test_cost_and_gradient_are_those_of_the_twin(
    landmark_model: LandmarkModel, seen: Observations, identity_free: bool, focal: str
) -> None:
    exact, fast = (kind(landmark_model, seen, WEIGHTS, identity_free, focal) for kind in (Problem, FastProblem))
    state = start(exact, FOCAL)
    state = replace(state, identity=state.identity + np.random.default_rng(0).standard_normal(len(state.identity)))
    one, other = exact.at(state), fast.at(state)
    np.testing.assert_allclose(other.cost, one.cost, rtol=1e-9)
    assert other.shared_cost == pytest.approx(one.shared_cost)
    expected, terms = one.terms(), other.terms()
    pairs = [(terms.local_gradient, expected.local_gradient)]
    pose = exact.local_size - 43
    pairs.append((terms.local[:, :pose], expected.local[:, :pose]))
    if identity_free:
        pairs.append((terms.shared_gradient, expected.shared_gradient))
        pairs.append((terms.cross[:, :pose], expected.cross[:, :pose]))
    else:
        assert terms.shared.size == terms.cross.size == terms.shared_gradient.size == 0
    for found, wanted in pairs:
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6 * np.abs(wanted).max())


def test_normal_matrix_is_close(landmark_model: LandmarkModel, seen: Observations) -> None:
    """Also of turned frames with hidden points: far from it, steps would be useless."""
    exact, fast = (kind(landmark_model, seen, WEIGHTS, True, "shared") for kind in (Problem, FastProblem))
    state = start(exact, FOCAL)
    one, other = exact.at(state).terms(), fast.at(state).terms()
    for name in ("local", "cross", "shared"):
        found, wanted = getattr(other, name), getattr(one, name)
        assert np.linalg.norm(found - wanted) < 0.05 * np.linalg.norm(wanted), name
    np.testing.assert_allclose(
        other.local, other.local.swapaxes(1, 2), rtol=1e-5, atol=1e-6 * np.abs(other.local).max()
    )
    assert np.linalg.eigvalsh(other.local).min() > 0


def test_frames_equal_the_slow_twin(landmark_model: LandmarkModel, seen: Observations) -> None:
    slow = solve_frames(landmark_model, seen, FOCAL, WEIGHTS, problem_type=Problem)
    fast = solve_frames(landmark_model, seen, FOCAL, WEIGHTS)
    assert fast.cost == pytest.approx(slow.cost, rel=2e-4)
    np.testing.assert_allclose(fast.expression, slow.expression, atol=0.01)
    assert np.abs(fast.expression - slow.expression).mean() < 5e-4
    assert degrees_between(fast.rotation, slow.rotation).max() < 0.02
    np.testing.assert_allclose(fast.translation, slow.translation, atol=0.5)
    moved = projected(landmark_model, state_of(fast))[0] - projected(landmark_model, state_of(slow))[0]
    assert np.linalg.norm(moved, axis=2).mean() < 5e-4 * seen.scale_px.mean()


def test_joint_fit_equals_the_slow_twin(landmark_model: LandmarkModel, seen: Observations) -> None:
    few = seen.frames(np.array([0, 2, 4, 7]))
    slow = solve(landmark_model, few, WEIGHTS, shared_focal=True, problem_type=Problem)
    fast = solve(landmark_model, few, WEIGHTS, shared_focal=True)
    assert fast.cost == pytest.approx(slow.cost, rel=1e-3)
    np.testing.assert_allclose(fast.expression, slow.expression, atol=0.01)
    np.testing.assert_allclose(fast.identity, slow.identity, atol=0.03)
    sizes = [solution.focal_px / solution.translation[:, 2] for solution in (fast, slow)]
    np.testing.assert_allclose(*sizes, rtol=5e-3)
    moved = projected(landmark_model, state_of(fast))[0] - projected(landmark_model, state_of(slow))[0]
    assert np.linalg.norm(moved, axis=2).mean() < 5e-4 * seen.scale_px.mean()


def test_recovers_known_frames(landmark_model: LandmarkModel) -> None:
    truth = make_truth(landmark_model, 6, seed=3)
    solution = solve_frames(landmark_model, make_seen(landmark_model, truth, identity=truth.identity), FOCAL, WEIGHTS)
    assert degrees_between(solution.rotation, Rotation.from_matrix(truth.rotation).as_rotvec()).max() < 0.1
    np.testing.assert_allclose(solution.expression, truth.expression, atol=0.01)
    np.testing.assert_allclose(solution.translation, truth.translation, rtol=0.01)
    assert solution.focal_px == pytest.approx(FOCAL)
    assert (solution.identity == truth.identity).all()


def test_single_precision_is_enough(landmark_model: LandmarkModel, seen: Observations) -> None:
    double = solve_frames(landmark_model, seen, FOCAL, WEIGHTS)
    single = solve_frames(landmark_model.astype(np.float32), seen.astype(np.float32), FOCAL, WEIGHTS)
    np.testing.assert_allclose(single.expression, double.expression, atol=5e-3)
    np.testing.assert_allclose(single.rotation, double.rotation, atol=5e-4)
    np.testing.assert_allclose(single.translation, double.translation, atol=0.5)


def test_frames_do_not_depend_on_their_batch(landmark_model: LandmarkModel, seen: Observations) -> None:
    together = solve_frames(landmark_model, seen, FOCAL, WEIGHTS)
    for index in ([0], [7, 2]):
        part = solve_frames(landmark_model, seen.frames(np.array(index)), FOCAL, WEIGHTS)
        for name in ("rotation", "translation", "expression"):
            expected = getattr(together, name)[index]
            np.testing.assert_allclose(getattr(part, name), expected, atol=1e-6, rtol=1e-6)


def test_weights_stay_in_range_and_fixed_channels_at_rest(landmark_model: LandmarkModel, seen: Observations) -> None:
    wild = replace(seen, expression=np.full_like(seen.expression, 1.5))
    solution = solve_frames(landmark_model, wild, FOCAL, WEIGHTS)
    assert solution.expression.min() >= 0
    assert solution.expression.max() == 1
    assert (solution.expression[:, list(FIXED_CHANNELS)] == 0).all()
    assert nme(landmark_model, seen, solution).max() < 0.1
