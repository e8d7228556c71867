"""What the batched renderer shares with the compiled one has public names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TWINS = [*sorted((ROOT / "renderers").glob("torch_*.py")), ROOT / "talkinghead" / "media" / "torch_planar.py"]


@pytest.mark.parametrize("path", TWINS, ids=lambda path: path.stem)
def test_no_private_name_is_imported(path: Path) -> None:
    """A number that two modules use is named once, and not for one of them alone."""
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    assert not [alias.name for node in imports for alias in node.names if alias.name.startswith("_")]
