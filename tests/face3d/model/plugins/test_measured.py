"""Measured landmarks beside a model's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

from face3d.errors import InputError
from face3d.model.plugins.bfm import load_bfm09
from face3d.model.plugins.ict import IctTopology, load_ict
from face3d.model.plugins.measured import load_measured, measured_path, save_measured
from face3d.model.plugins.surface import SurfacePoints


@pytest.fixture
def points() -> SurfacePoints:
    rng = np.random.default_rng(0)
    return SurfacePoints(rng.integers(0, 9, (478, 3)), rng.dirichlet(np.ones(3), 478))


def test_a_loader_takes_them(points: SurfacePoints, bfm_arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "bfm.mat"
    scipy.io.savemat(path, bfm_arrays)
    carried = load_bfm09(path)
    save_measured(path, points)
    assert measured_path(path) == tmp_path / "bfm.mat.landmarks478.npz"
    measured = load_bfm09(path)
    assert measured.landmarks478.triangles.tolist() == points.triangles.tolist()
    torch.testing.assert_close(measured.landmarks68.of(measured.mean), carried.landmarks68.of(carried.mean))


def test_a_folder_s_are_in_it(
    points: SurfacePoints, ict_folder: Path, ict_topology: IctTopology, request: pytest.FixtureRequest
) -> None:
    """Beside the meshes, whether the checkout or its FaceXModel is named."""
    meshes = ict_folder / "FaceXModel"
    save_measured(meshes, points)
    request.addfinalizer(measured_path(meshes).unlink)
    for folder in (ict_folder, meshes):
        assert load_ict(folder, ict_topology).landmarks478.triangles.tolist() == points.triangles.tolist()


def test_none_and_others(points: SurfacePoints, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    assert load_measured(path, 9) is None
    save_measured(path, points)
    assert load_measured(path, 9) is not None
    with pytest.raises(InputError, match="does not fit the model"):
        load_measured(path, 8)
    save_measured(path, SurfacePoints(points.triangles[:5], points.barycentric[:5]))
    with pytest.raises(InputError, match="does not fit the model"):
        load_measured(path, 9)
    measured_path(path).write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read: measure"):
        load_measured(path, 9)
