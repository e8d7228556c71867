"""The mesh tied to a photo."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.camera import head_to_camera, neck_in_camera
from face3d.fit.photo_fit import PhotoFit
from face3d.model.landmark_sets import (
    FACE_OVAL,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_INNER_LIP,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_INNER_LIP,
)
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from renderers.head.driven_mesh import DrivenFrame, DrivenMesh

STILL, AHEAD = torch.zeros(3), torch.zeros(2, 2)


@pytest.fixture(scope="module")
def mesh(model: MorphableModel, astronaut_fit: PhotoFit) -> DrivenMesh:
    return DrivenMesh(model, astronaut_fit.parameters, astronaut_fit.detection.landmarks_px)


def with_weights(mesh: DrivenMesh, **weights: float) -> torch.Tensor:
    result = mesh.expression.clone()
    for name, weight in weights.items():
        result[ARKIT_INDEX[name]] = weight
    return result


def landmarks(mesh: DrivenMesh, frame: DrivenFrame) -> np.ndarray:  # [478, 2] px
    return mesh.model.landmarks478.of(torch.from_numpy(frame.pixels[:, :2])).numpy()


def without_residual(mesh: DrivenMesh) -> np.ndarray:  # [V, 2] px
    head = mesh.model.vertices(mesh.state.identity, mesh.expression, mesh.eye_rotation)
    return mesh.camera.project(head_to_camera(head, mesh.state.rotation, mesh.state.translation)).numpy()


def gap(points: np.ndarray, upper: tuple[int, ...], lower: tuple[int, ...]) -> np.ndarray:
    return points[list(lower), 1] - points[list(upper), 1]


def test_undriven_mesh_lies_on_the_photos_features(mesh: DrivenMesh, astronaut_fit: PhotoFit) -> None:
    """To a tenth of a pixel, where the fit alone leaves up to several; the outline, which is less sure, to a pixel."""
    frame = mesh.undriven()
    detected = astronaut_fit.detection.landmarks_px
    error = np.linalg.norm(landmarks(mesh, frame) - detected, axis=1)
    of_fit = np.linalg.norm(astronaut_fit.landmarks_px - detected, axis=1)
    inner = np.setdiff1d(np.arange(478), FACE_OVAL)
    assert error[inner].mean() < 0.15
    assert error.mean() < 0.35 * of_fit.mean()
    np.testing.assert_allclose(frame.pixels[:, :2], mesh.source, atol=2.5)


def test_undriven_frame_is_the_photos_own(mesh: DrivenMesh) -> None:
    frame = mesh.undriven()
    assert frame.lid_closure == pytest.approx((0, 0), abs=1e-5)
    np.testing.assert_allclose(frame.rotation, np.eye(3), atol=1e-6)
    assert frame.pixels.shape == (len(mesh.model.mean), 3)
    assert frame.pixels.dtype == np.float32
    np.testing.assert_array_equal(frame.pixels[:, 2], frame.camera[:, 2])
    assert frame.lip_opening_mm > 3  # a smile with teeth


def test_source_is_where_the_texture_comes_from(mesh: DrivenMesh, astronaut_fit: PhotoFit) -> None:
    points = mesh.model.landmarks478.of(torch.from_numpy(mesh.source)).numpy()
    inner = np.setdiff1d(np.arange(478), FACE_OVAL)
    error = np.linalg.norm(points - astronaut_fit.detection.landmarks_px, axis=1)
    assert error[inner].mean() < 0.15


def test_the_residual_is_smooth(mesh: DrivenMesh) -> None:
    """Neighbouring skin vertices move alike, so that the texture is not torn."""
    skin = mesh.model.triangles[mesh.model.triangle_parts == Part.SKIN].numpy()
    change = mesh.source - without_residual(mesh)
    steps = np.linalg.norm(change[skin[:, 0]] - change[skin[:, 1]], axis=1)
    assert np.median(steps) < 0.15
    assert steps.max() < 2


@pytest.mark.parametrize("part", [Part.UPPER_TEETH, Part.LOWER_TEETH, Part.TONGUE])
def test_teeth_and_tongue_keep_their_shape(part: Part, mesh: DrivenMesh) -> None:
    """Nothing ties them to landmarks; each moves as one."""
    before = without_residual(mesh)
    index = mesh.model.part_vertices(part).numpy()
    offset = (mesh.source - before)[index]
    np.testing.assert_allclose(offset, offset[:1].repeat(len(index), 0), atol=1e-4)


# --- lips and lids


def test_closed_lips_meet(mesh: DrivenMesh) -> None:
    """The photo's lips stand apart; driven to rest they touch in the picture, whatever the fit's residual was."""
    frame = mesh.drive(torch.zeros(52), STILL, AHEAD)
    points = landmarks(mesh, frame)
    assert frame.lip_opening_mm < 0.2
    assert np.abs(gap(points, UPPER_INNER_LIP, LOWER_INNER_LIP)[2:-2]).max() < 0.6
    own = landmarks(mesh, mesh.undriven())
    assert gap(own, UPPER_INNER_LIP, LOWER_INNER_LIP)[2:-2].min() > 3


def test_lips_open_with_the_jaw(mesh: DrivenMesh) -> None:
    openings = []
    for weight in (0.0, 0.1, 0.3, 0.6, 1.0):
        weights = torch.zeros(52)
        weights[ARKIT_INDEX["jawOpen"]] = weight
        openings.append(mesh.drive(weights, STILL, AHEAD).lip_opening_mm)
    assert openings == sorted(openings)
    assert openings[0] < 0.2
    assert openings[-1] > 20


@pytest.mark.parametrize(
    ("unit", "rims", "closures"),
    [
        ("eyeBlinkLeft", (LEFT_UPPER_LID, LEFT_LOWER_LID), (1, 0)),
        ("eyeBlinkRight", (RIGHT_UPPER_LID, RIGHT_LOWER_LID), (0, 1)),
    ],
)
def test_blinks_meet(
    mesh: DrivenMesh, unit: str, rims: tuple[tuple[int, ...], tuple[int, ...]], closures: tuple[int, int]
) -> None:
    frame = mesh.drive(with_weights(mesh, **{unit: 1.0}), STILL, AHEAD)
    own = gap(landmarks(mesh, mesh.undriven()), *rims)
    shut = gap(landmarks(mesh, frame), *rims)
    assert np.abs(shut).mean() < 0.12 * own.mean()
    assert shut.max() < 0.1 * own.mean()
    assert frame.lid_closure == pytest.approx(closures, abs=0.2)


def test_closure_grows_with_the_blink(mesh: DrivenMesh) -> None:
    closures = []
    for weight in np.linspace(float(mesh.expression[ARKIT_INDEX["eyeBlinkLeft"]]), 1, 6):
        closures.append(mesh.drive(with_weights(mesh, eyeBlinkLeft=float(weight)), STILL, AHEAD).lid_closure[0])
    assert closures == sorted(closures)
    assert closures[0] == pytest.approx(0, abs=1e-4)
    assert closures[-1] > 0.8


def test_wide_eyes_are_not_closed(mesh: DrivenMesh) -> None:
    frame = mesh.drive(with_weights(mesh, eyeWideLeft=1.0, eyeWideRight=1.0), STILL, AHEAD)
    assert frame.lid_closure == (0, 0)


# --- turning


def test_turning_keeps_the_neck(mesh: DrivenMesh) -> None:
    frame = mesh.drive(mesh.expression, torch.tensor([0.1, 0.15, -0.05]), AHEAD)
    own = mesh.undriven()
    pivot = (own.camera - frame.pivot) @ frame.rotation.T + frame.pivot
    np.testing.assert_allclose(frame.camera, pivot, atol=0.01)  # a rigid turn about the pivot
    np.testing.assert_allclose(frame.pivot, own.pivot, atol=1e-3)
    np.testing.assert_allclose(frame.pivot, neck_in_camera(mesh.state.rotation, mesh.state.translation), atol=1e-3)


@pytest.mark.parametrize(
    ("turn", "axis", "sign"), [((0, 0.1, 0), 0, 1), ((0, -0.1, 0), 0, -1), ((0.1, 0, 0), 1, 1), ((-0.1, 0, 0), 1, -1)]
)
def test_signs_of_turns(mesh: DrivenMesh, turn: tuple[float, ...], axis: int, sign: int) -> None:
    """Positive yaw: the nose moves to the picture's right; positive pitch: down."""
    frame = mesh.drive(mesh.expression, torch.tensor(turn, dtype=torch.float32), AHEAD)
    shift = (landmarks(mesh, frame) - landmarks(mesh, mesh.undriven()))[4]
    assert shift[axis] * sign > 2
    assert abs(shift[1 - axis]) < 0.7 * abs(shift[axis])


