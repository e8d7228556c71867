"""The population of random faces, and its principal components on a made-up head."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from face3d.model.parts import Part
from scripts.lab.face_model.head import HeadMesh
from scripts.lab.face_model.identity import (
    IdentitySpace,
    _local_weights,
    _macro_weights,
    _sliders,
    build_identity_space,
    mean_macro_weights,
)
from scripts.lab.face_model.makehuman import BaseMesh

LOCAL = [
    "asym/asym-nose-1-l",
    "asym/asym-nose-1-r",
    "cheek/l-cheek-volume-decr",
    "cheek/l-cheek-volume-incr",
    "cheek/r-cheek-volume-decr",
    "cheek/r-cheek-volume-incr",
    "head/head-oval",
    "nose/nose-trans-backward",
    "nose/nose-trans-forward",
]
VERTICES = 12  # of the head: skin, left eyeball, right eyeball
PEOPLE = 300


class FakeWheel:
    """A body of twice as many vertices as the head; each target is a random displacement of its own."""

    def __init__(self) -> None:
        vertices = np.random.default_rng(0).normal(0, 0.5, (2 * VERTICES, 3))
        self.base = BaseMesh(vertices, np.zeros((0, 2)), {}, {})

    def target_names(self, *folders: str) -> list[str]:
        return [name for name in LOCAL if name.split("/")[0] in folders]

    def target(self, name: str) -> np.ndarray:
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        return rng.normal(0, 0.02, (2 * VERTICES, 3))


@pytest.fixture(scope="module")
def head() -> HeadMesh:
    triangles = np.arange(VERTICES).reshape(-1, 3)
    parts = np.array([Part.SKIN, Part.SKIN, Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL])
    return HeadMesh(2 * np.arange(VERTICES), triangles, parts, np.zeros((0, 2)), triangles, np.full(3, 0.1))


def displacement(head: HeadMesh, name: str) -> np.ndarray:  # [V, 3] mm
    """Of a target on the head, with the eyes' midpoint held."""
    moved = FakeWheel().target(name)[head.source] * 100
    return moved - moved[6:].mean(0)


def build(head: HeadMesh, components: int, seed: int = 0) -> IdentitySpace:
    return build_identity_space(FakeWheel(), head, components, PEOPLE, seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(50))
def test_macro_weights_mix_whole_people(seed: int) -> None:
    """As in MakeHuman, the weights of each of the two families of targets sum to 1."""
    weights = _macro_weights(np.random.default_rng(seed))
    assert all(0 < w <= 1 for w in weights.values())
    universal = sum(w for n, w in weights.items() if "/universal-" in n)
    ancestry = sum(w for n, w in weights.items() if "/universal-" not in n)
    assert universal == pytest.approx(1)
    assert ancestry == pytest.approx(1)
    assert sum(w for n, w in weights.items() if n.endswith("-child")) < 0.7  # adults, mostly


def test_the_mean_face_is_a_whole_person_too() -> None:
    weights = mean_macro_weights()
    assert sum(w for n, w in weights.items() if "/universal-" in n) == pytest.approx(1)
    assert sum(w for n, w in weights.items() if "/universal-" not in n) == pytest.approx(1)
    assert all("-young" in n for n in weights)


def test_opposite_targets_are_one_slider() -> None:
    sliders = _sliders(sorted(LOCAL))
    assert ("cheek/l-cheek-volume-incr", "cheek/l-cheek-volume-decr") in sliders
    assert ("nose/nose-trans-forward", "nose/nose-trans-backward") in sliders
    assert ("head/head-oval", None) in sliders
    names = [n for slider in sliders for n in slider if n]
    assert sorted(names) == sorted(LOCAL)  # each target belongs to exactly one


def test_local_weights() -> None:
    """0..1, one end of a slider at a time, both ends in turn, left and right nearly alike."""
    sliders = _sliders(sorted(LOCAL))
    rng = np.random.default_rng(0)
    people = [_local_weights(sliders, rng) for _ in range(400)]
    for person in people:
        assert all(0 <= w <= 1 for w in person.values())
        assert len(person) == len(sliders)

    def signed(stem: str) -> np.ndarray:
        return np.array([p.get(f"{stem}-incr", 0) - p.get(f"{stem}-decr", 0) for p in people])

    left, right = signed("cheek/l-cheek-volume"), signed("cheek/r-cheek-volume")
    assert abs(left.mean()) < 0.07
    assert 0.3 < left.std() < 0.4
    assert 0.85 < np.corrcoef(left, right)[0, 1] < 0.999
    asymmetry = np.array([p.get("asym/asym-nose-1-r", 0) - p.get("asym/asym-nose-1-l", 0) for p in people])
    assert asymmetry.std() < 0.5 * left.std()


def test_mean_face(head: HeadMesh) -> None:
    wheel = FakeWheel()
    expected = (wheel.base.vertices[head.source] - head.origin) * 100
    expected = expected + sum(w * displacement(head, n) for n, w in mean_macro_weights().items())
    np.testing.assert_allclose(build(head, 3).mean, expected)


def test_all_modes_together_hold_the_population(head: HeadMesh) -> None:
    """Basis^T basis is the covariance of the drawn people: coefficients have unit variance and nothing is lost."""
    space = build(head, 3 * VERTICES - 3)  # the eyes' midpoint is held: three directions less
    rng = np.random.default_rng(0)
    sliders = _sliders(FakeWheel().target_names("asym", "cheek", "head", "nose"))
    people = []
    for _ in range(PEOPLE):
        weights = _macro_weights(rng) | _local_weights(sliders, rng)
        people.append(sum(w * displacement(head, n) for n, w in weights.items()).ravel())
    covariance = np.cov(np.array(people).T, bias=True)
    flat = space.basis.reshape(len(space.basis), -1)
    np.testing.assert_allclose(flat.T @ flat, covariance, atol=1e-6 * np.abs(covariance).max() + 1e-9)
    assert space.variance_share.sum() == pytest.approx(1)


def test_leading_modes(head: HeadMesh) -> None:
    few, all_modes = build(head, 4), build(head, 20)
    assert few.basis.shape == (4, VERTICES, 3)
    np.testing.assert_allclose(few.basis, all_modes.basis[:4])
    assert (np.diff(all_modes.variance_share) <= 0).all()
    assert (all_modes.variance_share > 0).all()


def test_faces_keep_their_eyes_in_place(head: HeadMesh) -> None:
    space = build(head, 5)
    np.testing.assert_allclose(space.basis[:, 6:].mean(1), 0, atol=1e-9)


def test_signs_and_seed_are_fixed(head: HeadMesh) -> None:
    one, same, other = build(head, 5), build(head, 5), build(head, 5, seed=1)
    np.testing.assert_array_equal(one.basis, same.basis)
    assert not np.allclose(one.basis, other.basis)
    flat = one.basis.reshape(5, -1)
    assert (flat[np.arange(5), np.abs(flat).argmax(1)] > 0).all()
