"""The three steps together: real photo, real network, real renderer, small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

import talkinghead
from face3d.arkit import ARKIT_NAMES
from face3d.errors import InputError
from face3d.parameters import FaceParameters
from talkinghead.config import Config, load_config
from talkinghead.media.audio import AudioFile
from talkinghead.media.image import load_photo
from talkinghead.photo.fitted import fit_photo_file
from talkinghead.photo.found_face import scale_picture
from talkinghead.runtime import limited_threads
from talkinghead.speech.perform.mouth import lip_gap_mm

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"
SPEECH = ROOT / "examples" / "demo.wav"


def small(*settings: str) -> Config:
    return load_config(settings=["photo.max_side=256", "video.preset=ultrafast", *settings])


def read(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's first two seconds."""
    import wave

    path = tmp_path_factory.mktemp("speech") / "two seconds.wav"
    with wave.open(str(SPEECH), "rb") as source, wave.open(str(path), "wb") as target:
        target.setparams(source.getparams())
        target.writeframes(source.readframes(2 * source.getframerate()))
    return path


def test_generate(speech: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    result = talkinghead.generate(
        PHOTO,
        speech,
        tmp_path / "x.mp4",
        parameters=tmp_path / "x.safetensors",
        config=small(),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert (result.frames, result.size, result.fps) == (50, (256, 256), 25.0)
    assert seen == [(i, 50) for i in range(1, 51)]
    frames = read(result.output)
    assert frames.shape == (50, 256, 256, 3)
    mouth_moves = np.abs(np.diff(frames.astype(float), axis=0)).mean((0, 3))
    assert mouth_moves.max() > 5
    parameters = FaceParameters.load(tmp_path / "x.safetensors")
    assert len(parameters) == 50
    assert parameters.expression[:, ARKIT_NAMES.index("jawOpen")].std() > 0.02
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.mp4", "x.safetensors"]


def test_the_same_seed_gives_the_same_film_and_another_one_the_same_words(speech: Path, tmp_path: Path) -> None:
    films, motions = [], []
    for number, seed in enumerate([1, 1, 2]):
        output, parameters = tmp_path / f"{number}.mp4", tmp_path / f"{number}.safetensors"
        config = small(f"general.seed={seed}", "video.threads=1")
        talkinghead.generate(PHOTO, speech, output, parameters=parameters, config=config)
        films.append(read(output).astype(int))
        motions.append(FaceParameters.load(parameters))
    # Not bit by bit: some processors round a matrix product by where its inputs lie in memory.
    assert films[0].shape == films[1].shape
    assert np.abs(films[0] - films[1]).mean() < 0.02
    first, again, other = motions
    for name in ("rotation", "expression"):
        torch.testing.assert_close(getattr(again, name), getattr(first, name), rtol=0, atol=1e-4)
    assert not torch.allclose(first.rotation, other.rotation, atol=1e-3)
    gaps = [lip_gap_mm(motion.expression.numpy()) for motion in (first, other)]
    assert np.corrcoef(*gaps)[0, 1] > 0.97


def test_without_head_motion_the_background_is_the_photo(speech: Path, tmp_path: Path) -> None:
    config = load_config(settings=["motion.head_motion=0"])
    result = talkinghead.generate(PHOTO, speech, tmp_path / "x.mp4", config=config)
    photo = load_photo(PHOTO)
    left, top, right, bottom = fit_photo_file(PHOTO, config.photo).fit.detection.box
    outside = np.ones(photo.shape[:2], bool)
    reach = right - left
    outside[max(0, int(top - reach)) : int(bottom + reach), max(0, int(left - reach)) : int(right + reach)] = False
    assert outside.mean() > 0.1
    for frame in read(result.output):
        error = np.mean((frame[outside].astype(float) - photo[outside]) ** 2)
        assert 10 * np.log10(255**2 / error) > 40


def test_parameters_rendered_again_give_the_same_frames(speech: Path, tmp_path: Path) -> None:
    config = small("video.threads=1")
    talkinghead.generate(PHOTO, speech, tmp_path / "a.mp4", parameters=tmp_path / "y.safetensors", config=config)
    result = talkinghead.render(
        tmp_path / "y.safetensors", tmp_path / "b.mp4", photo=PHOTO, audio=speech, config=config
    )
    assert result.frames == 50
    a, b = read(tmp_path / "a.mp4").astype(float), read(tmp_path / "b.mp4").astype(float)
    assert np.abs(a - b).mean() < 0.2


def test_animate_and_render_the_bare_head(speech: Path, tmp_path: Path) -> None:
    motion = talkinghead.animate(speech, tmp_path / "new" / "y.safetensors", config=small("video.fps=10"))
    assert len(motion) == 20
    assert motion.fps == 10
    assert not motion.identity.any()
    result = talkinghead.render(tmp_path / "new" / "y.safetensors", tmp_path / "x.mp4", config=small("video.size=128"))
    assert (result.frames, result.size, result.fps) == (20, (128, 128), 10.0)
    first, *rest = read(result.output)
    background = first[0, 0].astype(int)
    covered = (np.abs(first.astype(int) - background).max(-1) > 20).mean()
    assert 0.15 < covered < 0.8, "the head fills a good part of the picture"
    assert any(np.abs(frame.astype(int) - first).max() > 30 for frame in rest)


def test_text_is_spoken(tmp_path: Path) -> None:
    pytest.importorskip("hibari", reason="needs the extra [tts]")
    config = small("video.fps=5")
    result = talkinghead.generate(PHOTO, None, tmp_path / "x.mp4", text="Good morning.", config=config)
    sound = AudioFile.open(result.output)
    assert 0.5 < sound.duration < 3
    assert result.frames == pytest.approx(5 * float(sound.duration), abs=1.2)


@pytest.mark.parametrize(("audio", "text"), [(None, None), (SPEECH, "both")])
def test_a_recording_or_a_text(audio: Path | None, text: str | None, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="either a recording"):
        talkinghead.generate(PHOTO, audio, tmp_path / "x.mp4", text=text)


def test_parameters_without_frames_are_told(tmp_path: Path) -> None:
    from talkinghead.photo.poses import nobody

    nobody(1).frames(0, 0).save(tmp_path / "y.safetensors")
    with pytest.raises(InputError, match="holds no frames"):
        talkinghead.render(tmp_path / "y.safetensors", tmp_path / "x.mp4")


def test_cropping_to_the_head(tmp_path: Path) -> None:
    """A face that is small in a large picture fills a good part of the crop, and the whole picture says so."""
    import cv2

    canvas = np.full((1200, 1600, 3), 120, np.uint8)
    canvas[300:620, 900:1220] = load_photo(PHOTO)
    cv2.imwrite(str(tmp_path / "x.png"), canvas[..., ::-1])
    options = load_config(settings=["photo.crop=head", "photo.max_side=512"]).photo
    portrait = fit_photo_file(tmp_path / "x.png", options)
    assert max(portrait.image.shape) < 500
    assert portrait.fit.detection.size_px / max(portrait.image.shape) > 0.3
    whole = load_config(settings=["photo.max_side=512"]).photo
    with pytest.raises(InputError, match="try --crop head or a larger --size"):
        fit_photo_file(tmp_path / "x.png", whole)


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    libraries = blas_threads()
    assert libraries
    with pytest.raises(ZeroDivisionError), limited_threads(1):
        assert torch.get_num_threads() == 1
        assert set(blas_threads()) == {1}
        raise ZeroDivisionError
    assert torch.get_num_threads() == before
    assert blas_threads() == libraries


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_scaling() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    assert scale_picture(image, None, 1280)[0] is image
    for size, limit, shape in ((None, 200, (150, 200, 3)), (800, 200, (600, 800, 3))):
        scaled, factor = scale_picture(image, size, limit)
        assert scaled.shape == shape
        assert factor == shape[1] / 400


@pytest.mark.slow
def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    """`generate` on 10 minutes of sound may peak 150 MB above 10 seconds at most; few frames a second keep it short."""
    program = """
import resource, sys, wave
import numpy as np
path, output, photo, seconds = *sys.argv[1:4], int(sys.argv[4])
noise = (np.random.default_rng(0).normal(size=48000) * 3000).astype("<i2").tobytes()
with wave.open(path, "wb") as file:
    file.setnchannels(1); file.setsampwidth(2); file.setframerate(48000)
    for _ in range(seconds):
        file.writeframes(noise)
import talkinghead
from talkinghead.config import load_config
settings = ["video.fps=2", "photo.max_side=192", "video.preset=ultrafast"]
print(talkinghead.generate(photo, path, output, config=load_config(settings=settings)).frames)
usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(usage)
"""

    def peak(seconds: int) -> int:
        arguments = [str(tmp_path / "a.wav"), str(tmp_path / "x.mp4"), str(PHOTO), str(seconds)]
        command = [sys.executable, "-c", program, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        frames, kilobytes = json.loads("[" + ",".join(result.stdout.split()) + "]")
        assert frames == 2 * seconds
        return int(kilobytes)

    assert peak(600) - peak(10) < 150_000
