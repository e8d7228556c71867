"""Bringing the rims of the lips together, on a mouth of two rows and on the real head."""

from __future__ import annotations

import numpy as np
import pytest

from face3d.arkit import ARKIT_INDEX
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from scripts.lab.face_model.head import HeadMesh
from scripts.lab.face_model.lips import LipRims, close_lips, find_lip_rims, rim_points

# A mouth: rows from forehead to chin at y = 30, 3, 1 (upper rim), -1 (lower rim), -3, -30, seven columns; the corners
# of the mouth are the ends of both rims.
COLUMNS = np.arange(-3, 4) * 5.0
ROWS = (30.0, 3.0, 1.0, -1.0, -3.0, -30.0)
UPPER_ROW, LOWER_ROW = 2, 3


def row(i: int) -> np.ndarray:
    return i * len(COLUMNS) + np.arange(len(COLUMNS))


@pytest.fixture(scope="module")
def mouth() -> tuple[HeadMesh, np.ndarray, np.ndarray, LipRims]:
    """Head, positions [V, 3], jawOpen [V, 3], rims."""
    mean = np.array([(x, y, 0.1 * x * x) for y in ROWS for x in COLUMNS])
    rng = np.random.default_rng(0)
    for rim in (UPPER_ROW, LOWER_ROW):  # the two rims do not stand at the same x
        mean[row(rim)[1:-1], 0] += rng.uniform(-1, 1, len(COLUMNS) - 2)
    upper, lower = row(UPPER_ROW), row(LOWER_ROW)
    rims = LipRims(upper, np.concatenate([upper[:1], lower[1:-1], upper[-1:]]))
    mean[rims.upper[[0, -1]], 1] = 0  # corners
    triangles = []
    for i in range(len(ROWS) - 1):
        if i == UPPER_ROW:
            continue  # the opening
        for a, b, c, d in zip(row(i), row(i + 1), row(i + 1)[1:], row(i)[1:], strict=False):
            triangles += [(a, b, c), (a, c, d)]
    jaw_open = np.zeros_like(mean)
    jaw_open[row(LOWER_ROW)[0] :, 1] = -20
    parts = np.full(len(triangles), int(Part.SKIN))
    return (
        HeadMesh(np.arange(len(mean)), np.array(triangles), parts, mean[:, :2], np.array(triangles), np.zeros(3)),
        mean,
        jaw_open,
        rims,
    )


def gap(field: np.ndarray, rims: LipRims, mean: np.ndarray) -> np.ndarray:
    """[N, 3] upper rim minus the lower rim's polyline at the same x."""
    x = mean[rims.upper, 0]
    lower = np.stack([np.interp(x, mean[rims.lower, 0], field[rims.lower, k]) for k in range(3)], 1)
    return field[rims.upper] - lower


def test_rims_meet_half_way(mouth: tuple[HeadMesh, np.ndarray, np.ndarray, LipRims]) -> None:
    head, mean, jaw_open, rims = mouth
    closed = close_lips(mean, rims, head, mean, jaw_open)
    middle = slice(2, -2)
    assert np.abs(gap(mean, rims, mean))[middle, 1].min() > 1.5
    assert np.abs(gap(closed, rims, mean))[middle, 1].max() < 0.3
    assert np.abs(closed[rims.upper[middle], 1]).max() < 0.3  # both lips moved by the same amount
    np.testing.assert_array_equal(closed[[0, -1]], mean[[0, -1]])  # forehead and chin did not


def test_nothing_changes_far_from_the_mouth(mouth: tuple[HeadMesh, np.ndarray, np.ndarray, LipRims]) -> None:
    head, mean, jaw_open, rims = mouth
    moved = np.abs(close_lips(mean, rims, head, mean, jaw_open) - mean).max(1)
    assert moved[np.abs(mean[:, 1]) > 20].max() < 1e-6
    assert moved[np.abs(mean[:, 1]) < 1.5].max() > 0.5


