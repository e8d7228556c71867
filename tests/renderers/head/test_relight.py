"""Light on a head that turns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from face3d.fit.photo_fit import PhotoFit
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from renderers.head.driven_mesh import DrivenMesh
from renderers.head.relight import Relight, RelightOptions, fit_light
from renderers.raster.shading import sh_basis, sh_basis_arrays

AHEAD = torch.zeros(2, 2)


def unit(rng: np.random.Generator, count: int) -> np.ndarray:
    """[N, 3] normals that face the camera."""
    normals = rng.standard_normal((count, 3))
    normals[:, 2] = -np.abs(normals[:, 2])
    return (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)


def test_the_basis_is_the_one_of_torch() -> None:
    normals = unit(np.random.default_rng(0), 50)
    np.testing.assert_allclose(sh_basis_arrays(normals), sh_basis(torch.from_numpy(normals)).numpy(), atol=1e-6)


def test_a_known_light_is_found_in_spite_of_beards() -> None:
    rng = np.random.default_rng(1)
    normals = unit(rng, 900)
    light = np.array([1.2, 0.1, -0.3, 0.25, 0.02, -0.03, 0.05, 0.0, 0.04])
    bright = sh_basis_arrays(normals) @ light
    stained = np.where(rng.random(900) < 0.15, 0.4 * bright, bright)
    found = fit_light(normals, stained.astype(np.float32), prior=1e-4)
    seen = sh_basis_arrays(normals)
    assert np.abs(seen @ found - bright).mean() < 0.03 * bright.mean()


@pytest.mark.parametrize("count", [0, 5])
def test_too_little_skin_means_no_direction(count: int) -> None:
    light = fit_light(unit(np.random.default_rng(0), count), np.full(count, 0.5, np.float32), 0.02)
    assert (light[1:] == 0).all()
    assert light[0] > 0


@pytest.fixture(scope="module")
def mesh(model: MorphableModel, astronaut_fit: PhotoFit) -> DrivenMesh:
    return DrivenMesh(model, astronaut_fit.parameters, astronaut_fit.detection.landmarks_px)


@pytest.fixture(scope="module")
def triangles(model: MorphableModel) -> np.ndarray:
    return model.triangles[model.triangle_parts == int(Part.SKIN)].numpy().astype(np.int32)


def lit_from_the_left(mesh: DrivenMesh, fit: PhotoFit, triangles: np.ndarray) -> Relight:
    """Of a grey picture that is brighter on its left side."""
    points = fit.detection.landmarks_px
    low, high = points[:, 0].min(), points[:, 0].max()
    ramp = np.clip(1 - (np.arange(320) - low) / (high - low), 0, 1)
    picture = np.repeat((60 + 150 * ramp)[None, :, None], 320, 0).repeat(3, 2).astype(np.uint8)
    return Relight(picture, points, mesh.source, mesh.undriven().camera, triangles)


def test_nothing_changes_where_nothing_turns(mesh: DrivenMesh, astronaut_fit: PhotoFit, triangles: np.ndarray) -> None:
    relight = lit_from_the_left(mesh, astronaut_fit, triangles)
    np.testing.assert_array_equal(relight.gains(mesh.undriven().camera), 1)
    moved = mesh.drive(mesh.expression, torch.zeros(3), AHEAD, torch.tensor([30.0, 0.0, 50.0]))
    np.testing.assert_allclose(relight.gains(moved.camera), 1, atol=1e-3)


def test_a_cheek_that_turns_into_the_light_gets_brighter(
    mesh: DrivenMesh, astronaut_fit: PhotoFit, triangles: np.ndarray
) -> None:
    """The nose turns to the picture's left, where the light is, and back."""
    relight = lit_from_the_left(mesh, astronaut_fit, triangles)
    nose = mesh.model.landmarks478.triangles[4, 0]
    gains = [
        relight.gains(mesh.drive(mesh.expression, torch.tensor([0.0, yaw, 0.0]), AHEAD).camera) for yaw in (-0.35, 0.35)
    ]
    assert gains[0][nose] > 1.02
    assert gains[1][nose] < 0.98
    low, high = RelightOptions().least ** (1 / 2.2), RelightOptions().most ** (1 / 2.2)
    assert all(g.min() >= low - 1e-5 and g.max() <= high + 1e-5 for g in gains)


def test_the_ratio_fades_towards_the_outline(mesh: DrivenMesh, astronaut_fit: PhotoFit, triangles: np.ndarray) -> None:
    relight = lit_from_the_left(mesh, astronaut_fit, triangles)
    gains = relight.gains(mesh.drive(mesh.expression, torch.tensor([0.0, 0.35, 0.0]), AHEAD).camera)
    chin = mesh.model.landmarks478.triangles[152].numpy()
    nose = mesh.model.landmarks478.triangles[4].numpy()
    assert np.abs(gains[chin] - 1).max() < 0.3 * np.abs(gains[nose] - 1).max()
