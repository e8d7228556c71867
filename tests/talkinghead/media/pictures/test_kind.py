"""Which pictures are read, by their content, and what is said of the others."""

from __future__ import annotations

import logging
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from face3d.errors import InputError
from talkinghead.media.image import is_picture, iter_stills, load_photo
from talkinghead.media.pictures import kind as picture_kind
from talkinghead.media.pictures.tiff_tags import read_tiff_header
from tests.talkinghead.media.conftest import make_profile

Save = Callable[..., Path]


def tiff(order: str, first: dict[int, int], second: dict[int, int] | None = None, magic: bytes | None = None) -> bytes:
    """A TIFF file of 160 x 120 grey pixels with one directory, and one within it (tag 330)."""

    def directory(tags: dict[int, int]) -> bytes:
        entries = [struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in sorted(tags.items())]
        return struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)

    usual = {256: 160, 257: 120, 258: 8, 259: 1, 262: 1, 273: 1000, 277: 1, 278: 120, 279: 19200}
    head = magic or (b"II*\0" if order == "<" else b"MM\0*")
    data = head + struct.pack(f"{order}I", 8) + directory(usual | first | ({330: 500} if second else {}))
    return data.ljust(500, b"\0") + directory(second or {}).ljust(500, b"\0") + bytes(19200)


RAW_FILES = {
    "nikon": tiff("<", {254: 1}, {256: 6000, 257: 4000, 259: 34713, 262: 32803}),
    "sony": tiff("<", {254: 1}, {259: 32767, 262: 32803}),
    "big-endian": tiff(">", {254: 1}, {262: 32803}),
    "linear DNG": tiff(">", {50706: 0x01040000}, {262: 34892}),
    "DNG without a preview": tiff("<", {50706: 0x01040000, 262: 32803}),
    "canon": tiff("<", {}).replace(b"II*\0\x08\0\0\0", b"II*\0\x10\0\0\0CR\x02\0"),
    "olympus": tiff("<", {}, magic=b"IIRO"),
    "panasonic": tiff("<", {}, magic=b"IIU\0"),
    "fuji": b"FUJIFILMCCD-RAW 0201FF383001" + bytes(500),
    "canon 3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(500),
}


@pytest.mark.parametrize("kind", RAW_FILES)
@pytest.mark.parametrize("name", ["x.dng", "x.jpg"])
def test_raw_files(kind: str, name: str, tmp_path: Path) -> None:
    """Not the small preview that stands in front of the photo."""
    (tmp_path / name).write_bytes(RAW_FILES[kind])
    assert is_picture(tmp_path / name)
    with pytest.raises(InputError, match="is a camera's raw file; export it as JPEG"):
        load_photo(tmp_path / name)


def test_usual_tiff_files_are_no_raw_files(tmp_path: Path, picture: np.ndarray) -> None:
    for order in "<>":
        (tmp_path / "x.tif").write_bytes(tiff(order, {}, {254: 1}))
        assert load_photo(tmp_path / "x.tif").shape == (120, 160, 3)
    for compression in ("tiff_lzw", "jpeg", "tiff_deflate", "packbits"):
        Image.fromarray(picture).save(tmp_path / "x.tif", compression=compression)
        assert load_photo(tmp_path / "x.tif").shape == picture.shape


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "a document"),
        (b"\xc5\xd0\xd3\xc6" + bytes(100), "a document"),
        (b"%PDF-1.7\n" + bytes(100), "a document"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a drawing .SVG."),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x --><svg/>', "a drawing .SVG."),
        (b"v/1\x01" + bytes(100), "OpenEXR"),
        (b"\xff\x0a" + bytes(100), "JPEG XL"),
    ],
    ids=["ps", "eps", "pdf", "svg", "svg with mark", "exr", "jxl"],
)
def test_what_is_not_read_says_so(content: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", None)  # Pillow would run Ghostscript
    for name in ("x.jpg", "x.eps", "x.svg"):
        (tmp_path / name).write_bytes(content)
        assert is_picture(tmp_path / name)
        with pytest.raises(InputError, match=words):
            load_photo(tmp_path / name)


def test_pillow_opens_nothing_that_runs_programs() -> None:
    Image.init()
    allowed = {*picture_kind.QUICK_FORMATS, *picture_kind.OTHER_FORMATS}
    assert not allowed & {"EPS", "WMF", "FITS", "MSP", "FPX", "MIC", "GRIB", "HDF5", "BUFR", "IPTC", "MPEG"}
    assert len(allowed & set(Image.OPEN)) > 12


def heic(path: Path, picture: np.ndarray, orientation: int = 1, **options: object) -> Path:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.info["exif"] = exif.tobytes()  # so that the file's own transformation is written too, as phones do
    image.save(path, format="HEIF", quality=95, chroma=444, **options)
    return path


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (6, 1), (3, 2), (8, 3)])
def test_heic(orientation: int, turn: int, tmp_path: Path, picture: np.ndarray) -> None:
    path = heic(tmp_path / "x.heic", np.rot90(picture, turn), orientation)
    assert is_picture(path)
    result = load_photo(path)
    assert result.shape == picture.shape
    assert np.abs(result.astype(int) - picture).mean() < 3


