"""Basel Face Model 2009 in Deep3DFaceRecon's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torch

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.errors import InputError
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.model.plugins.bfm import load_bfm09
from face3d.model.plugins.plugin import PluginModel

Arrays = dict[str, np.ndarray]


def write(arrays: Arrays, folder: Path) -> Path:
    path = folder / "BFM_model_front.mat"
    scipy.io.savemat(path, arrays)
    return path


@pytest.fixture
def bfm(bfm_arrays: Arrays, tmp_path: Path) -> PluginModel:
    return load_bfm09(write(bfm_arrays, tmp_path))


def test_frame_and_units(bfm: PluginModel, model: MorphableModel, face: Any) -> None:
    """Millimetres, centred between the eyes although there are none, seen from outside."""
    assert bfm.name == "bfm2009"
    assert bfm.mean.shape == face.vertices.shape
    points, ours = bfm.landmarks68.of(bfm.mean), model.landmarks68.of(model.mean)
    assert (points - ours).norm(dim=1).max() < 5  # keypoints are vertices: the nearest ones
    torch.testing.assert_close(bfm.eye_centers(bfm.mean), model.eye_centers(model.mean), atol=2.5, rtol=0)
    a, b, c = bfm.mean[bfm.triangles].unbind(1)
    facing = torch.linalg.cross(b - a, c - a)[(bfm.triangles == bfm.landmarks68.triangles[30][0]).any(1)]
    assert facing[:, 2].sum() > 0  # the nose tip's triangles
    assert sorted(bfm.triangle_parts.unique().tolist()) == [Part.SKIN]
    assert len(bfm.uv) == 0


def test_identity_is_taken_as_it_is(bfm: PluginModel, face: Any) -> None:
    np.testing.assert_allclose(bfm.identity_basis.numpy(), face.identity, atol=1e-3)


def test_mediapipe_landmarks_are_carried_over(bfm: PluginModel, model: MorphableModel) -> None:
    """Also those of the two lips, which touch: each goes with its own lip."""
    error = (bfm.landmarks478.of(bfm.mean) - model.landmarks478.of(model.mean))[:468].norm(dim=1)
    assert error.mean() < 1.5
    jaw = ARKIT_INDEX["jawOpen"]
    motion = bfm.landmarks478.of(bfm.expression_basis)[jaw]
    upper, lower = motion[13], motion[14]
    assert upper.norm() < 3
    assert lower[1] < -15


def test_expressions_follow_arkit_in_the_model_s_own_space(bfm: PluginModel, model: MorphableModel, face: Any) -> None:
    assert bfm.native_expression is not None
    assert bfm.native_expression.shape == (52, 30)
    assert bfm.missing == ("tongueOut",)
    assert bfm.expression_basis[ARKIT_INDEX["tongueOut"]].abs().max() == 0
    jaw = ARKIT_INDEX["jawOpen"]
    truth = face.expression[jaw]
    error = np.linalg.norm(bfm.expression_basis[jaw].numpy() - truth, axis=1)
    assert np.sqrt(np.mean(error**2)) < 0.25 * np.sqrt(np.mean(np.square(truth).sum(1)))
    # The 30 mixtures cannot say all of the 52 units, but they say most of most.
    ours = model.landmarks478.of(model.expression_basis)[:, :468].flatten(1)
    theirs = bfm.landmarks478.of(bfm.expression_basis)[:, :468].flatten(1)
    similar = torch.cosine_similarity(ours, theirs, dim=1)[[i for i, n in enumerate(ARKIT_NAMES) if n != "tongueOut"]]
    assert similar.median() > 0.6
    assert similar.min() > -0.1


def test_it_is_a_model_like_any_other(bfm: PluginModel) -> None:
    """Posing, the eyes that it lacks, and another precision."""
    eyes = torch.full((2, 2, 2), 0.3)
    vertices = bfm.vertices(torch.zeros(2), torch.rand(2, 52), eyes)
    assert torch.isfinite(vertices).all()
    double = bfm.to(dtype=torch.float64)
    assert double.native_expression is not None
    assert double.native_expression.dtype == double.mean.dtype == torch.float64


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"exBase": None}, "lacks exBase"),
        ({"keypoints": np.array([[1, 2, 3]])}, "triangles or keypoints"),
        ({"tri": np.full((4, 3), 10**6)}, "triangles or keypoints"),
        ({"idBase": np.zeros((9, 2))}, r"basis of the shape \[9, 2\]"),
    ],
)
def test_other_files_are_refused(change: Arrays, words: str, bfm_arrays: Arrays, tmp_path: Path) -> None:
    changed = {name: value for name, value in (bfm_arrays | change).items() if value is not None}
    with pytest.raises(InputError, match=words):
        load_bfm09(write(changed, tmp_path))


def test_other_units_are_refused(bfm_arrays: Arrays, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"corners of the eyes are .* mm apart"):
        load_bfm09(write(bfm_arrays | {"meanshape": bfm_arrays["meanshape"] * 1000}, tmp_path))


@pytest.mark.parametrize("share", [0.3, 0.95])
def test_a_truncated_file(share: float, bfm_arrays: Arrays, tmp_path: Path) -> None:
    path = tmp_path / "BFM_model_front.mat"
    scipy.io.savemat(path, bfm_arrays, do_compression=True)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="cannot be read as a MATLAB file|lacks"):
        load_bfm09(path)


@pytest.mark.parametrize("content", [b"MATLAB 5.0, or not", b"", b"x" * 4000])
def test_no_matlab_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "BFM_model_front.mat"
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as a MATLAB file"):
        load_bfm09(path)
