"""FLAME from an `.npz` or `.safetensors` file, never from a pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from face3d.arkit import ARKIT_INDEX
from face3d.errors import InputError
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.model.plugins.flame import JAW_STEPS, jaw_motion, load_flame
from face3d.model.plugins.plugin import PluginModel

Arrays = dict[str, np.ndarray]
JAW = ARKIT_INDEX["jawOpen"]


def write(arrays: Arrays, folder: Path) -> Path:
    np.savez(folder / "flame.npz", **arrays)  # type: ignore[arg-type]
    return folder / "flame.npz"


@pytest.fixture(scope="module")
def flame(flame_source: Arrays, flame_landmarks: Arrays, tmp_path_factory: pytest.TempPathFactory) -> PluginModel:
    return load_flame(write(flame_source | flame_landmarks, tmp_path_factory.mktemp("flame")))


def test_frame_units_and_eyeballs(flame: PluginModel, model: MorphableModel) -> None:
    assert (flame.name, flame.identity_size) == ("flame", 100)
    torch.testing.assert_close(flame.eye_centers(flame.mean), model.eye_centers(model.mean), atol=0.01, rtol=0)
    error = (flame.landmarks68.of(flame.mean) - model.landmarks68.of(model.mean)).norm(dim=1)
    assert error.max() < 5  # their vertices are the nearest to ours
    for part, sign in ((Part.LEFT_EYEBALL, 1), (Part.RIGHT_EYEBALL, -1)):
        ball = flame.part_vertices(part)
        assert len(ball) == len(model.part_vertices(part))
        assert (flame.mean[ball, 0] * sign > 0).all()
    irises = flame.landmarks478.of(flame.mean)[468:] - model.landmarks478.of(model.mean)[468:]
    assert irises.norm(dim=1).mean() < 1.5


def test_the_jaw_joint_opens_the_mouth(flame: PluginModel, model: MorphableModel) -> None:
    """Native coefficients: 30 expressions, then the jaw about x, y, z."""
    assert flame.native_expression is not None
    assert flame.native_expression.shape == (52, 33)
    points = flame.landmarks478.of(flame.vertices(torch.zeros(1), torch.eye(52)[JAW]))
    assert (points[13] - points[14])[1] > 15
    error = (flame.landmarks478.of(flame.mean) - model.landmarks478.of(model.mean))[:468].norm(dim=1)
    assert error.mean() < 1.5


def test_jaw_motion_is_skinning(head: Any, flame_arrays: Arrays) -> None:
    """A vertex that the jaw carries alone turns rigidly about the joint; correctives come on top."""
    joint = np.array([0.0, -0.05, 0.02])
    flame_arrays["weights"][0] = [0, 0, 1, 0, 0]
    flame_arrays["weights"][1] = [1, 0, 0, 0, 0]
    flame_arrays["posedirs"][1, 1, 9 + 4] = 0.1  # follows the middle entry of R - 1
    template = flame_arrays["v_template"]
    about_x = jaw_motion(flame_arrays, template, joint)[0]
    y, z = (template[0] - joint)[1:]
    cosine, sine = np.cos(JAW_STEPS[0]), np.sin(JAW_STEPS[0])
    expected = [0, cosine * y - sine * z - y, sine * y + cosine * z - z]
    np.testing.assert_allclose(about_x[0], expected, atol=1e-12)
    np.testing.assert_allclose(about_x[1], [0, 0.1 * (cosine - 1), 0], atol=1e-12)


def test_without_an_embedding_landmarks_are_found(
    flame: PluginModel, flame_arrays: Arrays, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By registration, on a head of another shape; the log says so."""
    # A wider, longer face with a turned-up nose tip: 5 to 10 mm away from ours.
    shape = flame_arrays["v_template"]
    middle = shape.mean(0)
    wide = (shape - middle) * [1.06, 1.08, 1.03] + middle
    with caplog.at_level("INFO", "face3d"):
        found = load_flame(write(flame_arrays | {"v_template": wide}, tmp_path))
    assert "registration" in caplog.text
    truth = flame.landmarks478.of(found.mean)[:468]
    error = (found.landmarks478.of(found.mean)[:468] - truth).norm(dim=1)
    assert error.median() < 4
    moved = found.landmarks478.of(found.expression_basis)[JAW]
    assert moved[152, 1] < -10  # the chin
    assert moved[10].norm() < 3  # the forehead


def test_safetensors(flame_arrays: Arrays, flame_landmarks: Arrays, flame: PluginModel, tmp_path: Path) -> None:
    arrays = {k: np.ascontiguousarray(v) for k, v in (flame_arrays | flame_landmarks).items()}
    save_file(arrays, tmp_path / "flame.safetensors")
    torch.testing.assert_close(load_flame(tmp_path / "flame.safetensors").mean, flame.mean)


def test_pickles_are_never_read(tmp_path: Path) -> None:
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(InputError, match=r"is a pickle.*write its arrays to an \.npz"):
        load_flame(path)


def test_npz_files_with_objects_are_never_read(flame_arrays: Arrays, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="plain arrays"):
        load_flame(write(flame_arrays | {"weights": np.array([{}], dtype=object)}, tmp_path))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": None}, "lacks weights"),
        ({"posedirs": np.zeros((4, 3, 36))}, "posedirs have another shape"),
        ({"shapedirs": np.zeros((4, 3, 310)), "f": np.array([[0, 1, 10**6]])}, "shapedirs, f have another shape"),
    ],
)
def test_other_files_are_refused(change: Arrays, words: str, flame_arrays: Arrays, tmp_path: Path) -> None:
    arrays = {name: value for name, value in (flame_arrays | change).items() if value is not None}
    with pytest.raises(InputError, match=words):
        load_flame(write(arrays, tmp_path))


def test_no_npz(tmp_path: Path) -> None:
    (tmp_path / "flame.npz").write_text("nothing")
    with pytest.raises(InputError, match="cannot be read"):
        load_flame(tmp_path / "flame.npz")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file(share: float, flame_source: Arrays, tmp_path: Path) -> None:
    path = write(flame_source, tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="cannot be read"):
        load_flame(path)


def test_numbers_that_are_none(flame_arrays: Arrays, flame_landmarks: Arrays, tmp_path: Path) -> None:
    flame_arrays["shapedirs"][3, 1, 5] = np.nan
    with pytest.raises(InputError, match="hold NaN"):
        load_flame(write(flame_arrays | flame_landmarks, tmp_path))
