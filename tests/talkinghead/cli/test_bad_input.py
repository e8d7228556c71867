"""What users really hand in: each gives the right result, or one clear sentence and exit status 2 with nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from talkinghead.cli.program import main

ROOT = Path(__file__).resolve().parents[3]
PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"
CAT = ROOT / "tests" / "data" / "cat.jpg"
SMALL = ("--set", "photo.max_side=192", "--set", "video.preset=ultrafast", "--quiet")


def write_wav(path: Path, seconds: float, rate: int = 16000, level: float = 0.3) -> Path:
    """Noise with the loudness of syllables, or silence."""
    count = round(seconds * rate)
    swell = 0.5 + 0.5 * np.sin(np.arange(count) * 2 * np.pi * 4 / rate)
    samples = np.random.default_rng(0).normal(size=count) * swell * level
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An empty folder for outputs; inputs lie beside it."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "speech.wav", 0.2)


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Save an RGB array as a PNG."""

    def save(image: np.ndarray, name: str = "photo.png") -> Path:
        cv2.imencode(".png", image[..., ::-1])[1].tofile(tmp_path / name)
        return tmp_path / name

    return save


def face(size: int = 320) -> np.ndarray:
    """The test photo, `size` pixels square."""
    image = cv2.imdecode(np.fromfile(PHOTO, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)


def generate(photo: Path, audio: Path, output: Path, *more: str) -> int:
    return main(["generate", "--photo", str(photo), "--audio", str(audio), "--output", str(output), *SMALL, *more])


def the_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("talkinghead: error: ")
    assert lines[0].endswith(".")
    return lines[0]


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        assert container.streams.audio
        return sum(1 for _ in container.decode(video=0))


BROKEN_PHOTOS = {
    "empty": (b"", "is empty"),
    "text named jpg": (b"Not a photo at all.\n" * 40, "not a picture or video file"),
    "truncated": (PHOTO.read_bytes()[:5000], "damaged or cut-short"),
    "no face": (None, "No face was found"),
}


@pytest.mark.parametrize("kind", [*BROKEN_PHOTOS, "cat", "missing", "folder"])
def test_photos_that_cannot_be_used(
    kind: str, work: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "photo.jpg"
    words = {"cat": "No face was found", "missing": "There is no file", "folder": "is a folder"}.get(kind, "")
    if kind in BROKEN_PHOTOS:
        content, words = BROKEN_PHOTOS[kind]
        if content is None:
            cv2.imwrite(str(photo), np.tile(np.arange(256, dtype=np.uint8), (256, 1)))
        else:
            photo.write_bytes(content)
    elif kind == "cat":
        photo = CAT
    elif kind == "folder":
        photo.mkdir()
    assert generate(photo, speech, work / "x.mp4") == 2
    assert words in the_sentence(capsys)
    assert list(work.iterdir()) == []


def test_a_face_under_64_pixels(
    work: Path, speech: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    canvas = np.full((320, 320, 3), 90, np.uint8)
    canvas[100:240, 100:240] = face(140)
    assert generate(picture(canvas), speech, work / "x.mp4", "--set", "photo.max_side=320") == 2
    assert "at least 64 are needed" in the_sentence(capsys)
    assert list(work.iterdir()) == []


def test_several_faces(work: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    canvas = np.full((320, 640, 3), 90, np.uint8)
    canvas[:, :320] = face()
    canvas[40:280, 360:600] = face(240)
    photo = picture(canvas)
    where = {}
    for name, more in {"largest": [], "second": ["--face-index", "1"]}.items():
        output = work / f"{name}.safetensors"
        report = work / f"{name}.json"
        assert main(["fit", str(photo), "--output", str(output), "--report", str(report), *more]) == 0
        err = capsys.readouterr().err
        assert ("2 faces found, using the largest" in err) == (not more)
        import json

        box = json.loads(report.read_text())["box"]
        where[name] = (box[0] + box[2]) / 2
    assert where["largest"] < 320 < where["second"]
    assert main(["fit", str(photo), "--output", str(work / "x.safetensors"), "--face-index", "7", "--quiet"]) == 2
    assert "There is no face 7; 2 found" in the_sentence(capsys)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"These words were never recorded.\n" * 30, "not a sound or video file"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "sound"),
        (PHOTO.read_bytes(), "no sound track"),
    ],
    ids=["0 bytes", "text", "truncated", "a photo"],
)
def test_sound_that_cannot_be_used(
    content: bytes, words: str, work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = tmp_path / "speech.wav"
    audio.write_bytes(content)
    assert generate(PHOTO, audio, work / "x.mp4") == 2
    assert words in the_sentence(capsys)
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("seconds", "rate", "level", "frames"),
    [(0.05, 16000, 0.3, 2), (0.5, 16000, 0.0, 13), (0.2, 8000, 0.3, 5), (0.2, 96000, 0.3, 5)],
    ids=["0.05 s", "silence", "8 kHz", "96 kHz"],
)
def test_odd_sound_works(seconds: float, rate: int, level: float, frames: int, work: Path, tmp_path: Path) -> None:
    audio = write_wav(tmp_path / "a.wav", seconds, rate, level)
    assert generate(PHOTO, audio, work / "x.mp4") == 0
    assert frames_in(work / "x.mp4") == frames
    assert [p.name for p in work.iterdir()] == ["x.mp4"]


def test_a_video_as_photo(work: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half a second of grey, then the face: the first good frame is taken, and the user is told."""
    film = tmp_path / "film.mp4"
    still = np.ascontiguousarray(face(256))
    command = [
        get_ffmpeg_exe(),
        "-nostdin",
        "-loglevel",
        "error",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        "256x256",
    ]
    command += ["-r", "25", "-i", "pipe:0", "-c:v", "libx264", "-pix_fmt", "yuv420p", f"file:{film}"]
    grey = np.full_like(still, 128)
    subprocess.run(command, input=grey.tobytes() * 13 + still.tobytes() * 5, check=True, capture_output=True)
    arguments = ["generate", "--photo", str(film), "--audio", str(speech), "--output", str(work / "x.mp4"), *SMALL[:-1]]
    assert main(arguments) == 0
    assert "is a video: using its first frame with a usable face" in capsys.readouterr().err
    assert frames_in(work / "x.mp4") == 5


def test_missing_folders_are_made(work: Path, speech: Path) -> None:
    assert generate(PHOTO, speech, work / "new" / "deep" / "x.mp4") == 0
    assert frames_in(work / "new" / "deep" / "x.mp4") == 5


def test_missing_folders_are_not_left_after_a_failure(work: Path, speech: Path) -> None:
    assert generate(CAT, speech, work / "new" / "x.mp4") == 2
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("output", ["file/x.mp4", "/proc/x.mp4", "x.avi"])
def test_outputs_that_cannot_be_written(
    output: str, work: Path, speech: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if output.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("no /proc here")
    (work / "file").write_text("in the way")
    assert generate(PHOTO, speech, work / output) == 2
    assert output.split("/")[0] in the_sentence(capsys)
    assert [p.name for p in work.iterdir()] == ["file"]


def test_an_existing_output_is_replaced_only_by_a_complete_one(work: Path, speech: Path) -> None:
    output = work / "x.mp4"
    output.write_bytes(b"precious")
    assert generate(CAT, speech, output) == 2
    assert output.read_bytes() == b"precious"
    assert generate(PHOTO, speech, output) == 0
    assert frames_in(output) == 5


def test_an_input_is_never_overwritten(work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = work / "film.mp4"
    film.write_bytes(write_wav(tmp_path / "a.wav", 0.2).read_bytes())
    before = film.read_bytes()
    assert generate(PHOTO, film, film) == 2
    assert "also an input" in the_sentence(capsys)
    assert film.read_bytes() == before


@pytest.mark.parametrize("stem", ["two words", 'it\'s "quoted"', "-dash", "ünï-文字"])
def test_awkward_names(stem: str, work: Path, speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work)
    (work / f"{stem}.jpg").write_bytes(PHOTO.read_bytes())
    (work / f"{stem}.wav").write_bytes(speech.read_bytes())
    assert generate(Path(f"{stem}.jpg"), Path(f"{stem}.wav"), Path(f"{stem}.mp4")) == 0
    assert frames_in(work / f"{stem}.mp4") == 5
    assert len(list(work.iterdir())) == 3


def test_no_gpu_here(work: Path, speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert generate(PHOTO, speech, work / "x.mp4", "--device", "cuda") == 2
    assert "torch sees no NVIDIA GPU" in the_sentence(capsys)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_stopping_half_way_leaves_nothing(number: signal.Signals, status: int, work: Path, tmp_path: Path) -> None:
    audio = write_wav(tmp_path / "long.wav", 120)
    output = work / "new" / "x.mp4"
    command = [sys.executable, "-m", "talkinghead", "generate", "--photo", str(PHOTO), "--audio", str(audio)]
    process = subprocess.Popen(
        [*command, "--output", str(output), "--parameters", str(work / "y.safetensors"), *SMALL],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # Wait until the encoder has begun to write the temporary file.
        deadline = time.monotonic() + 120
        while not any(p.stat().st_size for p in output.parent.glob(".talkinghead-*/*")):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == status
    assert len(err.splitlines()) <= 1
    assert list(work.iterdir()) == []
