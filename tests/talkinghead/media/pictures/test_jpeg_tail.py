"""JPEG files that end a little too early."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from face3d.errors import InputError
from talkinghead.media.image import load_photo


def jpeg(path: Path, astronaut: np.ndarray, **options: object) -> tuple[bytes, np.ndarray]:
    """A JPEG's bytes and its pixels."""
    Image.fromarray(astronaut).save(path, quality=90, **options)
    return path.read_bytes(), load_photo(path)


@pytest.mark.parametrize("missing", [1, 2, 5, 12, 20])
@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_without_its_last_bytes(
    progressive: bool,
    subsampling: int,
    missing: int,
    astronaut: np.ndarray,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "x.jpg"
    data, whole = jpeg(path, astronaut, progressive=progressive, subsampling=subsampling)
    path.write_bytes(data[:-missing])
    with caplog.at_level(logging.INFO):
        result = load_photo(path)
    assert "x.jpg is cut short at its very end" in caplog.text
    np.testing.assert_array_equal(result[:-32], whole[:-32])
    if missing <= 2:
        np.testing.assert_array_equal(result, whole)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.9])
@pytest.mark.parametrize("progressive", [False, True])
def test_really_cut(progressive: bool, share: float, astronaut: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    data, _ = jpeg(path, astronaut, progressive=progressive)
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match="damaged or cut-short"):
        load_photo(path)


def test_a_progressive_file_without_its_last_scans(astronaut: np.ndarray, tmp_path: Path) -> None:
    """Every row is there, but coarse."""
    path = tmp_path / "x.jpg"
    data, _ = jpeg(path, astronaut, progressive=True)
    path.write_bytes(data[: data.rindex(b"\xff\xda")])
    with pytest.raises(InputError, match="damaged or cut-short"):
        load_photo(path)


def test_orientation_and_rubbish_at_the_end(astronaut: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    data, whole = jpeg(path, astronaut[:200], exif=exif)
    path.write_bytes(data[:-2])
    np.testing.assert_array_equal(load_photo(path), whole)
    path.write_bytes(data + b"rubbish" * 9)
    np.testing.assert_array_equal(load_photo(path), whole)
