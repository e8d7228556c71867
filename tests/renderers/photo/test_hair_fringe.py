"""Fine hair and earrings beside the outline that a segmentation net finds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from renderers.photo.fill_behind import fill_behind, split_layers
from renderers.photo.hair_fringe import below_ears, erase_fringe, sticking_out

SIZE, FACE, RADIUS = 240, 100.0, 50
WALL, HAIR = 200, 40


@pytest.fixture
def landmarks() -> np.ndarray:
    """A face upright in the middle; only the points in use are set."""
    points = np.full((478, 2), SIZE / 2, np.float32)
    points[10], points[152] = (120, 70), (120, 170)
    points[234], points[454] = (75, 120), (165, 120)  # the subject's right ear is on the picture's left
    return points


@pytest.fixture
def matte() -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    return np.clip(RADIUS - np.hypot(x - 120, y - 120) + 0.5, 0, 1).astype(np.float32)


def wall(matte: np.ndarray, grain: float = 2.0) -> np.ndarray:
    """A dark disc before a wall with grain."""
    noise = np.random.default_rng(0).normal(0, grain, (SIZE, SIZE, 1))
    picture = np.clip(WALL + noise, 0, 255) * (1 - matte[..., None]) + HAIR * matte[..., None]
    return np.repeat(np.round(picture), 3, 2).astype(np.uint8)


def test_a_strand_of_hair_belongs_to_the_person(matte: np.ndarray, landmarks: np.ndarray) -> None:
    photo = wall(matte)
    photo[63:72, 118:120] = HAIR  # ends 7 px above the disc, which begins at row 70
    found = sticking_out(photo, matte, landmarks)
    assert found[63:68, 118:120].min() > 0.9
    assert found[:61].max() == 0
    assert (found[:, 150:] > 0.5).mean() < 0.003
    erased = erase_fringe(photo, matte, landmarks)
    assert abs(erased[63:69, 117:121].astype(float) - WALL).max() < 12


def test_layers_with_hair_are_the_photo_and_leave_no_ghost(matte: np.ndarray, landmarks: np.ndarray) -> None:
    photo = wall(matte)
    photo[63:72, 118:120] = HAIR
    layers = split_layers(photo, matte, fill_behind(erase_fringe(photo, matte, landmarks), matte, 30))
    alpha = layers.person[..., 3:].astype(int)
    again = layers.person[..., :3] + (layers.background.astype(int) * (255 - alpha) + 127) // 255
    np.testing.assert_array_equal(again, photo)
    assert alpha[64:68, 118:120].min() > 180
    assert layers.background[63:68, 118:120].min() > WALL - 12


def test_what_leads_away_from_the_person_stays_behind(matte: np.ndarray, landmarks: np.ndarray) -> None:
    """A cable on the wall that passes behind the head."""
    photo = wall(matte)
    photo[:72, 118:120] = HAIR
    found = sticking_out(photo, matte, landmarks)
    assert found[:63].max() < 0.3


def test_nothing_is_told_from_a_busy_background(matte: np.ndarray, landmarks: np.ndarray) -> None:
    photo = wall(matte, grain=40.0)
    assert (sticking_out(photo, matte, landmarks) > 0.5).mean() < 0.003


def test_the_blotches_of_plaster_stay_behind(matte: np.ndarray, landmarks: np.ndarray) -> None:
    """Dark ones on a plain wall, everywhere: some lie where hair and earrings could be."""
    taken = 0.0
    for seed in range(3):
        noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (SIZE, SIZE)), (0, 0), 2)
        dark = 40 * np.clip(noise / noise.std() - 1.2, 0, 1) * (matte == 0)
        photo = np.clip(wall(matte) - dark[..., None], 0, 255).astype(np.uint8)
        away = cv2.distanceTransform((matte < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
        taken += float(sticking_out(photo, matte, landmarks)[away > 0.03 * FACE].sum())
    assert taken / 3 < 0.0025 * FACE**2


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(162, 174), slice(171, 177)), (slice(140, 146), slice(171, 186)), (slice(150, 160), slice(184, 190))],
    ids=["too low", "too wide", "too far aside"],
)
def test_not_all_near_the_ear_is_an_earring(
    matte: np.ndarray, landmarks: np.ndarray, rows: slice, columns: slice
) -> None:
    photo = wall(matte)
    photo[rows, columns] = HAIR
    assert sticking_out(photo, matte, landmarks)[rows, columns].max() == 0


def test_earrings_hang_farther_away_than_hair_stands_off(matte: np.ndarray, landmarks: np.ndarray) -> None:
    photo = wall(matte)
    ear, above = (slice(150, 160), slice(171, 177)), (slice(76, 86), slice(175, 181))
    photo[ear] = photo[above] = HAIR
    found = sticking_out(photo, matte, landmarks)
    assert found[ear].min() > 0.7
    assert found[above].max() == 0


@pytest.mark.parametrize("mirrored", [False, True])
def test_ears_are_beside_the_face_whatever_way_it_is_turned(landmarks: np.ndarray, mirrored: bool) -> None:
    landmarks[:, 0] = SIZE - landmarks[:, 0] if mirrored else landmarks[:, 0]
    zone = below_ears(landmarks, (SIZE, SIZE))
    assert zone[150, [60, 180]].all()
    assert not zone[100].any()
    assert not zone[:, 120].any()
    turned = below_ears(landmarks[:, ::-1], (SIZE, SIZE))
    assert (turned == zone.T).mean() > 0.99


def test_a_person_who_fills_the_picture_has_no_fringe(landmarks: np.ndarray) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    full = np.ones((SIZE, SIZE), np.float32)
    assert not sticking_out(photo, full, landmarks).any()
    assert erase_fringe(photo, full, landmarks) is photo
