"""Parameters of one face model as those of another."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear
from scipy.spatial.transform import Rotation

from face3d.arkit import ARKIT_INDEX
from face3d.camera import head_to_camera
from face3d.conversion import METHODS, ConversionOptions, convert, fit_expression, turn_gaze, turn_poses
from face3d.errors import InputError
from face3d.model.morphable_model import MorphableModel
from face3d.parameters import FaceParameters
from renderers.pose import Pose
from talkinghead.photo.poses import nobody, to_parameters

TURN = Rotation.from_rotvec([0.12, -0.05, 0.03]).as_matrix()
OFFSET = np.array([1.0, -6.0, 9.0])


@pytest.fixture(scope="module")
def parameters(model: MorphableModel) -> FaceParameters:
    """A person who talks: a few weights at a time."""
    generator = torch.Generator().manual_seed(0)
    poses = []
    for _ in range(20):
        weights = torch.rand(52, generator=generator) * (torch.rand(52, generator=generator) > 0.7)
        weights[ARKIT_INDEX["tongueOut"]] = 0
        turn = 0.4 * torch.rand(3, generator=generator) - 0.2
        poses.append(Pose(weights, turn, 0.4 * torch.rand(2, 2, generator=generator) - 0.2))
    identity = 0.8 * torch.randn(model.identity_size, generator=generator)
    return to_parameters(poses, dataclasses.replace(nobody(1), identity=identity), 25.0)


@pytest.fixture(scope="module")
def other(model: MorphableModel) -> MorphableModel:
    """A model under another name: another head frame, every second identity mode, weaker expressions that overlap."""
    turn = torch.from_numpy(TURN).float()
    mixture = 0.8 * torch.eye(52)
    mixture[ARKIT_INDEX["mouthFunnel"], ARKIT_INDEX["jawOpen"]] = 0.2  # its funnel opens the jaw a little
    return dataclasses.replace(
        model,
        name="flame",
        mean=model.mean @ turn.T + torch.from_numpy(OFFSET).float(),
        identity_basis=model.identity_basis[::2] @ turn.T,
        expression_basis=torch.tensordot(mixture, model.expression_basis, 1) @ turn.T,
        jaw_pivot=turn @ model.jaw_pivot + torch.from_numpy(OFFSET).float(),
        jaw_rotation=model.jaw_rotation @ turn.T,
        jaw_translation=model.jaw_translation @ turn.T,
    )


def seen(model: MorphableModel, parameters: FaceParameters) -> torch.Tensor:  # [T, 468, 3] mm, camera frame
    vertices = model.vertices(parameters.identity, parameters.expression)
    points = model.landmarks478.of(vertices)[:, :468]
    return head_to_camera(points, parameters.rotation, parameters.translation)


@pytest.mark.parametrize("method", METHODS)
def test_to_itself_nothing_changes(method: str, parameters: FaceParameters, model: MorphableModel) -> None:
    assert convert(parameters, model, model, method) is parameters


def test_the_same_head_under_another_name(parameters: FaceParameters, model: MorphableModel) -> None:
    """Nothing but the prior pulls: the face stays where it is, within a fraction of a millimetre."""
    twin = dataclasses.replace(model, name="bfm2009")
    for method in METHODS:
        converted = convert(parameters, model, twin, method)
        assert converted.model == "bfm2009"
        assert (seen(twin, converted) - seen(model, parameters)).norm(dim=-1).max() < 0.5
        torch.testing.assert_close(converted.expression, parameters.expression, atol=0.04, rtol=0)
        torch.testing.assert_close(converted.eye_rotation, parameters.eye_rotation, atol=0.01, rtol=0)
        assert (converted.fps, converted.camera) == (parameters.fps, parameters.camera)


def test_least_squares_follows_the_motion(
    parameters: FaceParameters, model: MorphableModel, other: MorphableModel
) -> None:
    """Another frame, other shapes: what the camera sees stays, and better so than by names."""
    before = seen(model, parameters)
    errors = {}
    for method in METHODS:
        converted = convert(parameters, model, other, method)
        assert converted.identity.shape == (40,)
        assert converted.expression.min() >= 0
        assert converted.expression.max() <= 1
        errors[method] = float((seen(other, converted) - before).norm(dim=-1).mean())
    assert errors["least-squares"] < 2.5
    assert errors["least-squares"] < 0.9 * errors["arkit"]


@pytest.mark.parametrize("method", METHODS)
def test_there_and_back(method: str, parameters: FaceParameters, model: MorphableModel, other: MorphableModel) -> None:
    there = convert(parameters, model, other, method)
    back = convert(there, other, model, method)
    assert back.model == "cc0-head"
    if method == "arkit":
        assert torch.equal(back.expression, parameters.expression)
    # Weights beyond what the weaker model can do are lost.
    kept = parameters.expression < 0.75
    assert (back.expression - parameters.expression)[kept].abs().mean() < 0.03
    # Half of the identity modes are gone with the other model; pose and look come back.
    torch.testing.assert_close(back.rotation, parameters.rotation, atol=0.03, rtol=0)
    torch.testing.assert_close(back.translation, parameters.translation, atol=3, rtol=0)
    torch.testing.assert_close(back.eye_rotation, parameters.eye_rotation, atol=0.03, rtol=0)


def test_gaze_and_pose_are_turned_with_the_frame() -> None:
    generator = torch.Generator().manual_seed(0)
    rotation, translation = torch.rand(5, 3, generator=generator) - 0.5, torch.tensor([[10.0, -20, 800]]).repeat(5, 1)
    points = 50 * torch.randn(5, 7, 3, generator=generator)
    turned = points @ torch.from_numpy(TURN).float().T + torch.from_numpy(OFFSET).float()
    after = head_to_camera(turned, *turn_poses(rotation, translation, TURN, OFFSET))
    torch.testing.assert_close(after, head_to_camera(points, rotation, translation), atol=1e-3, rtol=0)
    eyes = torch.rand(5, 2, 2, generator=generator) - 0.5
    torch.testing.assert_close(turn_gaze(eyes, np.eye(3)), eyes)
    torch.testing.assert_close(turn_gaze(turn_gaze(eyes, TURN), TURN.T), eyes, atol=1e-6, rtol=0)
    down = Rotation.from_rotvec([0.2, 0, 0]).as_matrix()
    torch.testing.assert_close(turn_gaze(torch.zeros(1, 2, 2), down), torch.tensor([[[0.2, 0], [0.2, 0]]]))


def test_expressions_are_the_bounded_optimum() -> None:
    """The same as scipy finds frame by frame."""
    rng = np.random.default_rng(0)
    wanted, offered = rng.standard_normal((52, 40, 3)), rng.standard_normal((52, 40, 3))
    offered[7] = 0  # a unit that the target does not have keeps its weight
    weights = torch.from_numpy(rng.random((4, 52)))
    options = ConversionOptions(motion_mm=1.0, weight=0.5)
    found = fit_expression(weights, wanted, offered, options).numpy()
    a = np.concatenate([offered.reshape(52, -1).T, 2 * np.eye(52)])
    for given, result in zip(weights.numpy(), found, strict=True):
        b = np.concatenate([given @ wanted.reshape(52, -1), 2 * given])
        np.testing.assert_allclose(result, lsq_linear(a, b, (0, 1), tol=1e-12).x, atol=1e-4)
        assert result[7] == pytest.approx(given[7])


def test_a_residual_shapes_the_identity_and_is_left_out(
    parameters: FaceParameters, model: MorphableModel, other: MorphableModel, caplog: pytest.LogCaptureFixture
) -> None:
    plain = dataclasses.replace(parameters, identity=torch.zeros(80))
    residual = model.neutral(parameters.identity) - model.mean
    textured = dataclasses.replace(plain, shape_residual=residual, texture=torch.zeros(4, 4, 3))
    with caplog.at_level("INFO", "face3d"):
        converted = convert(textured, model, other)
    assert "shape_residual and texture" in caplog.text
    assert converted.shape_residual is None
    assert converted.texture is None
    torch.testing.assert_close(converted.identity, convert(parameters, model, other).identity, atol=1e-3, rtol=0)


def test_mistakes(parameters: FaceParameters, model: MorphableModel, other: MorphableModel) -> None:
    with pytest.raises(InputError, match="belong to the face model cc0-head, not to flame"):
        convert(parameters, other, model)
    with pytest.raises(InputError, match="no conversion method 'magic'; choose one of arkit, least-squares"):
        convert(parameters, model, other, "magic")