def test_heic_of_high_dynamic_range(tmp_path: Path) -> None:
    grey = np.full((64, 64, 3), 148, np.uint8)  # 203 nits in PQ
    tags = {"color_primaries": 9, "transfer_characteristics": 16, "matrix_coefficients": 9, "full_range_flag": 1}
    assert load_photo(heic(tmp_path / "x.heic", grey, **tags)).mean() == pytest.approx(247, abs=3)


def test_heic_without_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    picture_kind.other_formats.cache_clear()
    try:
        for brands in (b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0heicmiaf", b"msf1\0\0\0\0hevcmsf1"):
            (tmp_path / "x.jpg").write_bytes(b"\0\0\0\x18ftyp" + brands + bytes(100))
            assert is_picture(tmp_path / "x.jpg")
            with pytest.raises(InputError, match="x.jpg is a HEIC photo: .*pip install pillow-heif"):
                load_photo(tmp_path / "x.jpg")
    finally:
        picture_kind.other_formats.cache_clear()


def test_a_damaged_heic(tmp_path: Path, picture: np.ndarray) -> None:
    path = heic(tmp_path / "x.heic", picture)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="x.heic is a .*damaged"):
        load_photo(path)


@pytest.mark.parametrize(
    "content",
    [
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 60000 +X 50000\n" + bytes(99),
        b"PF\n50000 60000\n-1.0\n" + bytes(99),
        tiff("<", {256: 50000, 257: 60000, 258: 16, 259: 5, 277: 3}),
        b"II+\0\x08\0\0\0\x10"
        + bytes(7)
        + struct.pack("<QHHQQHHQQ", 2, 256, 4, 1, 50000, 257, 4, 1, 60000)
        + bytes(99),
    ],
    ids=["hdr", "pfm", "tiff", "big tiff"],
)
def test_the_declared_size_is_checked_before_anything_is_decoded(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "imdecode", None)
    (tmp_path / "x.tif").write_bytes(content)
    with pytest.raises(InputError, match="is too large"):
        load_photo(tmp_path / "x.tif")


def test_a_picture_that_is_too_large_is_not_called_damaged(tmp_path: Path) -> None:
    Image.new("1", (12000, 11000)).save(tmp_path / "x.png")
    with pytest.raises(InputError, match=r"x.png is too large \(12000 x 11000\): at most 120 megapixels"):
        load_photo(tmp_path / "x.png")


def test_a_small_file_of_a_huge_picture(tmp_path: Path) -> None:
    Image.new("1", (6000, 5000)).save(tmp_path / "x.png")
    with pytest.raises(InputError, match="declares 6000 x 5000 pixels but has only"):
        load_photo(tmp_path / "x.png")


def test_headers_of_damaged_tiff_files(tmp_path: Path) -> None:
    """Whatever their bytes say, reading them ends and raises nothing."""
    random = np.random.default_rng(0)
    whole = tiff("<", {254: 1}, {262: 32803, 34675: 1 << 30})
    for _ in range(300):
        data = bytearray(whole)
        for place in random.integers(4, 700, 8):
            data[place] = random.integers(256)
        (tmp_path / "x.tif").write_bytes(data[: random.integers(8, 1200)])
        read_tiff_header(tmp_path / "x.tif")


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_and_profile_of_what_opencv_reads(
    orientation: int, tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TIFF of kinds that Pillow does not know; here, of any."""
    monkeypatch.setattr(picture_kind, "OTHER_FORMATS", ("WEBP",))
    picture_kind.other_formats.cache_clear()
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.rot90(picture, {1: 0, 6: 1, 3: 2, 8: 3}[orientation])
    profile = make_profile(1.0)
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "x.tif", exif=exif)
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "y.tif", exif=exif, icc_profile=profile)
    try:
        np.testing.assert_array_equal(load_photo(tmp_path / "x.tif"), picture)
        assert load_photo(tmp_path / "y.tif").mean() > picture.mean() + 20  # linear, so brighter
    finally:
        picture_kind.other_formats.cache_clear()


def test_numbers_that_are_none(tmp_path: Path, picture: np.ndarray) -> None:
    values = picture.astype(np.float32) / 255
    values[0, :3] = np.float32([np.nan, np.inf, -np.inf])[:, None]
    cv2.imwrite(str(tmp_path / "colour.tiff"), values[..., ::-1])
    Image.fromarray(np.ascontiguousarray(values[..., 0])).save(tmp_path / "grey.tif")
    for name in ("colour.tiff", "grey.tif"):
        with np.errstate(invalid="raise"):
            result = load_photo(tmp_path / name)
        assert result[0, :3, 0].tolist() == [0, 255, 0]
        assert np.abs(result[1:, :, 0].astype(int) - picture[1:, :, 0]).max() <= 1


@pytest.mark.parametrize("name", ["x.gif", "x.png", "x.webp"])
def test_an_animation_is_told(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    with caplog.at_level(logging.INFO):
        (still,) = iter_stills(tmp_path / name)
    assert "is an animation: only its first picture is used" in caplog.text
    assert still[4, 4, 0] > 200
