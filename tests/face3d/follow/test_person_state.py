from __future__ import annotations

from dataclasses import replace

import numpy as np

from face3d.detect.face import FaceDetection
from face3d.follow.look import Gallery, Look
from face3d.follow.person_state import COAST, Person, hold_place, is_others
from face3d.model.landmark_sets import LOWER_LIP_RINGS


def look(seed: int) -> Look:
    pattern = np.random.default_rng(seed).normal(size=144).astype(np.float32)
    return Look((pattern - pattern.mean()) / pattern.std(), np.zeros(3, np.float32))


def at(face: FaceDetection, x: float, y: float) -> FaceDetection:
    offset = np.float32((x, y))
    return replace(face, landmarks_px=face.landmarks_px + offset, box=face.box + np.tile(offset, 2))


def test_expected_to_move_on(astronaut_detection: FaceDetection) -> None:
    person = Person(astronaut_detection, Gallery(look(0)))
    for k in range(1, 8):
        person.see(at(astronaut_detection, 6 * k, -3 * k))
    assert np.allclose(person.velocity, (6, -3), atol=0.1)
    person.missed = 2
    assert np.allclose(person.expected(), astronaut_detection.landmarks_px + np.float32((60, -30)), atol=0.5)
    assert np.allclose(person.expected_centre() - person.face.centre, 3 * person.velocity)
    person.missed = 1000
    assert np.allclose(person.expected_centre() - person.face.centre, COAST * person.velocity)


def test_velocity_over_missed_frames_and_at_a_new_place(astronaut_detection: FaceDetection) -> None:
    person = Person(astronaut_detection, Gallery(look(0)), missed=3)
    person.see(at(astronaut_detection, 40, 0))
    assert np.allclose(person.velocity, (5, 0))
    assert person.missed == 0
    person.appear(at(astronaut_detection, 500, 0))
    assert np.allclose(person.velocity, 0)


def test_near(astronaut_detection: FaceDetection) -> None:
    person = Person(astronaut_detection, Gallery(look(0)))
    size = astronaut_detection.size_px
    other = Person(at(astronaut_detection, 3 * size, 0), Gallery(look(1)))
    assert not person.is_near(other)
    other.velocity = np.float32((-size, 0))  # comes closer
    assert person.is_near(other)


def test_a_face_belongs_to_who_looks_more_like_it(astronaut_detection: FaceDetection) -> None:
    other = Person(astronaut_detection, Gallery(look(1)))
    here, elsewhere = at(astronaut_detection, 5, 0), at(astronaut_detection, 900, 0)
    assert is_others(here, look(1), 0.5, [other])
    assert not is_others(here, look(2), 0.5, [other])
    assert not is_others(elsewhere, look(1), 0.5, [other])
    other.missed = 1
    assert not is_others(here, look(1), 0.5, [other])


def test_the_crop_holds_still_while_the_mouth_moves(astronaut_detection: FaceDetection) -> None:
    anchor = astronaut_detection.landmarks_px
    size = astronaut_detection.size_px
    points = at(astronaut_detection, 0.005 * size, 0).landmarks_px.copy()
    points[[i for ring in LOWER_LIP_RINGS for i in ring]] += np.float32((0, 0.1 * size))
    points[[152, 148, 377]] += np.float32((0, 0.1 * size))
    assert hold_place(anchor, replace(astronaut_detection, landmarks_px=points)) is anchor


def test_the_crop_moves_turns_and_scales_with_the_skull(astronaut_detection: FaceDetection) -> None:
    anchor = astronaut_detection.landmarks_px.astype(np.float64)
    turn = 1.1 * np.array([[np.cos(0.2), np.sin(0.2)], [-np.sin(0.2), np.cos(0.2)]])
    there = anchor @ turn + (20, -10)
    moved = hold_place(anchor, replace(astronaut_detection, landmarks_px=there.astype(np.float32)))
    assert np.allclose(moved, there, atol=0.01)


def test_a_turned_head_gets_a_new_crop(astronaut_detection: FaceDetection) -> None:
    narrower = (astronaut_detection.landmarks_px * (0.7, 1.0)).astype(np.float32)
    turned = replace(astronaut_detection, landmarks_px=narrower)
    assert hold_place(astronaut_detection.landmarks_px, turned) is narrower
