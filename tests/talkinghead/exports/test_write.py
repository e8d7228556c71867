"""Exported files hold what they say."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_NAMES
from face3d.model.morphable_model import load_default_model
from face3d.parameters import FaceParameters
from renderers.pose import Pose
from talkinghead.cli.program import main
from talkinghead.photo.poses import nobody, to_parameters


@pytest.fixture
def parameters() -> FaceParameters:
    generator = torch.Generator().manual_seed(0)
    poses = [
        Pose(torch.rand(52, generator=generator), torch.rand(3, generator=generator), torch.zeros(2, 2))
        for _ in range(300)
    ]
    identity = torch.randn(load_default_model().identity_size, generator=generator)
    return to_parameters(poses, dataclasses.replace(nobody(1), identity=identity), 30.0)


@pytest.fixture
def file(parameters: FaceParameters, tmp_path: Path) -> Path:
    parameters.save(tmp_path / "y.safetensors")
    return tmp_path / "y.safetensors"


def export(file: Path, kind: str, output: Path) -> Path:
    assert main(["export", str(file), "--format", kind, "--output", str(output), "--quiet"]) == 0
    return output


def test_json(file: Path, parameters: FaceParameters, tmp_path: Path) -> None:
    content = json.loads(export(file, "json", tmp_path / "y.json").read_text())
    assert content["expression_names"] == list(ARKIT_NAMES)
    assert (content["fps"], content["model"], len(content["frames"])) == (30.0, "cc0-head", 300)
    assert content["camera"]["image_size"] == [512, 512]
    for name in ("expression", "rotation", "translation", "eye_rotation", "confidence"):
        values = np.array([frame[name] for frame in content["frames"]])
        np.testing.assert_allclose(values, getattr(parameters, name).numpy(), atol=1e-6)
    np.testing.assert_allclose(content["identity"], parameters.identity.numpy(), atol=1e-6)


def test_neutral(file: Path, parameters: FaceParameters, tmp_path: Path) -> None:
    model = load_default_model()
    with np.load(export(file, "neutral", tmp_path / "y.npz")) as arrays:
        assert sorted(arrays) == ["faces", "landmarks7", "vertices"]
        np.testing.assert_allclose(
            arrays["vertices"], model.neutral(parameters.identity).numpy(), rtol=0, atol=1e-3
        )  # mm
        np.testing.assert_array_equal(arrays["faces"], model.triangles.numpy())
        right_outer, right_inner, left_inner, left_outer, nose, mouth_right, mouth_left = arrays["landmarks7"]
    # +x is to the subject's left, +y up, +z out of the face.
    assert right_outer[0] < right_inner[0] < 0 < left_inner[0] < left_outer[0]
    assert mouth_right[0] < nose[0] < mouth_left[0]
    assert mouth_left[1] < nose[1] < left_outer[1]
    assert nose[2] > left_outer[2]


def test_landmarks(file: Path, parameters: FaceParameters, tmp_path: Path) -> None:
    model = load_default_model()
    with np.load(export(file, "landmarks", tmp_path / "y.npz")) as arrays:
        assert arrays["landmarks478"].shape == (300, 478, 3)
        assert (arrays["fps"].shape, arrays["fps"].dtype) == ((), np.float64)
        assert arrays["fps"] == 30.0
        last = model.vertices(parameters.identity, parameters.expression[-1], parameters.eye_rotation[-1])
        np.testing.assert_allclose(arrays["landmarks478"][-1], model.landmarks478.of(last).numpy(), atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "ending", "words"),
    [("json", "json", "json, 300 frames"), ("neutral", "npz", "the face at rest"), ("landmarks", "npz", "300 frames")],
)
def test_it_says_what_was_written(
    kind: str, ending: str, words: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / f"y.{ending}"
    assert main(["export", str(file), "--format", kind, "--output", str(output)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{output}: {kind}, ")
    assert words in out


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [("json", "y.npz", "must end in .json"), ("neutral", "y.json", "must end in .npz")],
)
def test_wrong_endings(
    kind: str, name: str, words: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(file), "--format", kind, "--output", str(tmp_path / name)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"no parameters", b'{"fps": 25.0, "frames": []}\n'])
def test_files_that_are_no_parameters(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "y.safetensors").write_bytes(content)
    command = ["export", str(tmp_path / "y.safetensors"), "--format", "json", "--output", str(tmp_path / "y.json")]
    assert main(command) == 2
    err = capsys.readouterr().err
    assert "is not a face-parameter file" in err
    assert "header" not in err, "no jargon"
    assert [p.name for p in tmp_path.iterdir()] == ["y.safetensors"]
