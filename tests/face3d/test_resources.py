"""Shipped files are checked; what a package ships is in its table."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

import face3d.resources
import renderers.resources
import talkinghead.resources
from face3d.errors import InputError, InstallationError
from face3d.resources import ShippedFiles, asset_path

PACKAGES = {module.__name__: module.FILES for module in (face3d.resources, renderers.resources, talkinghead.resources)}
EVERY_FILE = [(package, name) for package, files in PACKAGES.items() for name in files.sha256]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_shipped_file_is_in_the_table_with_its_hash(package: str) -> None:
    """Nobody replaces weights without saying so; the cards beside them are prose."""
    files = PACKAGES[package]
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files.folder.iterdir()}
    assert {name: digest for name, digest in there.items() if not name.endswith(".md")} == dict(files.sha256)
    assert list(files.sha256) == sorted(files.sha256)


@pytest.mark.parametrize(("package", "name"), EVERY_FILE)
def test_one_flipped_bit(package: str, name: str, tmp_path: Path) -> None:
    files = PACKAGES[package]
    content = bytearray((files.folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        InstallationError, match=rf"damaged: .*{name} has SHA-256 .*; reinstall talkinghead, or in a git"
    ):
        ShippedFiles(tmp_path, files.sha256).path(name)


def test_a_missing_file_is_our_failure(tmp_path: Path) -> None:
    with pytest.raises(
        InstallationError, match=r"incomplete: .*model\.npz is missing; reinstall talkinghead"
    ) as caught:
        ShippedFiles(tmp_path, {"model.npz": "0" * 64}).path("model.npz")
    assert not isinstance(caught.value, InputError)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "model.npz").mkdir()
    with pytest.raises(InstallationError, match=r"model\.npz cannot be read"):
        ShippedFiles(tmp_path, {"model.npz": "0" * 64}).path("model.npz")


def test_a_file_is_read_once_in_a_process(tmp_path: Path) -> None:
    shutil.copy(asset_path("cc0_head.npz"), tmp_path)
    files = ShippedFiles(tmp_path, face3d.resources.FILES.sha256)
    first = files.path("cc0_head.npz")
    (tmp_path / "cc0_head.npz").unlink()
    assert files.path("cc0_head.npz") == first


def test_unknown() -> None:
    with pytest.raises(KeyError):
        asset_path("no such file")
