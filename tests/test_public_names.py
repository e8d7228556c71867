"""The names that a Python user sees."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WANTED = {"Talker", "Portrait", "FaceParameters", "fit", "drive", "generate", "animate", "render", "export", "convert"}


def test_names_are_shown_before_they_are_loaded() -> None:
    code = "import talkinghead, sys; print(*dir(talkinghead)); assert 'torch' not in sys.modules"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(result.stdout.split()) >= WANTED


@pytest.mark.parametrize("package", ["face3d", "renderers", "talkinghead"])
def test_every_public_name_is_there_and_typed(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        assert callable(getattr(module, name)) or isinstance(getattr(module, name), str)
    tree = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        alias.asname: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "_HOMES"
    )
    assert typed == homes
    assert (ROOT / package / "py.typed").exists()


def test_a_name_that_is_not_there() -> None:
    import talkinghead

    with pytest.raises(AttributeError, match="'talkinghead' has no attribute 'Potrait'"):
        _ = talkinghead.Potrait  # type: ignore[attr-defined]
