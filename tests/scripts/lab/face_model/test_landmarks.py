"""Tying landmarks to the mesh by looking at renders."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from face3d.model.landmark_sets import LOWER_INNER_LIP, OUTER_LIPS, UPPER_INNER_LIP
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from renderers.raster.numba_rasterizer import rasterize_arrays
from scripts.lab.face_model.landmarks import (
    Embedding,
    _allowed,
    _geometric_median,
    _observe,
    _sample_expression,
    _symmetric,
    brow_points,
    closest_on_triangles,
    embed_landmarks,
    label_lips,
    snap_inner_lips,
)
from scripts.lab.face_model.lips import LipRims


@pytest.fixture(scope="module")
def unlabelled(model: MorphableModel) -> np.ndarray:
    """[F] the parts before the lips are labelled."""
    parts = model.triangle_parts.numpy().copy()
    parts[parts == Part.LIPS] = Part.SKIN
    return parts


@pytest.fixture(scope="module")
def shipped(model: MorphableModel) -> Embedding:
    """The embedding in the asset."""
    index = {tuple(t): i for i, t in enumerate(model.triangles.tolist())}
    triangle = np.array([index[tuple(t)] for t in model.landmarks478.triangles.tolist()])
    return Embedding(triangle, model.landmarks478.barycentric.double().numpy(), np.zeros(478))


@given(st.integers(0, 10_000))
def test_closest_point_on_triangles(seed: int) -> None:
    """No point of a fine grid on any triangle is nearer."""
    rng = np.random.default_rng(seed)
    corners, points = rng.standard_normal((3, 3, 3)), 2 * rng.standard_normal((2, 3))
    index, weights = closest_on_triangles(points, corners)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(1), 1)
    found = np.linalg.norm((corners[index] * weights[..., None]).sum(1) - points, axis=1)
    a, b = np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 21))
    grid = np.stack([a, b * (1 - a), 1 - a - b * (1 - a)], -1).reshape(-1, 3)
    best = np.linalg.norm((grid @ corners)[None] - points[:, None, None], axis=-1).min((1, 2))
    assert (found <= best + 1e-9).all()
    assert (found >= best - 0.5).all()


def test_closest_point_inside_on_an_edge_and_at_a_corner() -> None:
    triangle = np.array([[[0.0, 0, 0], [2, 0, 0], [0, 2, 0]]])
    points = np.array([[0.5, 0.5, 3.0], [1.0, -2.0, 0.0], [-1.0, -1.0, 1.0]])
    _, weights = closest_on_triangles(points, triangle)
    np.testing.assert_allclose(weights @ triangle[0], [[0.5, 0.5, 0], [1, 0, 0], [0, 0, 0]], atol=1e-12)


def test_geometric_median_is_robust() -> None:
    rng = np.random.default_rng(0)
    samples = np.concatenate([rng.normal(0, 0.1, (60, 3)), rng.normal(50, 1, (25, 3))])
    assert np.linalg.norm(_geometric_median(samples)) < 0.2
    np.testing.assert_allclose(_geometric_median(np.ones((5, 3))), 1)


def test_symmetric_points() -> None:
    """Each averaged with its twin's mirror image; points on the middle line are their own twins."""
    points = np.array([[10.0, 1, 2], [0.3, 5, 5], [-10.4, 1.2, 2]])
    symmetric = _symmetric(points, np.array([2, 1, 0]))
    np.testing.assert_allclose(symmetric, [[10.2, 1.1, 2], [0, 5, 5], [-10.2, 1.1, 2]])


def test_expressions_come_in_turns_and_are_symmetric() -> None:
    rng = np.random.default_rng(0)
    kinds = [_sample_expression(rng, number) for number in range(8)]
    assert not kinds[0].any()
    assert [e[17] > 0.1 for e in kinds] == [False, True, False, True] * 2  # jawOpen
    assert all((e >= 0).all() and (e <= 0.6).all() for e in kinds)
    assert kinds[2][23] == kinds[2][24] > 0  # mouthSmile


def test_observation_is_the_nearest_allowed_pixel() -> None:
    face = np.full((40, 40), -1)
    face[10:20, 10:20], face[10:20, 20:30] = 0, 1
    first, second = np.array([True, False]), np.array([False, True])
    points = np.full((468, 2), 15.5)
    points[1] = (18.5, 15.5)  # on triangle 0, but only triangle 1, two columns farther, is allowed
    points[2] = (12.5, 15.5)  # too far from triangle 1
    points[3] = (1.0, 1.0)  # too close to the border
    points[4] = (np.float64(33.9), 15.5)  # off the mesh, near its edge
    allowed = [first] * 468
    allowed[1] = allowed[2] = allowed[4] = second
    found = _observe(points, face, allowed)
    assert found[0].tolist() == [15, 15]
    assert found[1].tolist() == [15, 20]
    assert found[2].tolist() == [-1, -1]
    assert found[3].tolist() == [-1, -1]
    assert found[4].tolist() == [15, 29]


