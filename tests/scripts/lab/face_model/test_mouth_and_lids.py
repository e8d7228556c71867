"""Teeth that show and lids that just close, on the real head."""

from __future__ import annotations

import numpy as np
import pytest

from face3d.arkit import ARKIT_INDEX
from face3d.model.landmark_sets import LEFT_LOWER_LID, LEFT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_UPPER_LID
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from scripts.lab.face_model.head import HeadMesh
from scripts.lab.face_model.mouth_and_lids import (
    OVERBITE_MM,
    UPPER_INCISORS_BELOW_LIPS_MM,
    close_lids,
    place_teeth,
)

LIDS = {"eyeBlinkLeft": (LEFT_UPPER_LID, LEFT_LOWER_LID), "eyeBlinkRight": (RIGHT_UPPER_LID, RIGHT_LOWER_LID)}


@pytest.mark.parametrize("moved", [-6.0, 0.0, 4.0])
def test_incisors_stand_where_a_resting_mouth_has_them(model: MorphableModel, moved: float) -> None:
    triangles, parts = model.triangles.numpy(), model.triangle_parts.numpy()
    mean = model.mean.double().numpy()
    head = HeadMesh(np.arange(len(mean)), triangles, parts, np.zeros((0, 2)), triangles, np.zeros(3))
    upper, lower = (model.part_vertices(p).numpy() for p in (Part.UPPER_TEETH, Part.LOWER_TEETH))
    displaced = mean.copy()
    displaced[upper, 1] += moved
    displaced[lower, 1] -= 2 * moved
    placed = place_teeth(displaced, head, lips_y=-65.0)
    front = np.abs(mean[:, 0]) < 5
    edge = placed[upper[front[upper]], 1].min()
    assert edge == pytest.approx(-65 - UPPER_INCISORS_BELOW_LIPS_MM)
    assert placed[lower[front[lower]], 1].max() == pytest.approx(edge + OVERBITE_MM)
    # Moved as a whole, up or down; nothing else moved.
    for index in (upper, lower):
        shift = placed[index] - displaced[index]
        np.testing.assert_allclose(shift, shift[:1].repeat(len(index), 0), atol=1e-9)
        assert not shift[:, [0, 2]].any()
    rest = np.setdiff1d(np.arange(len(mean)), [*upper, *lower])
    np.testing.assert_array_equal(placed[rest], mean[rest])


def close(model: MorphableModel, units: np.ndarray) -> np.ndarray:
    # The landmarks' triangles are stored as corners: they serve as a list of triangles of its own.
    return close_lids(
        units,
        model.mean.double().numpy(),
        model.landmarks478.triangles.numpy(),
        np.arange(478),
        model.landmarks478.barycentric.double().numpy(),
    )


def openings(model: MorphableModel, units: np.ndarray, name: str) -> np.ndarray:
    """Heights between the lids at weight 1."""
    vertices = model.mean.double().numpy() + units[ARKIT_INDEX[name]]
    corners = vertices[model.landmarks478.triangles.numpy()]
    points = (corners * model.landmarks478.barycentric.double().numpy()[..., None]).sum(1)
    upper, lower = LIDS[name]
    return points[list(upper), 1] - points[list(lower), 1]


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.4])
def test_lids_meet_without_overlap(model: MorphableModel, factor: float) -> None:
    """Whether the artist's lids stop half-way or cross each other."""
    units = model.expression_basis.double().numpy().copy()
    for name in LIDS:
        units[ARKIT_INDEX[name]] *= factor
    closed = close(model, units)
    for name in LIDS:
        if factor != 1:
            assert np.abs(openings(model, units, name)).max() > 1
        assert np.abs(openings(model, closed, name)).max() < 0.35
        assert np.abs(openings(model, closed, name)).mean() < 0.2


def test_only_blinks_are_changed(model: MorphableModel) -> None:
    units = model.expression_basis.double().numpy()
    before = units.copy()
    closed = close(model, units)
    np.testing.assert_array_equal(units, before)
    others = [i for n, i in ARKIT_INDEX.items() if n not in LIDS]
    np.testing.assert_array_equal(closed[others], before[others])
