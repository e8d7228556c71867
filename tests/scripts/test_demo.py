"""The demo script: what it asks of the command line."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from talkinghead.cli.program import build_parser


@pytest.fixture
def demo() -> ModuleType:
    return importlib.import_module("demo")


@pytest.mark.parametrize(
    ("arguments", "crop", "size"),
    [([], "head", 512), (["--seed", "3"], "head", 512), (["--crop", "none", "--size", "256"], "none", 256)],
)
def test_the_demo_shows_the_head_unless_told_otherwise(
    arguments: list[str], crop: str, size: int, demo: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(demo, "ensure", lambda: "python")
    monkeypatch.setattr(demo, "run", lambda command: ran.append([str(c) for c in command]) or 0)
    monkeypatch.setattr(sys, "argv", ["demo.py", *arguments])
    assert demo.main() == 0
    assert [command[3] for command in ran] == ["doctor", "generate"]
    options = build_parser().parse_args(ran[1][3:])
    assert (options.crop, options.size) == (crop, size)
    assert all(Path(name).is_file() for name in (options.photo, options.audio))
