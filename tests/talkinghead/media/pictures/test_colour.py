"""Colour profiles and code points of photos."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from talkinghead.media.image import load_photo
from tests.talkinghead.media.conftest import make_profile

Columns = tuple[tuple[float, float, float], ...]
# (X, Y, Z) of red, green and blue under the profile connection space's white.
P3: Columns = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
PROPHOTO: Columns = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))


def in_profile(picture: np.ndarray, profile: bytes) -> Image.Image:
    """The picture's colours as values of the profile."""
    target = ImageCms.ImageCmsProfile(BytesIO(profile))
    result = ImageCms.profileToProfile(Image.fromarray(picture), ImageCms.createProfile("sRGB"), target)
    assert result is not None
    return result


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """Colours that all profiles hold, in few enough shades for a palette."""
    y, x = np.mgrid[:16, :15]
    return np.stack([90 + 9 * x, 70 + 8 * y, 60 + 5 * (x + y)], -1).astype(np.uint8)


@pytest.mark.parametrize(
    "profile",
    [make_profile(1.0), make_profile(1.8), make_profile(2.2, P3, b"Display P3"), make_profile(1.8, PROPHOTO, b"ROMM")],
    ids=["linear sRGB", "sRGB of gamma 1.8", "P3", "ProPhoto"],
)
@pytest.mark.parametrize("kind", ["RGB.png", "RGBA.png", "P.png", "RGB.tif", "RGB.webp", "P.tif"])
def test_profiles_count_whatever_they_are_called(
    kind: str, profile: bytes, portrait: np.ndarray, tmp_path: Path
) -> None:
    mode, ending = kind.split(".")
    image = in_profile(portrait, profile)
    image = image.quantize(256) if mode == "P" else image.convert(mode)
    options = {"lossless": True} if ending == "webp" else {}
    image.save(tmp_path / f"x.{ending}", icc_profile=profile, **options)
    limit = 10 if mode == "P" else 3
    difference = load_photo(tmp_path / f"x.{ending}").astype(int) - portrait
    assert np.abs(difference).max() <= limit
    assert np.abs(difference.mean((0, 1))).max() < 1


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
@pytest.mark.parametrize("kind", ["L.png", "L.jpg", "LA.png", "16.png", "16.tif"])
def test_grey_profiles(kind: str, gamma: float, tmp_path: Path) -> None:
    mode, ending = kind.split(".")
    shown = np.tile(np.arange(20, 250, 10, dtype=np.float64), (16, 1)).repeat(4, axis=1)
    light = np.where(shown / 255 <= 0.04045, shown / 255 / 12.92, ((shown / 255 + 0.055) / 1.055) ** 2.4)
    values = light ** (1 / gamma)
    image = Image.fromarray(np.round(values * 255).astype(np.uint8))
    if mode == "16":
        image = Image.fromarray(np.round(values * 65535).astype(np.uint16))
    elif mode == "LA":
        image.putalpha(255)
    quality = {"quality": 100} if ending == "jpg" else {}
    image.save(tmp_path / f"x.{ending}", icc_profile=make_profile(gamma, None, b"Gray"), **quality)
    result = load_photo(tmp_path / f"x.{ending}").astype(int)
    assert (result == result[..., :1]).all()
    # A step of linear grey of 8 bits is several levels in the dark.
    assert np.abs(result[..., 0] - shown).max() <= (5 if gamma == 1 and mode != "16" else 2)
    assert abs((result[..., 0] - shown).mean()) < 1


def test_grey_with_a_profile_of_colours(tmp_path: Path) -> None:
    profile = make_profile(1.0)
    Image.new("L", (8, 8), 55).save(tmp_path / "x.png", icc_profile=profile)
    assert load_photo(tmp_path / "x.png")[0, 0].tolist() == pytest.approx([128] * 3, abs=2)