def test_turns_are_small_rotations_of_the_whole(mesh: DrivenMesh) -> None:
    turn = torch.tensor([0.05, -0.1, 0.03])
    frame = mesh.drive(mesh.expression, turn, AHEAD)
    cosine = (np.trace(frame.rotation) - 1) / 2
    assert np.arccos(cosine) == pytest.approx(float(turn.norm()), abs=1e-3)
    np.testing.assert_allclose(frame.rotation @ frame.rotation.T, np.eye(3), atol=1e-5)


def test_gaze_moves_the_irises_only(mesh: DrivenMesh) -> None:
    own = landmarks(mesh, mesh.undriven())
    frame = mesh.drive(mesh.expression, STILL, torch.tensor([[0.0, 0.2], [0.0, 0.2]]))
    shift = landmarks(mesh, frame) - own
    assert (shift[[468, 473], 0] > 0.8).all()
    np.testing.assert_allclose(shift[:468], 0, atol=1e-3)


def test_driving_changes_nothing_in_the_mesh(mesh: DrivenMesh) -> None:
    before = mesh.undriven()
    expression = mesh.expression.clone()
    mesh.drive(torch.ones(52), torch.tensor([0.3, 0.3, 0.3]), torch.ones(2, 2))
    after = mesh.undriven()
    np.testing.assert_array_equal(before.pixels, after.pixels)
    assert torch.equal(mesh.expression, expression)


