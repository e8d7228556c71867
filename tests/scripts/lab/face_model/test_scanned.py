"""Expressions carried from one head to another; the head itself, changed in shape, stands for a scanned one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from scripts.lab.face_model.scanned import (
    KEPT,
    anchor_points,
    mirrored_vertices,
    register_scan,
    scanned_units,
    symmetric,
    transfer,
)


@pytest.fixture(scope="module")
def scan(model: MorphableModel) -> MorphableModel:
    """A larger head of another person with livelier expressions."""
    identity = torch.zeros(model.identity_size)
    identity[:4] = torch.tensor([1.0, -0.8, 0.6, 0.5])
    return replace(
        model,
        mean=1.1 * model.neutral(identity),
        identity_basis=1.1 * model.identity_basis,
        expression_basis=1.1 * 1.2 * model.expression_basis,
    )


@pytest.fixture(scope="module")
def units(model: MorphableModel, scan: MorphableModel) -> np.ndarray:
    return transfer(model, scan, register_scan(model, scan))


@pytest.mark.parametrize("name", [name for name in ARKIT_NAMES if name != "tongueOut" and "Look" not in name])
def test_the_scanned_motion_arrives(name: str, model: MorphableModel, units: np.ndarray) -> None:
    points, index = anchor_points(model), ARKIT_INDEX[name]
    wanted = 1.2 * points.of(model.expression_basis[index].double().numpy())
    found = points.of(units[index])
    product = float((found * wanted).sum())
    gain = product / float((wanted**2).sum())
    assert 0.85 <= gain <= 1.15
    assert product / (np.linalg.norm(found) * np.linalg.norm(wanted)) >= 0.93


def test_mirrored_vertices_are_each_others(model: MorphableModel) -> None:
    mirror = mirrored_vertices(model)
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    places = model.mean.numpy()
    assert np.abs(places[mirror] * (-1, 1, 1) - places).max() < 0.2


def test_sides_mirror_each_other(model: MorphableModel) -> None:
    mirror = mirrored_vertices(model)
    units = symmetric(np.random.default_rng(0).normal(size=(52, len(mirror), 3)), mirror)
    left, right = units[ARKIT_INDEX["mouthSmileLeft"]], units[ARKIT_INDEX["mouthSmileRight"]]
    np.testing.assert_allclose(left[mirror] * (-1, 1, 1), right, atol=1e-12)
    whole = units[ARKIT_INDEX["jawOpen"]]
    np.testing.assert_allclose(whole[mirror] * (-1, 1, 1), whole, atol=1e-12)


def test_teeth_and_eyeballs_stay_and_lashes_follow(model: MorphableModel, scan: MorphableModel) -> None:
    units = scanned_units(model, scan)
    rigid = model.part_vertices(Part.UPPER_TEETH, Part.LOWER_TEETH, Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL).numpy()
    assert not units[:, rigid].any()
    for name in KEPT:
        np.testing.assert_allclose(
            units[ARKIT_INDEX[name]], model.expression_basis[ARKIT_INDEX[name]].numpy(), atol=1e-6
        )
    lashes = model.part_vertices(Part.LASHES).numpy()
    wide = units[ARKIT_INDEX["eyeWideLeft"], lashes] + units[ARKIT_INDEX["eyeWideRight"], lashes]
    assert np.median(np.linalg.norm(wide, axis=1)) > 0.5
