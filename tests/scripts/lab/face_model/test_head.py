"""Cutting a head out of a body, on a body of one quad per texture island."""

from __future__ import annotations

import numpy as np
import pytest

from face3d.model.parts import Part
from scripts.lab.face_model.head import _BODY_ISLANDS, _SHELVES, HeadMesh, cut_head
from scripts.lab.face_model.makehuman import BaseMesh

GROUPS = {
    "helper-upper-teeth": 1,
    "helper-lower-teeth": 1,
    "helper-tongue": 1,
    "helper-l-eye": 2,
    "helper-r-eye": 2,
    **{f"helper-{s}-eyelashes-{n}": 1 for s in "lr" for n in "12"},
}


class Builder:
    """Collects quads; each is a texture island of its own and lies somewhere in the head."""

    def __init__(self) -> None:
        self.vertices: list[tuple[float, float, float]] = []
        self.texture: list[tuple[float, float]] = []
        self.quads: dict[str, list[list[int]]] = {}
        self.texture_quads: dict[str, list[list[int]]] = {}

    def add(self, group: str, u: float, v: float, y: float = 6.5, x: float = 0.0) -> None:
        first, size = len(self.vertices), 0.01
        self.vertices += [(x + dx, y + dy, 1.0 + 0.1 * first) for dx, dy in ((0, 0), (0.1, 0), (0.1, 0.1), (0, 0.1))]
        self.texture += [(u + du, v + dv) for du, dv in ((0, 0), (size, 0), (size, size), (0, size))]
        corners = [first, first + 1, first + 2, first + 3]
        self.quads.setdefault(group, []).append(corners)
        self.texture_quads.setdefault(group, []).append(corners)

    def mesh(self) -> BaseMesh:
        return BaseMesh(
            np.array(self.vertices),
            np.array(self.texture),
            {g: np.array(q) for g, q in self.quads.items()},
            {g: np.array(q) for g, q in self.texture_quads.items()},
        )


def body() -> Builder:
    builder = Builder()
    for u, v in _BODY_ISLANDS:
        builder.add("body", u, v)
    for i, (group, islands) in enumerate(GROUPS.items()):
        for j in range(islands):
            builder.add(group, 0.05 * i, 0.1 * j, x=0.3 if "-l-" in group else -0.4)
    return builder


@pytest.fixture
def head() -> HeadMesh:
    builder = body()
    builder.add("body", 0.80, 0.40, y=3.0)  # the chest, the shoulders: cut away
    builder.add("body", 0.80, 0.40, x=2.0)
    return cut_head(builder.mesh())


def test_keeps_the_head_only(head: HeadMesh) -> None:
    quads = len(_BODY_ISLANDS) + sum(GROUPS.values())
    assert len(head.triangles) == len(head.parts) == len(head.uv_triangles) == 2 * quads
    assert len(head.source) == 4 * quads
    assert head.source.max() < 4 * quads  # the last two quads are gone
    assert sorted(set(head.triangles.ravel())) == list(range(len(head.source)))
    assert sorted(set(head.uv_triangles.ravel())) == list(range(len(head.uv)))


def test_labels_every_part(head: HeadMesh) -> None:
    counts = {Part(p): int((head.parts == p).sum()) for p in np.unique(head.parts)}
    expected = dict.fromkeys((p for p in Part if p != Part.LIPS), 2)  # the lips are found by their landmarks
    expected |= {Part.EYE_SOCKET: 4, Part.LEFT_EYEBALL: 4, Part.RIGHT_EYEBALL: 4, Part.LASHES: 8}
    assert counts == expected


def test_triangles_keep_the_quads_orientation(head: HeadMesh) -> None:
    base = body().mesh()
    a, b, c = base.vertices[head.source][head.triangles].transpose(1, 0, 2)
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()


def test_atlas_puts_each_island_into_its_place(head: HeadMesh) -> None:
    assert head.uv.min() >= 0
    assert head.uv.max() <= 1
    for part, shelves in _SHELVES.items():
        corners = head.uv[head.uv_triangles[head.parts == part]].reshape(-1, 2)
        inside = [
            (
                (corners >= (left - 1e-9, bottom - 1e-9)) & (corners <= (left + width + 1e-9, bottom + height + 1e-9))
            ).all(1)
            for left, bottom, width, height in shelves
        ]
        assert np.any(inside, 0).all(), part.name
        assert all(i.any() for i in inside), part.name


def test_places_of_the_atlas_do_not_overlap() -> None:
    places = [place for shelves in _SHELVES.values() for place in shelves]
    for i, (left, bottom, width, height) in enumerate(places):
        assert left >= 0 <= bottom
        assert left + width <= 1
        assert bottom + height <= 1
        for other_left, other_bottom, other_width, other_height in places[:i]:
            beside = left >= other_left + other_width or other_left >= left + width
            above = bottom >= other_bottom + other_height or other_bottom >= bottom + height
            assert beside or above


def test_origin_is_midway_between_the_eyes(head: HeadMesh) -> None:
    base = body().mesh()
    eyes = [base.vertices[np.unique(base.quads[f"helper-{s}-eye"])].mean(0) for s in "lr"]
    np.testing.assert_allclose(head.origin, (eyes[0] + eyes[1]) / 2)


def test_a_triangle_stored_as_a_quad_is_one_triangle() -> None:
    builder = body()
    builder.quads["helper-tongue"][0][3] = builder.quads["helper-tongue"][0][2]
    builder.texture_quads["helper-tongue"][0][3] = builder.texture_quads["helper-tongue"][0][2]
    head = cut_head(builder.mesh())
    assert (head.parts == Part.TONGUE).sum() == 1
    assert all(len(set(t)) == 3 for t in head.triangles)


def test_unknown_islands_are_reported() -> None:
    """Another version of the base mesh must not pass silently."""
    builder = body()
    builder.add("body", 0.5, 0.5)
    with pytest.raises(RuntimeError, match="islands in the head that this build does not know"):
        cut_head(builder.mesh())
    builder = body()
    builder.add("helper-tongue", 0.9, 0.9)
    with pytest.raises(RuntimeError, match="TONGUE has 2 texture islands, the atlas has 1"):
        cut_head(builder.mesh())
