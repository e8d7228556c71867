"""The scripts that train the renderer's networks: what they say, keep and refuse."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[4]
DATA = ROOT / "tests" / "data"


@pytest.fixture(params=["train_face", "train_mouth"])
def script(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module(request.param)


def test_photos_are_gathered_and_trained_on(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two folders with a file of one name, one without a person, one that is no picture."""
    for folder, source in (("a", "astronaut.jpg"), ("b", "cat.jpg")):
        (tmp_path / folder).mkdir()
        shutil.copy(DATA / source, tmp_path / folder / "one.JPG")
    (tmp_path / "b" / "broken.png").write_bytes(b"x")
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    script.main(["--cache", str(tmp_path / "cache"), "examples", "--photos", *folders, "--skip"])
    said = capsys.readouterr().out
    assert "holds examples of 1 photos and 0 videos" in said.replace("\n", " ")
    assert "passed over" in said
    (kept,) = (tmp_path / "cache" / "examples").iterdir()
    assert kept.name.startswith("photo_one_")
    (tmp_path / "few.yaml").write_text("steps: 4\nbatch: 2\nwidths: [4, 4, 4]\n")
    weights = tmp_path / "new" / "w.safetensors"
    train = ["--cache", str(tmp_path / "cache"), "train", "--config", str(tmp_path / "few.yaml"), "--output"]
    script.main([*train, str(weights), "--stop", "2"])
    script.main([*train, str(weights)])
    assert "going on after step 2 " in capsys.readouterr().out
    assert load_file(weights)


def test_training_without_examples_is_a_sentence(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        script.main(["--cache", str(tmp_path), "train", "--output", str(tmp_path / "w.safetensors")])
    assert end.value.code == 2
    assert "holds no examples to train on: make some first with scripts/" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_folders_that_are_none(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        script.main(["--cache", str(tmp_path / "cache"), "examples", "--videos", str(tmp_path / "nowhere")])
    assert end.value.code == 2
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["examples", "train"])
def test_every_argument_is_explained(script: ModuleType, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script.main([command, "--help"])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    for number, line in enumerate(lines):
        if line.startswith("--"):
            rest = line.split("  ", 1)[1] if "  " in line else lines[number + 1]
            assert rest, line
            assert not rest.startswith("--"), line
