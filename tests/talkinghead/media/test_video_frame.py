"""Frames are upright, undistorted and of a screen's colours, for fits of videos and for photos taken from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from talkinghead.media.pictures.screen_colour import Tags, light_to_srgb, to_srgb
from talkinghead.media.video_file import VideoFile, video_stills

Convert = Callable[..., Path]
TESTSRC = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.2")


def first_frame(path: Path) -> np.ndarray:
    """Which both ways of reading give alike."""
    video = VideoFile.open(path)
    with video.read() as frames:
        frame = next(frames)
    assert frame.shape[1::-1] == video.size
    np.testing.assert_array_equal(next(video_stills(path, 1, 1.0)), frame)
    return frame


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_display_matrices(degrees: int, mirror: bool, flip: bool, convert: Convert) -> None:
    """A phone's front camera mirrors; ffmpeg turns the frame by the matrix itself, and is the reference."""
    source = convert("a.mp4", *TESTSRC, "-c:v", "libx264", "-crf", "4")
    options = ["-display_rotation", str(degrees), *["-display_hflip"] * mirror, *["-display_vflip"] * flip]
    path = convert("m.mp4", *options, "-i", f"file:{source}", "-c", "copy")
    turned = convert("m.mkv", "-i", f"file:{path}", "-c:v", "ffv1", "-pix_fmt", "yuv420p")
    frame, reference = first_frame(path).astype(int), first_frame(turned)
    assert frame.shape == reference.shape
    assert np.abs(frame - reference).mean() < 2  # chroma lies elsewhere once it has been turned


@pytest.mark.parametrize(
    ("name", "size", "shape", "shown"),
    [
        ("s.mpg", "720x576", "64/45", (1024, 576)),
        ("s.mkv", "720x576", "16/15", (768, 576)),
        ("s.ts", "360x270", "4/3", (480, 270)),
        ("s.mp4", "720x480", "8/9", (640, 480)),
    ],
)
def test_pixels_that_are_not_square(name: str, size: str, shape: str, shown: tuple[int, int], convert: Convert) -> None:
    codec = "mpeg2video" if name == "s.mpg" else "libx264"
    path = convert(name, "-f", "lavfi", "-i", f"testsrc=s={size}:r=25:d=0.2", "-vf", f"setsar={shape}", "-c:v", codec)
    assert first_frame(path).shape[1::-1] == shown


def test_a_photo_of_an_interlaced_video_has_no_combs(convert: Convert) -> None:
    bar = "color=gray:s=24x96:r=50:d=0.6[b];color=black:s=128x96:r=50:d=0.6[a];[a][b]overlay=x='mod(n,24)*4'"
    path = convert(
        "i.mpg", "-f", "lavfi", "-i", f"{bar},interlace=lowpass=off", "-c:v", "mpeg2video", "-flags", "+ilme+ildct"
    )
    grey = np.mean([frame.mean(-1) for frame in video_stills(path, 5, 0.04)], axis=0)
    assert np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean() < 1


def test_a_part_of_another_shape_is_put_on_black(tmp_path: Path, convert: Convert) -> None:
    """A phone that is turned while it records: nothing is stretched."""
    parts = []
    for index, size in enumerate(("96x48", "48x96", "48x24", "64x48")):
        source = ("-f", "lavfi", "-i", f"color=white:s={size}:r=25:d=0.2")
        parts.append(convert(f"{index}.m2v", *source, "-c:v", "mpeg2video", "-q:v", "1"))
    joined = tmp_path / "j.m2v"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with VideoFile.open(joined).read() as frames:
        pictures = list(frames)
    assert {picture.shape for picture in pictures} == {(48, 96, 3)}
    widths = [int((picture[24, :, 1] > 128).sum()) for picture in pictures]
    assert widths[::5] == pytest.approx([96, 24, 96, 64], abs=2)
    assert pictures[7][:, 48].min() > 200  # from top to bottom
    assert pictures[7][:, :30].max() < 20


def test_pixels_that_change_their_shape(tmp_path: Path, convert: Convert) -> None:
    """Television that goes from 4:3 to 16:9 with as many pixels."""
    parts = []
    for index, shape in enumerate(("16/15", "64/45")):
        source = ("-f", "lavfi", "-i", "color=white:s=180x144:r=25:d=0.4", "-vf", f"setsar={shape}")
        parts.append(convert(f"{index}.m2v", *source, "-c:v", "mpeg2video", "-bf", "0"))
    joined = tmp_path / "j.m2v"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with VideoFile.open(joined).read() as frames:
        pictures = list(frames)
    heights = [int((picture[:, 96, 1] > 128).sum()) for picture in pictures]
    assert pictures[0].shape == (144, 192, 3)
    assert (heights[0], heights[-1]) == (144, 108)