def test_only_plausible_triangles_are_allowed(model: MorphableModel, unlabelled: np.ndarray) -> None:
    """Nowhere teeth, eyes, lashes; lips' points on their own lip."""
    allowed = np.array(_allowed(model, unlabelled))
    assert allowed.shape == (468, len(unlabelled))
    hidden = np.isin(unlabelled, (Part.UPPER_TEETH, Part.TONGUE, Part.LEFT_EYEBALL, Part.LASHES, Part.INNER_MOUTH))
    assert not allowed[:, hidden].any()
    assert allowed.any(1).all()
    assert not (
        allowed[13] & allowed[14] & (np.abs(model.mean.numpy()[model.triangles.numpy()].mean(1)[:, 0]) < 15)
    ).any()


class Oracle:
    """Renders through the real rasterizer, and "detects" by projecting known points."""

    def __init__(self, model: MorphableModel, blind_every: int = 0) -> None:
        self.model, self.blind_every = model, blind_every
        self.count = 0
        self.points = np.zeros((478, 2))

    def rasterize(
        self, pixels: np.ndarray, triangles: np.ndarray, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        self.points = self.model.landmarks478.of(torch.from_numpy(pixels[:, :2])).numpy()
        fragments = rasterize_arrays(pixels, triangles.astype(np.int32), height, width)
        return fragments.face_index, fragments.barycentric

    def detect(self, picture: np.ndarray) -> np.ndarray | None:
        self.count += 1
        assert picture.dtype == np.uint8
        assert picture.std() > 10
        blind = self.blind_every and self.count % self.blind_every == 0
        return None if blind else self.points


@pytest.mark.slow
def test_a_perfect_detector_gives_the_embedding_back(
    model: MorphableModel, unlabelled: np.ndarray, shipped: Embedding
) -> None:
    oracle = Oracle(model, blind_every=7)  # renders in which no face is found are left out
    found = embed_landmarks(model, unlabelled, oracle.rasterize, oracle.detect, people=44, seed=0)
    distance = np.linalg.norm(found.points(model) - shipped.points(model), axis=1)
    assert np.median(distance) < 0.3
    # The inner lips (snapped to their rims afterwards) and the outline (hidden when turned) are less exact.
    assert np.quantile(distance, 0.95) < 1.5
    assert np.median(found.spread_mm[:468]) < 0.5
    np.testing.assert_allclose(found.points(model)[468:], shipped.points(model)[468:], atol=1e-3)  # irises: by geometry
    np.testing.assert_allclose(found.barycentric.sum(1), 1)


def test_points_that_are_never_seen_are_reported(model: MorphableModel, unlabelled: np.ndarray) -> None:
    oracle = Oracle(model)
    with pytest.raises(RuntimeError, match=r"Landmark \d+ was seen on \d renders only"):
        embed_landmarks(model, unlabelled, oracle.rasterize, oracle.detect, people=2, seed=0)


def test_inner_lips_are_snapped_to_the_rims(model: MorphableModel, shipped: Embedding) -> None:
    """Along x; other points stay. Here the "rims" are chains of the forehead's edges: nothing else is assumed."""
    mean, triangles = model.mean.numpy(), model.triangles.numpy()
    edges = {frozenset(e) for t in triangles.tolist() for e in (t[:2], t[1:], t[::2])}
    neighbours: dict[int, set[int]] = {}
    for a, b in (tuple(e) for e in edges):
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    chain = [int(model.landmarks478.triangles[10, 0])]
    while mean[chain[-1], 0] > -35:
        chain.append(min(neighbours[chain[-1]], key=lambda v: mean[v, 0]))
    chain.reverse()
    while mean[chain[-1], 0] < 35:
        chain.append(max(neighbours[chain[-1]], key=lambda v: mean[v, 0]))
    rim = np.array(chain)
    snapped = snap_inner_lips(model, shipped, LipRims(rim, rim))
    before, after = shipped.points(model), snapped.points(model)
    lips = [*UPPER_INNER_LIP, *LOWER_INNER_LIP]
    np.testing.assert_allclose(after[lips, 0], before[lips, 0], atol=0.01)
    assert after[lips, 1].min() > 20
    rest = np.setdiff1d(np.arange(478), lips)
    np.testing.assert_array_equal(after[rest], before[rest])


def test_red_of_the_lips(model: MorphableModel, unlabelled: np.ndarray, shipped: Embedding) -> None:
    labelled = label_lips(model, unlabelled, shipped)
    np.testing.assert_array_equal(labelled, model.triangle_parts.numpy())  # as shipped
    lips = labelled == Part.LIPS
    assert (unlabelled[lips] == Part.SKIN).all()
    np.testing.assert_array_equal(labelled[~lips], unlabelled[~lips])
    centres = model.mean.numpy()[model.triangles.numpy()[lips]].mean(1)
    outline = shipped.points(model)[list(OUTER_LIPS)]
    assert (centres[:, :2] > outline[:, :2].min(0)).all()
    assert (centres[:, :2] < outline[:, :2].max(0)).all()
    assert centres[:, 2].min() > outline[:, 2].min() - 15  # not the palate behind them


def test_brow_points_run_along_both_brows(model: MorphableModel, shipped: Embedding) -> None:
    points = brow_points(model, shipped)
    assert (points[:, 1] > 8).all()  # above the eyes
    assert 20 < (points[:, 0] > 0).sum() < len(points) - 20
    assert np.abs(points[:, 0]).min() > 10  # none between the brows
