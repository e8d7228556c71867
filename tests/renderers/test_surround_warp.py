"""The photo around the face, following the driven mesh."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.fitting import PhotoFit
from face3d.landmark_sets import FACE_OVAL
from face3d.morphable_model import MorphableModel
from face3d.parts import Part
from renderers.driven_mesh import DrivenMesh
from renderers.photo_layers import polygon_mask
from renderers.surround import SurroundOptions
from renderers.surround_warp import SurroundWarp

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
    covered = np.zeros((SIZE, SIZE), np.uint8)
    return SurroundWarp(mesh, face.numpy().astype(np.int32), ORIGIN, photo, landmarks, covered, SurroundOptions())


def turned(mesh: DrivenMesh, warp: SurroundWarp, *turn: float) -> np.ndarray:
    return warp(mesh.drive(mesh.expression, torch.tensor(turn), torch.zeros(2, 2)))


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
    # Where does the hair above the forehead go? The shift along x that matches best.
    x, y = np.floor(landmarks[10]).astype(int)
    patch = np.s_[y - 22 : y - 8, x - 25 : x + 25]
    errors = {
        s: np.abs(crop[patch].astype(int) - np.roll(photo, s, 1)[patch].astype(int)).mean() for s in range(-12, 13)
    }
    best = min(errors, key=lambda s: errors[s])
    assert best * sign >= 2
    assert errors[best] < 0.6 * errors[0]


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
