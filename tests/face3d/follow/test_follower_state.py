"""What a follower knows, on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face3d.detect.face import FaceDetection
from face3d.follow.cuts import ContentChange
from face3d.follow.follower_state import FollowerState, person_arrays, person_of
from face3d.follow.look import Look
from face3d.follow.person_state import Person


def person(image: np.ndarray, face: FaceDetection, seed: int) -> Person:
    """Somebody who has moved and was seen in many looks."""
    rng = np.random.default_rng(seed)
    made = Person.first_seen(image, face)
    for _ in range(seed * 5):
        made.gallery.add(Look(rng.normal(size=144).astype(np.float32), rng.normal(size=3).astype(np.float32)))
    moved = face.landmarks_px + np.float32(3)
    box = np.concatenate([moved.min(0), moved.max(0)])
    made.see(dataclasses.replace(face, landmarks_px=moved, box=box))
    made.missed = seed
    return made


def assert_same(one: Person, other: Person) -> None:
    first, second = person_arrays(one), person_arrays(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)
        assert value.dtype == second[name].dtype, name


@pytest.mark.parametrize("others", [0, 2])
@pytest.mark.parametrize("followed", [False, True])
def test_what_is_saved_is_loaded(
    followed: bool, others: int, tmp_path: Path, astronaut: np.ndarray, astronaut_detection: FaceDetection
) -> None:
    content = ContentChange()
    for step in range(5):
        content.step(np.roll(astronaut, 9 * step, 1))
    people = [person(astronaut, astronaut_detection, seed) for seed in range(others + 1)]
    first, rest = (people[0] if followed else None), people[1:]
    arrays = person_arrays(first) if first else None
    state = FollowerState(7, 3, 1, content.thumbnails, arrays, tuple(person_arrays(p) for p in rest))
    state.save(tmp_path / "s")
    assert [p.name for p in tmp_path.iterdir()] == ["s"]
    loaded = FollowerState.load(tmp_path / "s")
    assert loaded is not None
    assert (loaded.frame, loaded.searches, loaded.pause, len(loaded.others)) == (7, 3, 1, others)
    assert (loaded.person is None) == (not followed)
    for saved, found in zip(
        [arrays] * followed + list(state.others), [loaded.person] * followed + list(loaded.others), strict=True
    ):
        assert_same(person_of(saved), person_of(found))
    again = ContentChange.remembering(loaded.thumbnails)
    picture = np.roll(astronaut, 100, 0)
    assert again.step(picture) == content.step(picture)


def test_later_frames_do_not_change_it(astronaut: np.ndarray, astronaut_detection: FaceDetection) -> None:
    somebody = person(astronaut, astronaut_detection, 1)
    arrays = person_arrays(somebody)
    before = {name: value.copy() for name, value in arrays.items()}
    somebody.see(astronaut_detection)
    somebody.gallery.add(Look(np.zeros(144, np.float32), np.zeros(3, np.float32)))
    for name, value in arrays.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.fixture(scope="module")
def good_file(
    tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray, astronaut_detection: FaceDetection
) -> bytes:
    path = tmp_path_factory.mktemp("good") / "s"
    known = person_arrays(person(astronaut, astronaut_detection, 0))
    FollowerState(0, 0, 0, np.zeros((1, 576), np.float32), known, ()).save(path)
    return path.read_bytes()


@given(st.floats(0, 1, exclude_max=True), st.booleans(), st.integers(0, 255))
def test_damaged_files_are_none_or_whole(
    tmp_path_factory: pytest.TempPathFactory, good_file: bytes, place: float, cut: bool, value: int
) -> None:
    at = int(place * len(good_file))
    damaged = good_file[:at] if cut else good_file[:at] + bytes([value]) + good_file[at + 1 :]
    path = tmp_path_factory.mktemp("damaged") / "s"
    path.write_bytes(damaged)
    state = FollowerState.load(path)
    assert state is None or (not cut and state.frame == 0)


def test_no_file(tmp_path: Path) -> None:
    assert FollowerState.load(tmp_path / "s") is None
