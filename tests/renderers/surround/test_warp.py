"""The photo around the face, following the driven mesh."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from face3d.arkit import ARKIT_INDEX
from face3d.fit.photo_fit import PhotoFit
from face3d.model.landmark_sets import FACE_OVAL
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from renderers.head.driven_mesh import DrivenMesh
from renderers.photo.cutout import CutOut, take_apart
from renderers.photo.layers import polygon_mask
from renderers.photo.person_matte import person_matte
from renderers.pixels.region import Region
from renderers.surround.grid import SurroundOptions, triangle_areas
from renderers.surround.warp import SurroundWarp

ORIGIN = np.array([20, 10], np.float32)  # of the crop in the photo
SIZE = 300


@pytest.fixture(scope="module")
def mesh(model: MorphableModel, astronaut_fit: PhotoFit) -> DrivenMesh:
    return DrivenMesh(model, astronaut_fit.parameters, astronaut_fit.detection.landmarks_px)


@pytest.fixture(scope="module")
def photo(astronaut: np.ndarray) -> np.ndarray:
    return astronaut[10 : 10 + SIZE, 20 : 20 + SIZE].copy()


@pytest.fixture(scope="module")
def landmarks(astronaut_fit: PhotoFit) -> np.ndarray:
    return astronaut_fit.detection.landmarks_px - ORIGIN


@pytest.fixture(scope="module")
def warp(mesh: DrivenMesh, photo: np.ndarray, landmarks: np.ndarray) -> SurroundWarp:
    parts = mesh.model.triangle_parts
    front = (mesh.model.mean[:, 2] > -40)[mesh.model.triangles].all(1)
    face = mesh.model.triangles[((parts == Part.SKIN) | (parts == Part.LIPS)) & front]
    return SurroundWarp(mesh, face.numpy().astype(np.int32), cut(photo, landmarks), SurroundOptions())


def cut(photo: np.ndarray, landmarks: np.ndarray) -> CutOut:
    return take_apart(photo, landmarks, Region(int(ORIGIN[0]), int(ORIGIN[1]), SIZE, SIZE))


def turned(mesh: DrivenMesh, warp: SurroundWarp, *turn: float) -> np.ndarray:
    return warp(mesh.drive(mesh.expression, torch.tensor(turn), torch.zeros(2, 2)))


def shifted(mesh: DrivenMesh, warp: SurroundWarp, *shift: float) -> np.ndarray:
    return warp(mesh.drive(mesh.expression, torch.zeros(3), torch.zeros(2, 2), torch.tensor(shift)))


def best_shift(crop: np.ndarray, photo: np.ndarray, patch: tuple[slice, slice], axis: int) -> int:
    """By how many pixels the picture in `patch` has moved along `axis`."""
    errors = {
        s: np.abs(crop[patch].astype(int) - np.roll(photo, s, axis)[patch].astype(int)).mean() for s in range(-20, 21)
    }
    best = min(errors, key=lambda s: errors[s])
    assert best == 0 or errors[best] < 0.6 * errors[0]
    return best


def test_the_undriven_photo_stays(
    mesh: DrivenMesh, warp: SurroundWarp, photo: np.ndarray, landmarks: np.ndarray
) -> None:
    """Off the face to the last bit; on it, where the mesh is drawn anyway, nearly."""
    crop = warp(mesh.undriven())
    face = polygon_mask((SIZE, SIZE), landmarks[list(FACE_OVAL)])
    np.testing.assert_array_equal(crop[~face], photo[~face])
    assert np.abs(crop.astype(int) - photo).mean() < 0.3


def test_expressions_end_near_the_face(
    mesh: DrivenMesh, warp: SurroundWarp, photo: np.ndarray, landmarks: np.ndarray
) -> None:
    weights = mesh.expression.clone()
    weights[ARKIT_INDEX["jawOpen"]] = 0.8
    crop = warp(mesh.drive(weights, torch.zeros(3), torch.zeros(2, 2)))
    moved = (crop != photo).any(2)
    height = np.linalg.norm(landmarks[152] - landmarks[10])
    reach = SurroundOptions().expression_end * height
    assert moved[polygon_mask((SIZE, SIZE), landmarks[list(FACE_OVAL)])].mean() > 0.05
    assert not moved[~polygon_mask((SIZE, SIZE), landmarks[list(FACE_OVAL)], reach + 3)].any()


@pytest.mark.parametrize(("yaw", "sign"), [(0.12, 1), (-0.12, -1)])
def test_hair_follows_the_head_and_shoulders_stay(
    mesh: DrivenMesh, warp: SurroundWarp, photo: np.ndarray, landmarks: np.ndarray, yaw: float, sign: int
) -> None:
    crop = turned(mesh, warp, 0.0, yaw, 0.0)
    height = np.linalg.norm(landmarks[152] - landmarks[10])
    shoulders = int(landmarks[152, 1] + (SurroundOptions().neck_reach + 0.1) * height)
    np.testing.assert_array_equal(crop[shoulders:], photo[shoulders:])
    x, y = np.floor(landmarks[10]).astype(int)
    assert best_shift(crop, photo, np.s_[y - 22 : y - 8, x - 25 : x + 25], 1) * sign >= 2


@pytest.mark.parametrize("millimetres", [-20.0, 20.0])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_shifted_head_takes_the_hair_along_and_a_part_of_the_body(
    mesh: DrivenMesh, warp: SurroundWarp, photo: np.ndarray, landmarks: np.ndarray, millimetres: float, axis: int
) -> None:
    crop = shifted(mesh, warp, *np.eye(3)[axis] * millimetres)
    x, y = np.floor(landmarks[234]).astype(int)  # beside the face
    hair = best_shift(crop, photo, np.s_[y - 35 : y + 5, x - 22 : x - 4], 1 - axis)
    pixels = millimetres * mesh.camera.focal_px / float(mesh.undriven().pivot[2])
    assert abs(hair - pixels) <= 2
    collar = int(landmarks[152, 1]) + 60
    body = best_shift(crop, photo, np.s_[collar : collar + 30, x - 60 : x + 60], 1 - axis)
    assert 0 <= body / pixels < 0.6


def test_the_background_stands_still(
    mesh: DrivenMesh, warp: SurroundWarp, photo: np.ndarray, landmarks: np.ndarray
) -> None:
    """The wall beside the head, right up to the hair."""
    matte = person_matte(photo, landmarks)
    assert matte is not None
    reached = cv2.dilate((matte > 0).astype(np.uint8), np.ones((61, 61))).astype(bool)
    near = ~reached & cv2.dilate(reached.astype(np.uint8), np.ones((41, 41))).astype(bool)
    assert near.sum() > 1000
    for crop in (turned(mesh, warp, 0.1, 0.3, 0.1), shifted(mesh, warp, 12.0, 8.0, 0.0)):
        np.testing.assert_array_equal(crop[near], photo[near])


@settings(max_examples=25)
@given(
    st.floats(-0.21, 0.21), st.floats(-0.35, 0.35), st.floats(-0.21, 0.21), st.floats(-30, 30), st.floats(-30, 30),
    st.floats(-30, 30), st.floats(0, 1),
)  # fmt: skip
def test_the_warp_never_folds(
    mesh: DrivenMesh,
    warp: SurroundWarp,
    pitch: float,
    yaw: float,
    roll: float,
    x: float,
    y: float,
    z: float,
    jaw: float,
) -> None:
    weights = mesh.expression.clone()
    weights[ARKIT_INDEX["jawOpen"]] = jaw
    places = warp.targets(
        mesh.drive(weights, torch.tensor([pitch, yaw, roll]), torch.zeros(2, 2), torch.tensor([x, y, z]))
    )
    assert triangle_areas(places)[1:-1, 1:-1].min() > 0


def test_without_a_person_in_sight_the_surroundings_follow(
    mesh: DrivenMesh, photo: np.ndarray, landmarks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drawing whose outline is not understood: hair still follows the face, far things stay."""
    monkeypatch.setattr("renderers.photo.cutout.person_matte", lambda image, points: None)
    face = mesh.model.triangles[(mesh.model.triangle_parts == Part.SKIN)].numpy().astype(np.int32)
    warp = SurroundWarp(mesh, face, cut(photo, landmarks), SurroundOptions())
    np.testing.assert_array_equal(warp(mesh.undriven())[:40, :40], photo[:40, :40])
    crop = turned(mesh, warp, 0.0, 0.12, 0.0)
    x, y = np.floor(landmarks[10]).astype(int)
    assert best_shift(crop, photo, np.s_[y - 22 : y - 8, x - 25 : x + 25], 1) >= 2
    np.testing.assert_array_equal(crop[:, :10], photo[:, :10])


def test_turning_back_gives_the_photo_back(mesh: DrivenMesh, warp: SurroundWarp) -> None:
    first = warp(mesh.undriven())
    turned(mesh, warp, 0.1, 0.1, 0.1)
    np.testing.assert_array_equal(warp(mesh.undriven()), first)


def test_the_warp_has_no_jumps(mesh: DrivenMesh, warp: SurroundWarp, photo: np.ndarray) -> None:
    """Twice the turn moves the picture about twice as far; nothing tears."""
    small, large = (np.abs(turned(mesh, warp, 0.0, a, 0.0).astype(int) - photo).mean() for a in (0.03, 0.06))
    assert small < large < 2.3 * small


def test_frames_are_new_arrays(mesh: DrivenMesh, warp: SurroundWarp, photo: np.ndarray) -> None:
    before = photo.copy()
    crop = turned(mesh, warp, 0.0, 0.1, 0.0)
    crop[:] = 0
    np.testing.assert_array_equal(photo, before)
    assert turned(mesh, warp, 0.0, 0.1, 0.0).mean() > 50
