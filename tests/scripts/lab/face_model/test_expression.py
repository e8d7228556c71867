"""Units and the rigid jaw, on a made-up head whose lower teeth really move rigidly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.camera import axis_angle_to_matrix
from face3d.model.parts import Part
from scripts.lab.face_model.expression import JAW_UNITS, ExpressionSpace, build_expression_space
from scripts.lab.face_model.head import HeadMesh

PARTS = (Part.SKIN, Part.LOWER_TEETH, Part.TONGUE, Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL, Part.INNER_MOUTH)
PARTS += (Part.UPPER_TEETH,)
HINGE = np.array([0.0, -50.0, -45.0])
# Rotation vector (rad) and translation of the hinge (mm) of the made-up jaw.
MOTIONS = {
    "jawOpen": ((0.4, 0.0, 0.0), (0.0, 0.0, 0.0)),
    "jawForward": ((0.0, 0.0, 0.0), (0.0, -1.5, 8.0)),
    "jawLeft": ((0.0, 0.05, 0.02), (6.0, -1.0, 2.0)),
    "jawRight": ((0.0, -0.05, -0.02), (-6.0, -1.0, 2.0)),
}


def index_of(part: Part) -> np.ndarray:
    return np.arange(6) + 6 * PARTS.index(part)


class FakeWheel:
    """Random units; those of the jaw move the lower teeth as MOTIONS say. Every other vertex of the body is unused."""

    def __init__(self, mean: np.ndarray) -> None:
        self._mean = mean

    def face_unit(self, name: str) -> np.ndarray:  # [2 V, 3] dm
        rng = np.random.default_rng(ARKIT_INDEX[name])
        moved = rng.standard_normal((len(self._mean), 3))
        if name in MOTIONS:
            rotation, translation = MOTIONS[name]
            teeth = index_of(Part.LOWER_TEETH)
            turned = Rotation.from_rotvec(rotation).apply(self._mean[teeth] - HINGE) + HINGE + translation
            moved[teeth] = turned - self._mean[teeth]
        body = np.full((2 * len(moved), 3), np.nan)
        body[::2] = moved / 100
        return body


@pytest.fixture(scope="module")
def mean() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 20, (6 * len(PARTS), 3)) + np.array([0, -60, 10])


@pytest.fixture(scope="module")
def space(mean: np.ndarray) -> ExpressionSpace:
    corners = np.concatenate([[[0, 1, 2], [3, 4, 5]] + 6 * np.full(2, i)[:, None] for i in range(len(PARTS))])
    parts = np.repeat([int(p) for p in PARTS], 2)
    head = HeadMesh(2 * np.arange(len(mean)), corners, parts, np.zeros((0, 2)), corners, np.zeros(3))
    return build_expression_space(FakeWheel(mean), head, mean)  # type: ignore[arg-type]


def test_units_are_read_in_millimetres_and_arkit_order(space: ExpressionSpace, mean: np.ndarray) -> None:
    for name in ("jawOpen", "browInnerUp", "mouthPucker"):
        expected = FakeWheel(mean).face_unit(name)[::2] * 100
        skin = index_of(Part.SKIN)
        np.testing.assert_allclose(space.basis[ARKIT_INDEX[name], skin], expected[skin])
    assert np.isfinite(space.basis).all()


def test_the_jaw_reproduces_the_units(space: ExpressionSpace, mean: np.ndarray) -> None:
    """Rigidly turned about the hinge, the teeth go where the artist's unit puts them, by the model's own formula."""
    teeth = index_of(Part.LOWER_TEETH)
    for name in JAW_UNITS:
        i = ARKIT_INDEX[name]
        matrix = axis_angle_to_matrix(torch.from_numpy(space.jaw_rotation[i])).numpy()
        moved = (mean[teeth] - space.jaw_pivot) @ matrix.T + space.jaw_pivot + space.jaw_translation[i]
        expected = mean[teeth] + FakeWheel(mean).face_unit(name)[::2][teeth] * 100
        np.testing.assert_allclose(moved, expected, atol=1e-9)


def test_the_hinge_is_found(space: ExpressionSpace) -> None:
    np.testing.assert_allclose(space.jaw_pivot, HINGE, atol=1e-6)
    for name, (rotation, translation) in MOTIONS.items():
        np.testing.assert_allclose(space.jaw_rotation[ARKIT_INDEX[name]], rotation, atol=1e-9)
        np.testing.assert_allclose(space.jaw_translation[ARKIT_INDEX[name]], translation, atol=1e-6)


def test_other_units_leave_the_jaw_alone(space: ExpressionSpace) -> None:
    others = [i for i, n in enumerate(ARKIT_NAMES) if n not in JAW_UNITS]
    assert not space.jaw_rotation[others].any()
    assert not space.jaw_translation[others].any()


def test_bones_and_eyeballs_have_no_units_of_their_own(space: ExpressionSpace) -> None:
    for part in (Part.UPPER_TEETH, Part.LOWER_TEETH, Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL):
        assert not space.basis[:, index_of(part)].any(), part.name
    tongue = np.abs(space.basis[:, index_of(Part.TONGUE)]).max((1, 2)) > 0
    assert {ARKIT_NAMES[i] for i in np.flatnonzero(~tongue)} == set(JAW_UNITS)


def test_lids_and_brows_do_not_reach_the_palate(space: ExpressionSpace) -> None:
    inside = np.abs(space.basis[:, index_of(Part.INNER_MOUTH)]).max((1, 2)) > 0
    for i, name in enumerate(ARKIT_NAMES):
        assert inside[i] == (not name.startswith(("eye", "brow"))), name
