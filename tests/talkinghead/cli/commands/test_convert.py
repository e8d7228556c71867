"""`talkinghead convert`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

from face3d.conversion import METHODS
from face3d.model.morphable_model import load_default_model
from face3d.parameters import FaceParameters
from talkinghead.cli.commands import convert
from talkinghead.cli.program import main
from talkinghead.photo.poses import nobody


@pytest.fixture
def basel(tmp_path: Path) -> Path:
    """The skin of our own head as a `BFM_model_front.mat`."""
    model = load_default_model()
    points = model.landmarks68.of(model.mean)
    used = model.triangles[model.triangle_parts <= 1]
    skin = used.unique()
    nearest = skin[torch.cdist(points, model.mean[skin]).argmin(1)]

    def columns(basis: torch.Tensor) -> np.ndarray:
        return (basis / 100).flatten(1).T.numpy()

    scipy.io.savemat(
        tmp_path / "bfm.mat",
        {
            "meanshape": (model.mean / 100).reshape(1, -1).numpy(),
            "idBase": columns(model.identity_basis[:10]),
            "exBase": columns(model.expression_basis[:51]),
            "tri": used.numpy() + 1,
            "keypoints": nearest.numpy()[None] + 1,
        },
    )
    return tmp_path / "bfm.mat"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    nobody(80).save(tmp_path / "y.safetensors")
    return tmp_path / "y.safetensors"


def test_there_and_back(file: Path, basel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there, back = tmp_path / "there.safetensors", tmp_path / "back.safetensors"
    command = ["convert", str(file), "--to", f"bfm2009={basel}", "--method", "least-squares", "--output", str(there)]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{there}: bfm2009, 1 frame\n"
    assert FaceParameters.load(there).identity.shape == (10,)
    command = ["convert", str(there), "--from", f"bfm2009={basel}", "--to", "cc0-head", "--output", str(back)]
    assert main([*command, "--quiet"]) == 0
    before, after = FaceParameters.load(file), FaceParameters.load(back)
    torch.testing.assert_close(after.rotation, before.rotation, atol=0.02, rtol=0)
    torch.testing.assert_close(after.translation, before.translation, atol=2, rtol=0)
    torch.testing.assert_close(after.expression, before.expression, atol=0.05, rtol=0)


def test_exports_of_a_converted_file(file: Path, basel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model without eyeballs, teeth and atlas goes through every format; its path by variable or option."""
    monkeypatch.setenv("TALKINGHEAD_BFM2009", str(basel))
    there = tmp_path / "there.safetensors"
    assert main(["convert", str(file), "--to", "bfm2009", "--output", str(there), "--quiet"]) == 0
    monkeypatch.delenv("TALKINGHEAD_BFM2009")
    for kind, ending in (("glb", "glb"), ("livelink-csv", "csv"), ("neutral", "npz"), ("landmarks", "npz")):
        output = tmp_path / f"{kind}.{ending}"
        command = ["export", str(there), "--format", kind, "--model", f"bfm2009={basel}", "--output", str(output)]
        assert main([*command, "--quiet"]) == 0
        assert output.stat().st_size > 200
    with np.load(tmp_path / "neutral.npz") as arrays:
        assert len(arrays["vertices"]) == len(load_default_model().mean)


def test_the_model_of_an_export_must_be_the_file_s(
    file: Path, basel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", str(file), "--format", "glb", "--model", f"bfm2009={basel}"]
    assert main([*command, "--output", str(tmp_path / "y.glb")]) == 2
    assert "those of the face model cc0-head where bfm2009 is needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "basel"], "no face model 'basel'"),
        (["--to", "flame"], "put its path into the environment variable TALKINGHEAD_FLAME, or give it as flame=PATH."),
        (["--to", "flame=/nowhere.npz"], "There is no /nowhere.npz"),
        (["--to", "cc0-head=x"], "takes no path"),
        (["--to", "cc0-head", "--from", "bfm2009=/nowhere.mat"], "There is no /nowhere.mat"),
        ([], "required: --to"),
    ],
)
def test_mistakes(
    arguments: list[str],
    words: str,
    file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TALKINGHEAD_FLAME", raising=False)
    output = tmp_path / "z.safetensors"
    assert main(["convert", str(file), *arguments, "--output", str(output)]) == 2
    assert words in capsys.readouterr().err
    assert not output.exists()


def test_the_command_knows_the_methods() -> None:
    assert convert.METHODS == METHODS
