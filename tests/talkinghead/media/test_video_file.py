"""Videos of every kind, as upright RGB frames at a constant rate."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from face3d.errors import InputError
from talkinghead.media.video_file import Damage, VideoFile

Convert = Callable[..., Path]
# Grey levels that tell a frame's number.
LEVEL, STEP = 20, 9


def write_film(path: Path, count: int, fps: int = 25, size: tuple[int, int] = (64, 48), **options: str) -> Path:
    """A video whose frame i is grey, `LEVEL + STEP * i`, with a white upper left corner."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "4", "preset": "ultrafast", **options})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index in range(count):
            picture = np.full((size[1], size[0], 3), LEVEL + STEP * (index % 24), np.uint8)
            picture[: size[1] // 4, : size[0] // 4] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    return path


def number_of(frame: np.ndarray) -> int:
    height, width = frame.shape[:2]
    return round((float(frame[height // 3 : -height // 3, width // 3 : -width // 3].mean()) - LEVEL) / STEP)


def numbers(video: VideoFile, start: int = 0, damage: Damage | None = None) -> list[int]:
    with video.read(start, damage) as frames:
        return [number_of(frame) for frame in frames]


def corner_of(frame: np.ndarray) -> tuple[int, int]:
    """Which corner is white: (bottom, right) as 0 or 1."""
    tall, wide = frame.shape[0] // 8, frame.shape[1] // 8
    levels = {
        (0, 0): frame[:tall, :wide],
        (0, 1): frame[:tall, -wide:],
        (1, 0): frame[-tall:, :wide],
        (1, 1): frame[-tall:, -wide:],
    }
    return max(levels, key=lambda corner: levels[corner].mean())


def test_every_frame_once(tmp_path: Path) -> None:
    video = VideoFile.open(write_film(tmp_path / "a.mp4", 20))
    assert (video.fps, video.size, video.announced, video.has_sound) == (25, (64, 48), 20, False)
    damage = Damage()
    assert numbers(video, damage=damage) == list(range(20))
    assert damage.sentence(video) is None
    with video.read() as frames:
        first = next(frames)
    assert (first.dtype, first.shape) == (np.uint8, (48, 64, 3))
    assert first.flags.c_contiguous


@pytest.mark.parametrize("start", [1, 7, 19, 20, 99])
def test_starting_later_gives_the_same_frames(start: int, tmp_path: Path) -> None:
    video = VideoFile.open(write_film(tmp_path / "a.mp4", 20))
    assert numbers(video, start) == list(range(start, 20))


def test_leaving_early_leaves_no_thread(tmp_path: Path) -> None:
    video = VideoFile.open(write_film(tmp_path / "a.mp4", 20))
    before = threading.active_count()
    with video.read() as frames:
        next(frames)
    assert threading.active_count() == before


def test_a_variable_rate_becomes_constant(tmp_path: Path, convert: Convert) -> None:
    """Ten frames at 25 per second, then ten at 5 per second: 0.4 s and 2 s."""
    source = write_film(tmp_path / "a.mp4", 20)
    slow = "setpts='if(lt(N,10),N,10+(N-10)*5)/25/TB'"
    path = convert("v.mkv", "-i", str(source), "-vf", slow, "-fps_mode", "vfr", "-crf", "4")
    video = VideoFile.open(path)
    seen = numbers(video)
    ticks_per_frame = float(video.fps) / 5
    assert sorted(set(seen)) == list(range(20))
    assert seen == sorted(seen)
    assert len(seen) / float(video.fps) == pytest.approx(0.4 + 1.8, abs=0.1)
    for number in range(11, 19):
        assert seen.count(number) == pytest.approx(ticks_per_frame, abs=1)


# Degrees as phones write them, and where the white corner must go.
@pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (270, (0, 1))])
def test_rotation(degrees: int, corner: tuple[int, int], tmp_path: Path, convert: Convert) -> None:
    source = write_film(tmp_path / "a.mp4", 3)
    path = convert("r.mp4", "-display_rotation", str(degrees), "-i", str(source), "-c", "copy")
    video = VideoFile.open(path)
    assert video.size == ((48, 64) if degrees % 180 else (64, 48))
    with video.read() as frames:
        frame = next(frames)
    assert frame.shape[1::-1] == video.size
    assert corner_of(frame) == corner


@pytest.mark.parametrize(("codec", "pixels"), [("libx265", "yuv420p10le"), ("libx264", "yuv422p10le")])
def test_ten_bits(codec: str, pixels: str, tmp_path: Path, convert: Convert) -> None:
    source = write_film(tmp_path / "a.mp4", 5)
    path = convert("t.mp4", "-i", str(source), "-c:v", codec, "-pix_fmt", pixels, "-preset", "ultrafast", "-crf", "4")
    video = VideoFile.open(path)
    assert numbers(video) == list(range(5))


def combing(frame: np.ndarray) -> float:
    """How much neighbouring lines differ beyond every second one."""
    grey = frame.mean(-1)
    return float(np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("i.mp4", ("-c:v", "libx264", "-x264-params", "interlaced=1", "-crf", "4")),
        ("i.mpg", ("-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-q:v", "2")),
    ],
)
def test_interlaced(name: str, options: tuple[str, ...], convert: Convert) -> None:
    """A bar that moves between the two half pictures shows combs, unless they are taken apart."""
    bar = "color=gray:s=24x96:r=50:d=0.6[b];color=black:s=128x96:r=50:d=0.6[a];[a][b]overlay=x='mod(n,24)*4'"
    source = ("-f", "lavfi", "-i", f"{bar},interlace=lowpass=off")
    path = convert(name, *source, *options, "-r", "25")
    with av.open(str(path)) as container:
        raw = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    video = VideoFile.open(path)
    with video.read() as frames:
        pictures = list(frames)
    assert len(pictures) == len(raw) == 15
    assert video.fps == 25
    combed = np.mean([combing(frame) for frame in raw[2:-2]])
    assert combed > 3
    assert np.mean([combing(frame) for frame in pictures[2:-2]]) < 0.4 * combed


def test_pixels_that_are_not_square(tmp_path: Path, convert: Convert) -> None:
    source = write_film(tmp_path / "a.mp4", 3)
    video = VideoFile.open(convert("s.mp4", "-i", str(source), "-vf", "setsar=3/2", "-crf", "4"))
    assert video.size == (96, 48)
    with video.read() as frames:
        assert next(frames).shape == (48, 96, 3)


def test_odd_sizes(tmp_path: Path, convert: Convert) -> None:
    source = write_film(tmp_path / "a.mp4", 3)
    video = VideoFile.open(convert("o.mkv", "-i", str(source), "-vf", "format=yuv444p,crop=63:47", "-c:v", "ffv1"))
    assert video.size == (63, 47)
    assert numbers(video) == [0, 1, 2]


def test_four_k(tmp_path: Path) -> None:
    video = VideoFile.open(write_film(tmp_path / "k.mp4", 2, size=(3840, 2160)))
    assert video.size == (3840, 2160)
    assert numbers(video) == [0, 1]


def test_a_single_frame(tmp_path: Path) -> None:
    video = VideoFile.open(write_film(tmp_path / "a.mp4", 1))
    assert numbers(video) == [0]


def test_colours_are_those_that_were_written(convert: Convert) -> None:
    source = ("-f", "lavfi", "-i", "color=c=0xC02040:s=64x48:d=0.2,format=rgb24")
    tags = "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,setparams=colorspace=bt709:range=tv"
    video = VideoFile.open(convert("c.mp4", *source, "-vf", tags, "-c:v", "libx264", "-crf", "1"))
    with video.read() as frames:
        np.testing.assert_allclose(next(frames).mean((0, 1)), (0xC0, 0x20, 0x40), atol=3)


def test_the_size_of_the_first_frame_holds_for_all(tmp_path: Path, convert: Convert) -> None:
    """MPEG streams may be joined; the second part here is smaller."""
    small, large = write_film(tmp_path / "s.mp4", 3, size=(32, 24)), write_film(tmp_path / "l.mp4", 3)
    parts = [convert(f"{p.stem}.m2v", "-i", str(p), "-c:v", "mpeg2video", "-q:v", "1") for p in (large, small)]
    joined = tmp_path / "j.m2v"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    video = VideoFile.open(joined)
    with video.read() as frames:
        sizes = {frame.shape for frame in frames}
    assert sizes == {(48, 64, 3)}


def test_sound_is_noticed(convert: Convert) -> None:
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=0.2:r=25", "-f", "lavfi", "-i", "sine=d=0.2")
    assert VideoFile.open(convert("s.mp4", *source, "-c:a", "aac")).has_sound


def test_a_file_that_is_cut_short(tmp_path: Path, convert: Convert) -> None:
    source = ("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=4", "-crf", "10", "-movflags", "+faststart")
    whole = convert("w.mp4", *source)
    path = tmp_path / "t.mp4"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    video, damage = VideoFile.open(path), Damage()
    with video.read(damage=damage) as frames:
        count = sum(1 for _ in frames)
    assert 10 < count < 90
    sentence = damage.sentence(video)
    assert sentence is not None
    assert "cut short or damaged" in sentence
    assert f"{count / 25:.1f} of 4.0 s" in sentence


def test_a_hole_in_a_file(tmp_path: Path, convert: Convert) -> None:
    source = (
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=128x96:r=25:d=2",
        "-c:v",
        "libx264",
        "-g",
        "5",
        "-bf",
        "0",
        "-f",
        "mpegts",
    )
    data = bytearray(convert("w.ts", *source).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    (tmp_path / "h.ts").write_bytes(data)
    with VideoFile.open(tmp_path / "h.ts").read() as frames:
        assert sum(1 for _ in frames) > 35


@pytest.mark.parametrize(
    ("arguments", "name", "words"),
    [
        (("-f", "lavfi", "-i", "sine=d=0.2"), "a.wav", "sound but no pictures"),
        (("-f", "lavfi", "-i", "sine=d=0.2"), "a.mp3", "sound but no pictures"),
    ],
)
def test_files_without_pictures(arguments: tuple[str, ...], name: str, words: str, convert: Convert) -> None:
    with pytest.raises(InputError, match=words):
        VideoFile.open(convert(name, *arguments))


def test_a_cover_is_no_video(convert: Convert) -> None:
    cover = convert("c.png", "-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", "1")
    inputs = ("-f", "lavfi", "-i", "sine=d=0.2", "-i", str(cover))
    path = convert("m.mp3", *inputs, "-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic")
    with pytest.raises(InputError, match="sound but no pictures"):
        VideoFile.open(path)


@pytest.mark.parametrize("content", [b"", b"words, not pictures\n" * 50, b"\x00\x00\x00\x18ftypmp42" + bytes(200)])
def test_files_that_are_no_videos(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match="x.mp4"):
        VideoFile.open(path)
    with pytest.raises(InputError, match="There is no file"):
        VideoFile.open(tmp_path / "missing.mp4")


def test_unknown_lengths(tmp_path: Path, convert: Convert) -> None:
    source = write_film(tmp_path / "a.mp4", 12)
    video = VideoFile.open(convert("r.h264", "-i", str(source), "-c", "copy"))
    damage = Damage()
    assert numbers(video, damage=damage) == list(range(12))
    assert damage.sentence(video) is None
    assert isinstance(video.fps, Fraction)


@pytest.mark.parametrize("name", ["d.mp4", "d.mkv", "d.ts"])
def test_where_the_pictures_start_beside_the_sound(name: str, convert: Convert) -> None:
    """The first frame's time on the clock of the file, on which the sound's first sample has a time as well."""
    late = ("-itsoffset", "0.48", "-f", "lavfi", "-i", "testsrc=s=64x48:d=0.4:r=25")
    path = convert(name, "-f", "lavfi", "-i", "sine=d=1", *late, "-map", "1:v", "-map", "0:a", "-c:a", "aac")
    with av.open(str(path)) as container:
        sound = next(frame.time for frame in container.decode(audio=0))
    # AAC starts with 1024 samples of its encoder's delay, which MP4 and Matroska mark and MPEG-TS does not.
    assert VideoFile.open(path).start_seconds - sound == pytest.approx(0.48, abs=0.03)
