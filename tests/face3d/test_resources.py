from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from face3d import resources


@pytest.fixture
def empty_assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(resources, "ASSETS", tmp_path)
    resources.asset_path.cache_clear()
    yield tmp_path
    resources.asset_path.cache_clear()


@pytest.mark.parametrize("name", resources.SHA256)
def test_every_listed_file_is_there_and_intact(name: str) -> None:
    assert resources.asset_path(name).is_file()


def test_missing(empty_assets: Path) -> None:
    with pytest.raises(RuntimeError, match="incomplete"):
        resources.asset_path("face_landmarker.task")


def test_damaged(empty_assets: Path) -> None:
    (empty_assets / "face_landmarker.task").write_bytes(b"cut short")
    with pytest.raises(RuntimeError, match="damaged"):
        resources.asset_path("face_landmarker.task")


def test_unknown() -> None:
    with pytest.raises(KeyError):
        resources.asset_path("no such file")
