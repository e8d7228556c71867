"""The renderer's contact sheet."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from face3d.arkit import ARKIT_INDEX

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script() -> ModuleType:
    return importlib.import_module("contact_sheet")


def test_every_channel_exists_and_both_sides_move(script: ModuleType) -> None:
    for mouth in script.MOUTHS.values():
        moved = {i for i, value in enumerate(script.weights(torch.zeros(52), mouth)) if value > 0}
        for name in mouth:
            sides = [ARKIT_INDEX[n] for n in (name, f"{name}Left", f"{name}Right") if n in ARKIT_INDEX]
            assert sides
            assert moved >= set(sides)


def test_a_person_and_a_sheet(script: ModuleType) -> None:
    pictures = script.person(ROOT / "tests" / "data" / "astronaut.jpg", 64)
    assert len(pictures) == 7
    assert all(p.shape == (64, 64, 3) for p in pictures)
    assert all((pictures[0] != p).any() for p in pictures[1:])
    result = script.sheet([("a", pictures)] * 3)
    assert result.shape == (128, 64 * 14, 3)
    data = script.jpeg(result, 20_000)
    assert len(data) <= 20_000
    assert Image.open(io.BytesIO(data)).size == (64 * 14, 128)
    with pytest.raises(ValueError, match="do not fit"):
        script.jpeg(result, 100)


def test_people_are_spread(script: ModuleType, tmp_path: Path) -> None:
    for i in range(10):
        (tmp_path / f"p{i}.jpg").write_bytes(b"x")
    assert [p.stem for p in script.choose(tmp_path, 4, [])] == ["p0", "p3", "p6", "p9"]
    assert [p.stem for p in script.choose(tmp_path, 4, ["p2", "p5"])] == ["p2", "p5"]


def test_cells_beyond_the_picture(script: ModuleType) -> None:
    picture = np.full((50, 40, 3), 90, np.uint8)
    assert (script.head(picture, np.array([0.0, 0.0, 40.0, 50.0]), 32) == 90).all()