@pytest.mark.parametrize(
    "profile", [make_profile(1.0, None), make_profile(1.0)[:200], b"x" * 400, make_profile(1.0)[:128]]
)
def test_profiles_that_do_not_fit_or_are_broken(profile: bytes, portrait: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(portrait).save(tmp_path / "x.png", icc_profile=profile)
    np.testing.assert_array_equal(load_photo(tmp_path / "x.png"), portrait)


def test_a_profile_of_srgb_changes_nothing(portrait: np.ndarray, tmp_path: Path) -> None:
    """Whichever of the many: no value is rounded twice."""
    Image.fromarray(portrait).save(
        tmp_path / "x.png", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    )
    np.testing.assert_array_equal(load_photo(tmp_path / "x.png"), portrait)


def test_transparency_stays_beside_a_profile(portrait: np.ndarray, tmp_path: Path) -> None:
    profile = make_profile(1.0)
    image = in_profile(portrait, profile).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 8, 16))
    image.save(tmp_path / "x.png", icc_profile=profile)
    result = load_photo(tmp_path / "x.png")
    assert (result[:, :8] == 255).all()
    assert np.abs(result[:, 8:].astype(int) - portrait[:, 8:]).max() <= 3


def with_code_points(path: Path, primaries: int, transfer: int) -> None:
    """Put a cICP chunk after a PNG's header."""
    data = path.read_bytes()
    chunk = b"cICP" + bytes([primaries, transfer, 0, 1])
    path.write_bytes(data[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:])


def test_code_points_of_png(tmp_path: Path) -> None:
    """Screenshots of HDR screens; 58 % of the PQ signal are 203 nits, 75 % of HLG."""
    for transfer, value in ((16, 148), (18, 191)):
        Image.new("RGB", (8, 8), (value,) * 3).save(tmp_path / "x.png")
        with_code_points(tmp_path / "x.png", 9, transfer)
        assert load_photo(tmp_path / "x.png")[0, 0].tolist() == pytest.approx([247] * 3, abs=3)
    Image.new("RGB", (8, 8), (200, 100, 50)).save(tmp_path / "x.png")
    with_code_points(tmp_path / "x.png", 1, 13)
    assert load_photo(tmp_path / "x.png")[0, 0].tolist() == [200, 100, 50]


@pytest.mark.parametrize(("transfer", "primaries"), [("smpte2084", "bt2020"), ("iec61966-2-1", "smpte432")])
@pytest.mark.parametrize("brand", [b"avif", b"mif1"])
def test_code_points_of_avif(transfer: str, primaries: str, brand: bytes, convert: Callable[..., Path]) -> None:
    """Also where the main brand is that of any HEIF and only the compatible ones tell that it is AVIF."""
    linear = "zscale=t=linear:npl=203:p=bt709:m=gbr:r=full:tin=iec61966-2-1:pin=bt709:min=gbr:rin=full,format=gbrpf32le"
    target = f"zscale=t={transfer}:p={primaries}:m=bt709:r=full:npl=203,format=yuv444p10le"
    source = ("-f", "lavfi", "-i", "color=c=0xC89678:s=64x64,format=gbrp", "-vf", f"{linear},{target}")
    tags = ("-color_primaries", primaries, "-color_trc", transfer, "-colorspace", "bt709", "-color_range", "pc")
    codec = ("-frames:v", "1", "-c:v", "libaom-av1", "-still-picture", "1", "-crf", "2", "-cpu-used", "8")
    path = convert("x.avif", *source, *codec, *tags)
    data = path.read_bytes()
    path.write_bytes(data[:8] + brand + data[12:])
    assert load_photo(path)[32, 32].tolist() == pytest.approx([0xC8, 0x96, 0x78], abs=7)


@pytest.mark.parametrize("name", ["x.hdr", "x.pfm"])
def test_linear_light(name: str, portrait: np.ndarray, tmp_path: Path) -> None:
    light = np.where(portrait / 255 <= 0.04045, portrait / 255 / 12.92, ((portrait / 255 + 0.055) / 1.055) ** 2.4)
    cv2.imwrite(str(tmp_path / name), light[..., ::-1].astype(np.float32))
    assert np.abs(load_photo(tmp_path / name).astype(int) - portrait).max() <= 2
    cv2.imwrite(str(tmp_path / name), 8 * light[..., ::-1].astype(np.float32))
    brighter = load_photo(tmp_path / name).astype(int)
    assert (brighter >= portrait).all()
    assert brighter.std() > 5
