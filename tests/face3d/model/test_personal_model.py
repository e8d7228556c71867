"""The shape residual of a person: in the model, in projections and in what is exported."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from face3d.fit.photo_fit import project_landmarks
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.model.personal_shapes import personal_model
from renderers.pose import Pose
from talkinghead.exports.write import write_landmarks, write_neutral
from talkinghead.photo.poses import nobody, to_parameters


@pytest.fixture
def residual(model: MorphableModel) -> Tensor:
    return torch.randn(model.mean.shape, generator=torch.Generator().manual_seed(0))


def test_the_residual_moves_the_face_at_rest_and_driven(model: MorphableModel, residual: Tensor) -> None:
    person = model.with_residual(residual)
    identity, weights = torch.full((5,), 0.3), torch.full((52,), 0.2)
    torch.testing.assert_close(person.neutral(identity), model.neutral(identity) + residual)
    skin = model.part_vertices(Part.SKIN, Part.LIPS)
    moved = person.vertices(identity, weights)[skin] - model.vertices(identity, weights)[skin]
    torch.testing.assert_close(moved, residual[skin], atol=1e-4, rtol=0)


def test_residuals_add_up(model: MorphableModel, residual: Tensor) -> None:
    torch.testing.assert_close(
        model.with_residual(residual).with_residual(-residual).mean, model.mean, atol=1e-4, rtol=0
    )


def test_a_residual_of_another_mesh_is_refused(model: MorphableModel, residual: Tensor) -> None:
    with pytest.raises(ValueError, match="got"):
        model.with_residual(residual[:-1])


def test_without_residual_the_model_is_the_given_one(model: MorphableModel) -> None:
    assert personal_model(nobody(3), model) is model
    assert personal_model(nobody(3)) is model


def test_everything_downstream_uses_it(model: MorphableModel, residual: Tensor, tmp_path: Path) -> None:
    base = dataclasses.replace(nobody(model.identity_size), shape_residual=residual)
    pose = Pose(torch.zeros(52), torch.zeros(3), torch.zeros(2, 2))
    parameters = to_parameters([pose, pose], base, 25.0)
    expected = model.mean + residual
    torch.testing.assert_close(
        project_landmarks(model, parameters)[1],
        project_landmarks(model.with_residual(residual), nobody(model.identity_size))[0],
    )
    write_neutral(parameters, tmp_path / "neutral.npz")
    write_landmarks(parameters, tmp_path / "landmarks.npz")
    with np.load(tmp_path / "neutral.npz") as file:
        np.testing.assert_allclose(file["vertices"], expected.numpy(), atol=1e-5)
    with np.load(tmp_path / "landmarks.npz") as file:
        np.testing.assert_allclose(file["landmarks478"][1], model.landmarks478.of(expected).numpy(), atol=1e-3)
