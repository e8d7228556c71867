"""The rate and the length of videos, from their time stamps."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from talkinghead.media.video_file import Damage, VideoFile

Convert = Callable[..., Path]


def write_stamped(path: Path, stamps: list[int], sound: float = 0.0, codec: str = "libvpx") -> Path:
    """A video whose frames are shown at these times, ms; and some seconds of silence."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=1000)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        silence = container.add_stream("libopus", rate=48_000) if sound else None
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 8 * (index % 30), np.uint8))
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if silence is not None:
            for start in range(0, round(sound * 48_000), 960):
                quiet = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.int16), "s16", "stereo")
                quiet.sample_rate, quiet.pts, quiet.time_base = 48_000, start, Fraction(1, 48_000)
                container.mux(silence.encode(quiet))
            container.mux(silence.encode(None))
    return path


def frames_of(video: VideoFile) -> tuple[int, str | None]:
    damage = Damage()
    with video.read(damage=damage) as frames:
        count = sum(1 for _ in frames)
    return count, damage.sentence(video)


@pytest.mark.parametrize("jitter", [0, 4, 10, 16])
@pytest.mark.parametrize("rate", [24, 25, 30])
def test_a_browsers_recording(rate: int, jitter: int, tmp_path: Path) -> None:
    """MediaRecorder writes no rate and stamps of whole milliseconds that jitter."""
    random = np.random.default_rng(rate + jitter)
    exact = 40 + 1000 * np.arange(80) / rate
    stamps = np.unique(np.round(exact + random.uniform(-jitter, jitter, 80)).astype(int))
    video = VideoFile.open(write_stamped(tmp_path / "r.webm", stamps.tolist()))
    assert video.fps == rate
    count, sentence = frames_of(video)
    assert count == pytest.approx(80, abs=1)
    assert sentence is None


@pytest.mark.parametrize(
    ("chosen", "rate"),
    [
        (lambda n, _: n < 36 or n % 6 == 0, 30),
        (lambda n, _: n > 180 or n % 6 == 0, 30),
        (lambda _, random: random.random() < 0.5, 30),
        (lambda n, _: n % 60 < 30 or n % 2 == 0, 30),
        (lambda n, _: n % 10 not in (3, 7), 30),
    ],
    ids=["30 then 5", "5 then 30", "half of them", "30 and 15 in turns", "drops"],
)
def test_a_recording_that_drops_frames(
    chosen: Callable[[int, np.random.Generator], bool], rate: int, tmp_path: Path
) -> None:
    """The rate is what the recorder keeps up, not the mean."""
    random = np.random.default_rng(1)
    numbers = [n for n in range(240) if chosen(n, random)]
    video = VideoFile.open(write_stamped(tmp_path / "v.mkv", [round(1000 * n / 30) for n in numbers]))
    assert video.fps == rate
    count, sentence = frames_of(video)
    assert count == pytest.approx(numbers[-1] - numbers[0] + 1, abs=2)
    assert sentence is None


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001", "60", "17"])
@pytest.mark.parametrize("name", ["r.mp4", "r.mkv", "r.ts", "r.flv"])
def test_constant_rates(name: str, rate: str, convert: Convert) -> None:
    source = ("-f", "lavfi", "-i", f"testsrc=s=32x32:r={rate}:d=2", "-c:v", "libx264")
    video = VideoFile.open(convert(name, *source))
    assert video.fps == Fraction(rate)
    count, sentence = frames_of(video)
    assert count == video.announced == pytest.approx(2 * float(Fraction(rate)), abs=1)
    assert sentence is None


@pytest.mark.parametrize("sound", [0.0, 16.0])
def test_a_picture_that_stands_still_for_long(sound: float, tmp_path: Path) -> None:
    """A recorder of the screen sends nothing while nothing moves; the sound, if there is any, goes on."""
    stamps = [*range(0, 1500, 40), *range(13_500, 15_000, 40)]
    video = VideoFile.open(write_stamped(tmp_path / "s.mkv", stamps, sound))
    assert video.fps == 25
    count, sentence = frames_of(video)
    assert count == pytest.approx(375, abs=1)
    assert sentence is None


def test_a_leap_that_the_sound_does_not_cover(tmp_path: Path) -> None:
    stamps = [*range(0, 1000, 40), *range(60_000, 61_000, 40)]
    video = VideoFile.open(write_stamped(tmp_path / "s.mkv", stamps, sound=1.0))
    count, _ = frames_of(video)
    assert count == pytest.approx(50, abs=1)


@pytest.mark.parametrize("lengths", [(3.0, 3.0), (0.8, 3.0), (3.0, 0.8), (0.8, 0.8)])
@pytest.mark.parametrize("offset", [0, 5, 20_000])
def test_joined_recordings(lengths: tuple[float, float], offset: int, tmp_path: Path, convert: Convert) -> None:
    """Their stamps begin anew, or leap, or overlap; nothing of them is missing."""
    parts = []
    for index, length in enumerate(lengths):
        source = ("-f", "lavfi", "-i", f"testsrc=s=64x48:r=25:d={length}", "-f", "lavfi", "-i", f"sine=d={length}")
        shift = ("-output_ts_offset", str(offset * index))
        parts.append(convert(f"{index}.ts", *source, *shift, "-c:v", "mpeg2video", "-bf", "0", "-c:a", "mp2"))
    joined = tmp_path / "j.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    video = VideoFile.open(joined)
    count, sentence = frames_of(video)
    gap = offset - lengths[0] if 0 < offset <= 10 else 0  # a short one may be a still picture
    assert count == pytest.approx(25 * (sum(lengths) + gap), abs=4)
    assert sentence is None


@pytest.mark.parametrize("name", ["c.mp4", "c.mov", "c.mkv", "c.ts"])
def test_pieces_cut_out_without_encoding(name: str, convert: Convert) -> None:
    """An edit list hides what stands before the cut; other formats begin late."""
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=30:d=5", "-f", "lavfi", "-i", "sine=d=5", "-g", "60")
    whole = convert("w.mp4", *source, "-c:v", "libx264", "-bf", "2", "-c:a", "aac")
    video = VideoFile.open(convert(name, "-ss", "2.9", "-i", f"file:{whole}", "-c", "copy"))
    count, sentence = frames_of(video)
    assert 60 <= count <= 95
    assert video.announced == pytest.approx(count, abs=1)
    assert sentence is None


def test_sound_that_is_longer_is_no_damage(convert: Convert) -> None:
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=1", "-f", "lavfi", "-i", "sine=d=4", "-c:a", "aac")
    for name in ("l.mp4", "l.mkv", "l.flv"):
        assert frames_of(VideoFile.open(convert(name, *source))) == (25, None)


@pytest.mark.parametrize("name", ["t.mp4", "t.mkv", "t.avi", "t.flv"])
def test_files_that_are_cut_short_are_told(name: str, convert: Convert) -> None:
    source = ("-f", "lavfi", "-i", "testsrc2=s=160x96:r=25:d=4", "-crf", "8", "-movflags", "+faststart")
    path = convert(name, *source, "-c:v", "libx264")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    count, sentence = frames_of(VideoFile.open(path))
    assert 30 < count < 90
    assert sentence is not None
    assert f"{count / 25:.1f} of 4" in sentence
