"""The MP4 files: frames, colours, sound, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from face3d.errors import InputError, OutputError
from talkinghead.media.audio import AudioFile
from talkinghead.media.image import load_photo
from talkinghead.media.video import VideoOptions, VideoWriter
from talkinghead.media.video_file import VideoFile

TONE = ("-f", "lavfi", "-i", "sine=frequency=440:duration=1:sample_rate=44100")


def write(output: Path, frames: list[np.ndarray], fps: float = 25, audio: Path | None = None) -> None:
    height, width = frames[0].shape[:2]
    with VideoWriter(output, (width, height), fps, len(frames), audio) as writer:
        for frame in frames:
            writer.write(frame)


def read(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def test_format(tmp_path: Path, convert: Callable[..., Path], picture: np.ndarray) -> None:
    audio = convert("a.wav", *TONE, "-ac", "2")
    write(tmp_path / "x.mp4", [picture] * 25, audio=audio)
    with av.open(str(tmp_path / "x.mp4")) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        context = video.codec_context
        assert (context.name, context.pix_fmt, video.average_rate, video.frames) == ("h264", "yuv420p", 25, 25)
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert (sound.codec_context.name, sound.rate, sound.channels) == ("aac", 44100, 2)
        assert video.duration * video.time_base == 1
        assert abs(float(sound.duration * sound.time_base) - 1) < 0.03
    content = (tmp_path / "x.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "playable before it is loaded completely"


@pytest.mark.parametrize("frames", [1, 20, 60])
def test_the_sound_is_padded_or_cut(
    frames: int, tmp_path: Path, convert: Callable[..., Path], picture: np.ndarray
) -> None:
    write(tmp_path / "x.mp4", [picture] * frames, audio=convert("a.wav", *TONE))
    assert len(read(tmp_path / "x.mp4")) == frames
    with av.open(str(tmp_path / "x.mp4")) as container:
        sound = container.streams.audio[0]
        # AAC comes in blocks of 1024 samples.
        assert abs(float(sound.duration * sound.time_base) - frames / 25) <= 1024 / 44100


@pytest.mark.parametrize("fps", [24, 29.97, 60])
def test_frame_rates(fps: float, tmp_path: Path, picture: np.ndarray) -> None:
    write(tmp_path / "x.mp4", [picture] * 13, fps)
    assert len(read(tmp_path / "x.mp4")) == 13
    with av.open(str(tmp_path / "x.mp4")) as container:
        assert abs(float(container.streams.video[0].average_rate) - fps) < 0.001


def test_colours_come_back(tmp_path: Path) -> None:
    """Saturated flat colours, which a wrong matrix or range would shift by ten levels and more."""
    colours = np.array(
        [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 0, 0], [255, 255, 255], [128, 128, 128]]
    )
    frame = np.repeat(np.repeat(colours[None].astype(np.uint8), 64, 0), 32, 1)
    write(tmp_path / "x.mp4", [frame] * 5)
    decoded = read(tmp_path / "x.mp4")[-1].reshape(64, len(colours), 32, 3)[8:-8, :, 8:-8].mean((0, 2))
    np.testing.assert_allclose(decoded, colours, atol=2.5)


def test_still_parts_of_a_photo_stay_above_40_db(tmp_path: Path) -> None:
    still = load_photo(Path(__file__).parents[2] / "data" / "astronaut.jpg")
    frames = []
    for i in range(20):
        frame = still.copy()
        frame[100:200, 100:200] = np.roll(frame[100:200, 100:200], 3 * i, 0)
        frames.append(frame)
    write(tmp_path / "x.mp4", frames)
    for frame in read(tmp_path / "x.mp4"):
        assert psnr(frame[:90], still[:90]) > 40


def test_windows_of_a_still_photo(tmp_path: Path) -> None:
    """The same file as whole frames give, whatever windows they come in: odd ones, moving ones, the whole."""
    still = load_photo(Path(__file__).parents[2] / "data" / "astronaut.jpg")[:121, :155]
    rng = np.random.default_rng(0)
    windows = [(0, 0, 1, 1), (11, 20, 40, 31), (12, 20, 40, 30), (100, 91, 55, 30), (154, 120, 1, 1), (0, 0, 155, 121)]
    changes = [(rng.integers(0, 256, (h, w, 3), dtype=np.uint8), left, top) for left, top, w, h in windows]
    frames = []
    for picture, left, top in changes:
        frames.append(still.copy())
        frames[-1][top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    write(tmp_path / "frames.mp4", frames)
    with VideoWriter(tmp_path / "windows.mp4", (155, 121), 25, len(changes), still=still) as writer:
        for change in changes:
            writer.write_window(*change)
    assert (tmp_path / "windows.mp4").read_bytes() == (tmp_path / "frames.mp4").read_bytes()


def test_wrong_windows_are_refused(tmp_path: Path, picture: np.ndarray) -> None:
    writer = VideoWriter(tmp_path / "x.mp4", (64, 48), 25, 1)
    with pytest.raises(ValueError, match="still photo"), writer:
        writer.write_window(picture, 0, 0)
    writer = VideoWriter(tmp_path / "x.mp4", (64, 48), 25, 1, still=picture)
    with pytest.raises(ValueError, match="leaves the photo"), writer:
        writer.write_window(picture, 1, 0)


def test_odd_sizes_lose_a_row(tmp_path: Path, picture: np.ndarray) -> None:
    odd = picture[:47, :63]
    write(tmp_path / "x.mp4", [odd] * 3)
    (frame, *_) = read(tmp_path / "x.mp4")
    assert frame.shape == (46, 62, 3)
    assert psnr(frame, odd[:46, :62]) > 30


@pytest.mark.parametrize("size", [(1, 100), (100, 1), (8194, 100)])
def test_impossible_sizes(size: tuple[int, int], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be encoded"):
        VideoWriter(tmp_path / "x.mp4", size, 25, 1)


@pytest.mark.parametrize("name", ["a b.mp4", 'it\'s "so".mp4', "-dash.mp4", "ünï-文.mp4", "100%d.mp4", "a:b.mp4"])
def test_awkward_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, convert: Callable[..., Path], picture: np.ndarray
) -> None:
    audio = convert("sound " + name.replace("mp4", "wav"), *TONE)
    monkeypatch.chdir(tmp_path)
    write(Path(name), [picture] * 2, audio=Path(audio.name))
    assert len(read(tmp_path / name)) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, audio.name])


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interruption_leaves_the_old_file(error: type[BaseException], tmp_path: Path, picture: np.ndarray) -> None:
    output = tmp_path / "x.mp4"
    output.write_bytes(b"old")
    writer = VideoWriter(output, (64, 48), 25, 10)
    with pytest.raises(error), writer:
        writer.write(picture)
        raise error
    assert output.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [output]


def test_too_few_frames_are_no_video(tmp_path: Path, picture: np.ndarray) -> None:
    announced = VideoWriter(tmp_path / "x.mp4", (64, 48), 25, 2)
    with pytest.raises(RuntimeError, match="1 frames were written .* 2 were announced"), announced as writer:
        writer.write(picture)
    assert list(tmp_path.iterdir()) == []


def test_wrong_frames_are_refused(tmp_path: Path, picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"), VideoWriter(tmp_path / "x.mp4", (64, 48), 25, 1) as writer:
        writer.write(picture.astype(np.float32))
    with pytest.raises(ValueError, match="64 x 48"), VideoWriter(tmp_path / "x.mp4", (32, 48), 25, 1) as writer:
        writer.write(picture)


def test_a_failing_encoder_names_the_output(tmp_path: Path, picture: np.ndarray) -> None:
    failing = VideoWriter(tmp_path / "x.mp4", (64, 48), 25, 3, options=VideoOptions(preset="no such preset"))
    with pytest.raises(OutputError, match=r"x\.mp4 could not be written: Invalid argument\.$"), failing as writer:
        writer.write(picture)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_file_that_may_not_grow_is_told_of(tmp_path: Path) -> None:
    import resource

    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        writer = VideoWriter(tmp_path / "x.mp4", (640, 480), 25, 20)
        with pytest.raises(OutputError, match=r"x\.mp4 could not be written: File too large\.$"), writer:
            for _ in range(20):
                writer.write(noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layout", ["FL", "LFE", "FL+FC", "BL+BR", "FLC+FRC+SL+SR", "7.1.4", "10", "24", "downmix"])
def test_any_layout_becomes_mono_or_stereo(layout: str, tmp_path: Path, picture: np.ndarray) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        name = f"{layout} channels" if layout.isdigit() else layout
        stream = container.add_stream("pcm_s16le", 24000)
        stream.codec_context.layout = name
        count = stream.codec_context.layout.nb_channels
        tone = np.sin(np.arange(24000) / 24000 * 440 * 2 * np.pi) * 8000
        frame = av.AudioFrame.from_ndarray(np.repeat(tone.astype(np.int16), count)[None], "s16", name)
        frame.sample_rate = 24000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    write(tmp_path / "x.mp4", [picture] * 25, audio=tmp_path / "a.wav")
    heard = loudness(tmp_path / "x.mp4")
    assert len(heard) == min(count, 2)
    assert np.all(heard[:, 1:9] > 0.05)
    lips = np.concatenate(list(AudioFile.open(tmp_path / "a.wav").blocks()))
    assert len(lips) == 16000
    assert np.abs(lips).max() > 0.1


def test_sound_that_changes_half_way_goes_on(tmp_path: Path, convert: Callable[..., Path], picture: np.ndarray) -> None:
    one = convert("1.mp3", "-f", "lavfi", "-i", "sine=d=1:sample_rate=44100", "-ac", "2")
    two = convert("2.mp3", "-f", "lavfi", "-i", "sine=d=1:sample_rate=24000")
    (tmp_path / "joined.mp3").write_bytes(one.read_bytes() + two.read_bytes())
    write(tmp_path / "x.mp4", [picture] * 50, audio=tmp_path / "joined.mp3")
    assert np.all(loudness(tmp_path / "x.mp4")[:, 1:19] > 0.03)


@pytest.mark.parametrize("shift", [-0.5, 0.5])
def test_a_videos_own_sound_stays_beside_its_pictures(
    shift: float, tmp_path: Path, convert: Callable[..., Path], picture: np.ndarray
) -> None:
    """A beep 1 s after the first picture, in a file whose sound starts earlier or later than its pictures."""
    beep = f"aevalsrc='sin(2000*t)*gt(t,{1 - shift})':d=2:s=48000"
    streams = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=2:r=25", "-itsoffset", str(shift), "-f", "lavfi", "-i", beep)
    path = convert("v.mkv", *streams, "-c:v", "libx264", "-c:a", "pcm_s16le")
    video = VideoFile.open(path)
    with VideoWriter(tmp_path / "x.mp4", (64, 48), 25, 40, path, audio_start=video.start_seconds) as writer:
        for _ in range(40):
            writer.write(picture)
    loud = loudness(tmp_path / "x.mp4", 0.02)[0] > 0.1
    assert np.argmax(loud) * 0.02 == pytest.approx(1, abs=0.03)


def loudness(path: Path, seconds: float = 0.1) -> np.ndarray:  # [C, N]
    """Root mean square of each channel, of so many seconds each."""
    with av.open(str(path)) as container:
        frames = [f for f in container.decode(audio=0) if f.pts >= 0]
        samples = np.concatenate([frame.to_ndarray() for frame in frames], 1)
        step = round(frames[0].sample_rate * seconds)
    whole = samples[:, : samples.shape[1] // step * step]
    return np.sqrt((whole.reshape(len(whole), -1, step) ** 2).mean(-1))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    """Peak memory of reading 10 minutes of sound and writing their frames, against 10 seconds."""
    program = """
import json, resource, sys, wave
import numpy as np
from talkinghead.media.audio import AudioFile
from talkinghead.media.image import load_photo
from talkinghead.media.video import VideoOptions, VideoWriter
path, output, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3])
with wave.open(path, "wb") as file:
    file.setnchannels(2); file.setsampwidth(2); file.setframerate(48000)
    for _ in range(seconds):
        file.writeframes(bytes(4 * 48000))
sound = AudioFile.open(path)
count, samples = sound.frame_count(25), sum(len(b) for b in sound.blocks())
frame = np.zeros((128, 128, 3), np.uint8)
with VideoWriter(output, (128, 128), 25, count, path, VideoOptions(preset="ultrafast")) as writer:
    for _ in range(count):
        writer.write(frame)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([count, samples, peak]))
"""

    def peak(seconds: int) -> int:
        command = [sys.executable, "-c", program, str(tmp_path / "a.wav"), str(tmp_path / "x.mp4"), str(seconds)]
        result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
        count, samples, kilobytes = json.loads(result.stdout)
        assert (count, samples) == (25 * seconds, 16000 * seconds)
        return int(kilobytes)

    assert peak(600) - peak(10) < 60_000