def test_a_perfect_fit_needs_no_correction(model: MorphableModel, astronaut_fit: PhotoFit) -> None:
    mesh = DrivenMesh(model, astronaut_fit.parameters, astronaut_fit.landmarks_px)
    change = mesh.source - without_residual(mesh)
    raised = model.part_vertices(Part.UPPER_TEETH, Part.LOWER_TEETH, Part.TONGUE).numpy()
    assert (change[raised, 1] < 0).all()  # upwards
    change[raised] = 0
    np.testing.assert_allclose(change, 0, atol=0.05)
    np.testing.assert_allclose(mesh.undriven().pixels[:, :2], mesh.source, atol=0.05)


def test_only_the_first_frame_of_a_fit_is_used(model: MorphableModel, astronaut_fit: PhotoFit) -> None:
    p = astronaut_fit.parameters
    doubled = {n: torch.cat([getattr(p, n), 0 * getattr(p, n)]) for n in ("expression", "rotation", "eye_rotation")}
    longer = dataclasses.replace(p, **doubled, translation=p.translation.repeat(2, 1), confidence=torch.ones(2))
    one = DrivenMesh(model, p, astronaut_fit.detection.landmarks_px)
    other = DrivenMesh(model, longer, astronaut_fit.detection.landmarks_px)
    np.testing.assert_allclose(one.source, other.source, rtol=0, atol=1e-3)


def test_a_shift_moves_every_vertex(mesh: DrivenMesh) -> None:
    shift = torch.tensor([20.0, -10.0, 30.0])
    frame = mesh.drive(mesh.expression, STILL, AHEAD, shift)
    own = mesh.undriven()
    np.testing.assert_allclose(frame.camera - own.camera, np.tile(shift.numpy(), (len(own.camera), 1)), atol=1e-3)
    np.testing.assert_allclose(frame.pixels[:, 2], own.pixels[:, 2] + 30, atol=1e-3)


def test_the_rigid_motion_of_a_frame_is_the_meshes(mesh: DrivenMesh) -> None:
    """The skull's vertices go where `DrivenFrame.move` says, the residual with them."""
    frame = mesh.drive(mesh.expression, torch.tensor([0.1, -0.3, 0.1]), AHEAD, torch.tensor([5.0, 3.0, -20.0]))
    np.testing.assert_allclose(frame.move(mesh.undriven().camera), frame.camera, atol=2e-2)
    projected = mesh.camera.project(torch.from_numpy(frame.camera)).numpy()
    np.testing.assert_allclose(projected, frame.pixels[:, :2], atol=1e-3)
