"""The scripts that train the mouth's and the face's network: examples of one portrait, and a few steps."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

DATA = Path(__file__).resolve().parents[1] / "data"


@pytest.mark.parametrize("name", ["mouth", "face"])
def test_examples_are_gathered_and_trained_on(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = importlib.import_module(f"train_{name}")
    photos, config, output = tmp_path / "photos", tmp_path / "short.yaml", tmp_path / "weights.safetensors"
    photos.mkdir()
    for picture in ("astronaut.jpg", "cat.jpg"):
        shutil.copy(DATA / picture, photos)
    config.write_text("steps: 4\nbatch: 2\n", encoding="utf-8")
    for step in (["examples", "--photos", photos], ["train", "--config", config, "--output", output]):
        words = [f"train_{name}.py", "--cache", tmp_path / "cache", *step]
        monkeypatch.setattr(sys, "argv", list(map(str, words)))
        script.main()
    (only,) = (tmp_path / "cache" / "examples").glob("*.npz")
    assert "astronaut" in only.name, "nothing is learnt from a cat"
    assert load_file(output)
