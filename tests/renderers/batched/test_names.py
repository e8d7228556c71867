"""What the batched renderer shares with the compiled one has public names."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from renderers.batched import lip_seam as torch_lip_seam
from renderers.batched import mesh as torch_mesh
from renderers.batched import skin as torch_skin
from renderers.batched import toning as torch_toning
from renderers.head.driven_mesh import MeshState
from renderers.head.relight import RelightState
from renderers.mouth.lip_seam import SeamState
from renderers.photo.toning import Toning

ROOT = Path(__file__).resolve().parents[3]
STATES = [
    (MeshState, torch_mesh),
    (SeamState, torch_lip_seam),
    (RelightState, torch_skin),
    (Toning, torch_toning),
]
TWINS = [*sorted((ROOT / "renderers" / "batched").glob("*.py")), ROOT / "talkinghead" / "media" / "batched_planar.py"]


@pytest.mark.parametrize("path", TWINS, ids=lambda path: path.stem)
def test_no_private_name_is_imported(path: Path) -> None:
    """A number that two modules use is named once, and not for one of them alone."""
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    assert not [alias.name for node in imports for alias in node.names if alias.name.startswith("_")]


@pytest.mark.parametrize(("state", "twin"), STATES, ids=lambda value: getattr(value, "__name__", None))
def test_all_that_is_prepared_is_read(state: Any, twin: Any) -> None:
    """A field that only the compiled renderer knew would be a difference between the two."""
    read = {
        node.attr for node in ast.walk(ast.parse(Path(twin.__file__).read_text())) if isinstance(node, ast.Attribute)
    }
    assert {field.name for field in dataclasses.fields(state)} <= read
    assert state.__dataclass_params__.frozen