def test_equal_motion_of_both_lips_is_kept(mouth: tuple[HeadMesh, np.ndarray, np.ndarray, LipRims]) -> None:
    """A displacement that moves the mouth as a whole is already closed."""
    head, mean, jaw_open, rims = mouth
    field = np.broadcast_to([1.0, -2.0, 3.0], mean.shape)
    np.testing.assert_allclose(close_lips(field, rims, head, mean, jaw_open), field)


def test_closing_is_linear(mouth: tuple[HeadMesh, np.ndarray, np.ndarray, LipRims]) -> None:
    """So that closed modes add up to closed faces."""
    head, mean, jaw_open, rims = mouth
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, *mean.shape))

    def close(field: np.ndarray) -> np.ndarray:
        return close_lips(field, rims, head, mean, jaw_open)

    np.testing.assert_allclose(close(2 * a - 3 * b), 2 * close(a) - 3 * close(b), atol=1e-9)


def test_arguments_are_not_changed(mouth: tuple[HeadMesh, np.ndarray, np.ndarray, LipRims]) -> None:
    head, mean, jaw_open, rims = mouth
    before = mean.copy()
    close_lips(mean, rims, head, mean, jaw_open)
    np.testing.assert_array_equal(mean, before)


def test_points_on_a_rim(mouth: tuple[HeadMesh, np.ndarray, np.ndarray, LipRims]) -> None:
    head, mean, _, rims = mouth
    x = np.array([-7.3, -1.0, 0.0, 4.4])
    index, weights = rim_points(x, rims.upper, head.triangles, mean)
    points = (mean[head.triangles[index]] * weights[..., None]).sum(1)
    np.testing.assert_allclose(points[:, 0], x)
    np.testing.assert_allclose(points[:, 1], 1)
    np.testing.assert_allclose(weights.sum(1), 1)


def test_points_beyond_a_rim_stay_before_the_corners(mouth: tuple[HeadMesh, np.ndarray, np.ndarray, LipRims]) -> None:
    head, mean, _, rims = mouth
    index, weights = rim_points(np.array([-99.0, 99.0]), rims.upper, head.triangles, mean)
    points = (mean[head.triangles[index]] * weights[..., None]).sum(1)
    np.testing.assert_allclose(points, mean[rims.upper[[1, -2]]], atol=1e-4)


def test_a_rim_that_is_no_chain_of_edges(mouth: tuple[HeadMesh, np.ndarray, np.ndarray, LipRims]) -> None:
    head, mean, _, rims = mouth
    with pytest.raises(RuntimeError, match="do not share a triangle"):
        rim_points(np.array([0.0]), rims.upper[::3], head.triangles, mean)


def test_rims_of_the_real_head(model: MorphableModel) -> None:
    """Two chains in front of the mouth bag, sorted from the subject's right to the left, with common corners."""
    parts = model.triangle_parts.numpy().copy()
    parts[parts == Part.LIPS] = Part.SKIN  # as they are before the lips are labelled
    triangles, mean = model.triangles.numpy(), model.mean.double().numpy()
    head = HeadMesh(np.arange(len(mean)), triangles, parts, np.zeros((0, 2)), triangles, np.zeros(3))
    rims = find_lip_rims(head, mean, model.expression_basis[ARKIT_INDEX["jawOpen"]].double().numpy())
    skin = set(triangles[parts == Part.SKIN].ravel())
    for rim in (rims.upper, rims.lower):
        assert set(rim) <= skin
        assert (np.diff(mean[rim, 0]) > 0).all()
        np.testing.assert_allclose(mean[rim, 0], -mean[rim[::-1], 0], atol=0.1)
    assert rims.upper[0] == rims.lower[0]
    assert rims.upper[-1] == rims.lower[-1]
    assert not set(rims.upper[1:-1]) & set(rims.lower[1:-1])
    assert 30 < mean[rims.upper[-1], 0] - mean[rims.upper[0], 0] < 60
    assert np.abs(gap(mean, rims, mean))[2:-2].max() < 0.3  # the shipped head's lips are closed