def test_an_interlaced_video_that_changes_its_size(tmp_path: Path, convert: Convert) -> None:
    parts = []
    for index, size in enumerate(("96x64", "64x64")):
        source = ("-f", "lavfi", "-i", f"color=white:s={size}:r=25:d=0.4")
        parts.append(convert(f"{index}.m2v", *source, "-c:v", "mpeg2video", "-flags", "+ilme+ildct"))
    joined = tmp_path / "j.m2v"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with VideoFile.open(joined).read() as frames:
        assert sum(1 for _ in frames) == pytest.approx(20, abs=2)


@pytest.mark.parametrize(
    ("size", "matrix"), [("1280x720", "bt709"), ("1280x544", "bt709"), ("608x1080", "bt709"), ("640x480", "bt601")]
)
def test_the_matrix_of_videos_that_do_not_say(size: str, matrix: str, convert: Convert) -> None:
    source = ("-f", "lavfi", "-i", f"color=c=0x3C78C8:s={size}:d=0.1,format=rgb24")
    tags = f"scale=out_color_matrix={matrix}:out_range=tv,format=yuv444p,setparams=colorspace=unknown"
    path = convert("u.mp4", *source, "-vf", tags, "-c:v", "libx264", "-crf", "1")
    np.testing.assert_allclose(first_frame(path).mean((0, 1)), (0x3C, 0x78, 0xC8), atol=2)


# Grey and colours of a face, each a square of 16 pixels.
COLOURS = ((60, 60, 60), (200, 150, 120), (40, 90, 160), (235, 235, 235))


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67", "iec61966-2-1"])
@pytest.mark.parametrize("name", ["h.mp4", "h.mkv", "h.webm"])
def test_high_dynamic_range_and_wide_gamut(name: str, transfer: str, tmp_path: Path, convert: Convert) -> None:
    """What was sRGB with white at 203 nits looks as before; only the brightest is compressed a little."""
    picture = np.repeat(np.repeat(np.uint8([COLOURS]), 32, axis=0), 32, axis=1)
    raw = tmp_path / "p.rgb"
    raw.write_bytes(picture.tobytes())
    primaries, matrix = ("smpte432", "bt709") if transfer == "iec61966-2-1" else ("bt2020", "bt2020nc")
    linear = "zscale=t=linear:npl=203:p=bt709:m=gbr:r=full:tin=iec61966-2-1:pin=bt709:min=gbr:rin=full,format=gbrpf32le"
    target = f"zscale=t={transfer}:p={primaries}:m={matrix}:r=limited:npl=203:agamma=0,format=yuv420p10le"
    codec = ("-c:v", "libvpx-vp9") if name == "h.webm" else ("-c:v", "libx265", "-x265-params", "log-level=none")
    tags = ("-color_primaries", primaries, "-color_trc", transfer, "-colorspace", matrix, "-color_range", "tv")
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "128x32", "-i", str(raw))
    path = convert(name, *source, "-vf", f"format=gbrp,{linear},{target}", *codec, "-crf", "5", *tags)
    frame = first_frame(path).astype(int)
    for index, colour in enumerate(COLOURS):
        middle = frame[10:22, 32 * index + 10 : 32 * index + 22].mean((0, 1))
        np.testing.assert_allclose(middle, colour, atol=12 if index == 3 else 6)


def test_light_beyond_white_keeps_its_order() -> None:
    light = np.repeat(np.linspace(0, 5, 200, dtype=np.float32)[None, :, None], 3, axis=2)
    levels = light_to_srgb(light)[0, :, 0].astype(int)
    assert (np.diff(levels) >= 0).all()
    assert levels[40] < levels[60] <= 255
    np.testing.assert_array_equal(light_to_srgb(np.ones((1, 1, 3), np.float32)), 255)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_usual_colours_are_left_alone(kind: type) -> None:
    values = (np.arange(48).reshape(4, 4, 3) * np.iinfo(kind).max // 47).astype(kind)
    for tags in (Tags(1, 1), Tags(2, 2), Tags(6, 6), Tags(5, 4), Tags(1, 13)):
        np.testing.assert_array_equal(to_srgb(values, tags), values // (257 if kind is np.uint16 else 1))
