"""Pictures of every kind become upright 8-bit RGB."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from face3d.errors import InputError
from talkinghead.media import image as image_module
from talkinghead.media.image import is_picture, iter_stills, load_photo
from talkinghead.media.video_file import video_stills

Save = Callable[..., Path]


def grey_of(picture: np.ndarray) -> np.ndarray:
    return np.repeat(np.asarray(Image.fromarray(picture).convert("L"))[..., None], 3, 2)


@pytest.mark.parametrize("name", ["x.png", "x.bmp", "x.tif", "x.ppm", "x.tga", "x"])
def test_lossless_formats(name: str, save_picture: Save, picture: np.ndarray) -> None:
    path = save_picture(name, format=None if "." in name else "PNG")
    result = load_photo(path)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, picture)


@pytest.mark.parametrize(("name", "options"), [("x.jpg", {"quality": 95}), ("x.webp", {"quality": 95}), ("x.avif", {})])
def test_lossy_formats(name: str, options: dict[str, int], save_picture: Save, picture: np.ndarray) -> None:
    difference = load_photo(save_picture(name, **options)).astype(int) - picture
    assert np.abs(difference).mean() < 6


def test_grey(save_picture: Save, picture: np.ndarray) -> None:
    np.testing.assert_array_equal(load_photo(save_picture("x.png", "L")), grey_of(picture))


def test_black_and_white(save_picture: Save) -> None:
    result = load_photo(save_picture("x.png", "1"))
    assert result.shape == (48, 64, 3)
    assert set(np.unique(result)) <= {0, 255}


def test_palette(save_picture: Save, picture: np.ndarray) -> None:
    result = load_photo(save_picture("x.gif", "P"))
    assert np.abs(result.astype(int) - picture).mean() < 30


def test_cmyk(save_picture: Save, picture: np.ndarray) -> None:
    assert np.abs(load_photo(save_picture("x.tif", "CMYK")).astype(int) - picture).mean() < 3


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_grey_16_bit(name: str, tmp_path: Path, picture: np.ndarray) -> None:
    values = picture[..., 0].astype(np.uint16) * 257
    Image.fromarray(values).save(tmp_path / name)
    np.testing.assert_array_equal(load_photo(tmp_path / name)[..., 1], picture[..., 0])


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_colour_16_bit(name: str, tmp_path: Path, picture: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / name), picture[..., ::-1].astype(np.uint16) * 257)
    assert np.abs(load_photo(tmp_path / name).astype(int) - picture).max() <= 1


def test_floating_point(tmp_path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture[..., 0].astype(np.float32) / 255).save(tmp_path / "grey.tif")
    np.testing.assert_array_equal(load_photo(tmp_path / "grey.tif")[..., 2], picture[..., 0])
    cv2.imwrite(str(tmp_path / "colour.tiff"), picture[..., ::-1].astype(np.float32) / 255)
    assert np.abs(load_photo(tmp_path / "colour.tiff").astype(int) - picture).max() <= 1


@pytest.mark.parametrize("name", ["x.png", "x.webp", "x.tif"])
def test_transparency_becomes_white(name: str, tmp_path: Path, picture: np.ndarray) -> None:
    alpha = np.full(picture.shape[:2], 255, np.uint8)
    alpha[:, 32:] = 0
    options = {"lossless": True} if name.endswith("webp") else {}
    Image.fromarray(np.dstack([picture, alpha])).save(tmp_path / name, **options)
    result = load_photo(tmp_path / name)
    np.testing.assert_array_equal(result[:, :32], picture[:, :32])
    assert (result[:, 32:] == 255).all()


def test_transparent_palette_and_grey(tmp_path: Path) -> None:
    image = Image.fromarray(np.zeros((4, 4), np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.save(tmp_path / "palette.png", transparency=0)
    assert (load_photo(tmp_path / "palette.png") == 255).all()
    Image.new("LA", (4, 4), (0, 128)).save(tmp_path / "grey.png")
    assert abs(int(load_photo(tmp_path / "grey.png")[0, 0, 0]) - 127) <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int, tmp_path: Path, picture: np.ndarray) -> None:
    upright = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.transpose(1, 0, 2),
        6: np.rot90(picture, -1),
        7: picture[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(picture),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(picture).save(tmp_path / "x.png", exif=exif)
    np.testing.assert_array_equal(load_photo(tmp_path / "x.png"), upright[orientation])


def test_colour_profiles(tmp_path: Path, picture: np.ndarray) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(picture).save(tmp_path / "srgb.png", icc_profile=srgb)
    np.testing.assert_array_equal(load_photo(tmp_path / "srgb.png"), picture)
    Image.fromarray(picture).save(tmp_path / "broken.png", icc_profile=b"no profile")
    np.testing.assert_array_equal(load_photo(tmp_path / "broken.png"), picture)


def test_the_first_picture_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert load_photo(tmp_path / "x.gif")[0, 0].tolist() == [255, 0, 0]


def test_an_8k_photo(tmp_path: Path) -> None:
    Image.new("RGB", (7680, 4320), "teal").save(tmp_path / "x.jpg")
    assert load_photo(tmp_path / "x.jpg").shape == (4320, 7680, 3)


def test_a_decompression_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save_picture: Save) -> None:
    monkeypatch.setattr(image_module, "MAX_PIXELS", 1000)
    with pytest.raises(InputError, match="too large"):
        load_photo(save_picture("x.png"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"Dear diary, today I renamed a text file.\n" * 30, "not a picture"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "damaged|not a picture"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heic", "HEIC"),
        (b"%PDF-1.4 nothing", "not a picture"),
    ],
    ids=["empty", "text", "header only", "heic", "pdf"],
)
def test_files_that_are_no_picture(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        load_photo(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("name", "share"), [("x.jpg", 0.5), ("x.png", 0.5), ("x.webp", 0.5), ("x.tif", 0.5)])
def test_cut_short(name: str, share: float, save_picture: Save) -> None:
    path = save_picture(name)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match="damaged or cut-short|not a picture"):
        load_photo(path)


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.webp", "x.tif", "x.avif", "x.gif", "x.heic"])
def test_damaged_files(name: str, save_picture: Save, capfd: pytest.CaptureFixture[str]) -> None:
    """Each is read or refused in a sentence, and OpenCV prints nothing."""
    if name == "x.heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    path = save_picture(name)
    content, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(content)
        for place in random.integers(0, len(data), random.integers(1, 20)):
            data[place] = random.integers(256)
        path.write_bytes(data)
        is_picture(path)
        with contextlib.suppress(InputError):
            assert load_photo(path).dtype == np.uint8
    assert "grfmt" not in capfd.readouterr().err


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        load_photo(tmp_path / "nothing.png")
    with pytest.raises(InputError, match="is a folder"):
        load_photo(tmp_path)


def test_what_is_a_picture(save_picture: Save, convert: Callable[..., Path], tmp_path: Path) -> None:
    assert is_picture(save_picture("x.jpg"))
    assert not is_picture(convert("x.mp4", "-f", "lavfi", "-i", "testsrc=size=64x48:duration=0.2", "-c:v", "libx264"))
    (tmp_path / "x.heic").write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heic")
    assert is_picture(tmp_path / "x.heic")


def test_stills_of_a_photo(save_picture: Save, picture: np.ndarray) -> None:
    (still,) = iter_stills(save_picture("x.png"))
    np.testing.assert_array_equal(still, picture)


def test_stills_of_a_video(convert: Callable[..., Path]) -> None:
    path = convert("x.mkv", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration=2", "-c:v", "ffv1")
    frames = list(video_stills(path, limit=4, step_seconds=0.4))
    assert [f.shape for f in frames] == [(48, 64, 3)] * 4
    assert not np.array_equal(frames[0], frames[1])
    assert len(list(iter_stills(path, limit=30, step_seconds=0.5))) == 4


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (270, 3)])
def test_a_phone_held_sideways(degrees: int, turns: int, convert: Callable[..., Path]) -> None:
    source = convert("flat.mp4", "-f", "lavfi", "-i", "testsrc=size=64x48:duration=0.2", "-c:v", "libx264")
    turned = convert("turned.mp4", "-display_rotation", str(degrees), "-i", f"file:{source}", "-c", "copy")
    (flat,) = video_stills(source, 1, 1)
    (upright,) = video_stills(turned, 1, 1)
    np.testing.assert_array_equal(upright, np.rot90(flat, turns))


def test_a_cut_video_gives_what_it_has(convert: Callable[..., Path]) -> None:
    path = convert("x.mkv", "-f", "lavfi", "-i", "testsrc=size=64x48:duration=2", "-c:v", "ffv1")
    path.write_bytes(path.read_bytes()[:-1500])
    assert len(list(video_stills(path, 100, 0.1))) > 2


@pytest.mark.parametrize("name", ["x.txt", "x.jpg", "x.mp4"])
def test_text_is_neither_picture_nor_video(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("just words\n" * 100)
    with pytest.raises(InputError, match=name):
        list(iter_stills(tmp_path / name))


def test_sound_is_neither_picture_nor_video(convert: Callable[..., Path]) -> None:
    path = convert("x.wav", "-f", "lavfi", "-i", "sine=duration=0.2")
    with pytest.raises(InputError, match="sound but no pictures"):
        list(iter_stills(path))
