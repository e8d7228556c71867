"""Coordinates on the dental arches."""

from __future__ import annotations

import math

import numpy as np
import pytest

from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from renderers.mouth.dental_arch import LOWER_WIDTHS, UPPER_WIDTHS, arch_coordinates, tooth_edges


def test_gaps_are_the_sums_of_the_widths() -> None:
    assert tooth_edges((8.5, 6.5, 7.5)).tolist() == [0, 8.5, 15, 22.5]
    for widths in (UPPER_WIDTHS, LOWER_WIDTHS):
        edges = tooth_edges(widths)
        assert edges.dtype == np.float32
        assert len(edges) == 8  # seven teeth on each side, wisdom teeth left out
        assert 40 < edges[-1] < 60


@pytest.mark.parametrize("upper", [True, False])
def test_arc_length_on_a_parabola(upper: bool) -> None:
    """Against the closed form of the parabola's length."""
    x = np.linspace(-25, 25, 41)
    curve = np.stack([x, np.zeros(41), 30 - 0.05 * x * x], 1)
    rows = np.concatenate([curve + np.array([0, height, 0]) for height in (-40.0, -35.0, -30.0)])
    got = arch_coordinates(rows, upper)
    slope = 0.1 * np.abs(x)
    length = (slope * np.sqrt(1 + slope**2) + np.arcsinh(slope)) / 0.2
    np.testing.assert_allclose(got[:41, 0], np.sign(x) * length, atol=0.25)
    heights = got[:, 1].reshape(3, 41)
    expected = (1, 0.5, 0) if upper else (0, 0.5, 1)  # 1 at the biting edge
    for row, value in zip(heights, expected, strict=True):
        np.testing.assert_allclose(row, value, atol=1e-6)


def test_points_beside_the_curve_get_the_nearest_arc_length() -> None:
    x = np.linspace(-25, 25, 41)
    curve = np.stack([x, np.zeros(41), 30 - 0.05 * x * x], 1)
    normal = np.stack([0.1 * x, np.zeros(41), np.ones(41)], 1) / np.sqrt(1 + 0.01 * x * x)[:, None]
    outside, inside = curve + normal, curve - normal
    got = arch_coordinates(np.concatenate([outside, inside]), True)
    np.testing.assert_allclose(got[:41, 0], got[41:, 0], atol=0.5)


@pytest.mark.parametrize(("part", "upper"), [(Part.UPPER_TEETH, True), (Part.LOWER_TEETH, False)])
def test_teeth_of_the_head(model: MorphableModel, part: Part, upper: bool) -> None:
    vertices = model.mean[model.part_vertices(part)].numpy()
    arc, height = arch_coordinates(vertices, upper).T
    assert height.min() == 0
    assert height.max() == 1
    lowest = vertices[:, 1].argmin()
    assert height[lowest] == (1 if upper else 0)
    # Symmetric, from the middle to the molars and a bit on.
    assert arc.max() == pytest.approx(-arc.min(), rel=0.05)
    assert 35 < arc.max() < 65
    order = np.argsort(vertices[:, 0])
    front = np.abs(vertices[order, 0]) < 12
    assert np.corrcoef(arc[order][front], vertices[order, 0][front])[0, 1] > 0.95
    assert math.isclose(arc[np.abs(vertices[:, 0]).argmin()], 0, abs_tol=1.5)
