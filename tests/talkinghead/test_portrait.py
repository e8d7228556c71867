"""`Portrait` and `Talker`: set up once, used many times, arrays in and out."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import talkinghead
from face3d.errors import InputError
from talkinghead import FaceParameters, Portrait, Talker

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"
RATE = 16_000
SETTINGS = {"fps": 12.5, "preset": "ultrafast"}


@pytest.fixture(scope="module")
def person() -> Portrait:
    return Portrait.open(PHOTO)


@pytest.fixture(scope="module")
def talker() -> Talker:
    return Talker(**SETTINGS)


@pytest.fixture(scope="module")
def sound() -> tuple[np.ndarray, int]:
    """A second of something like speech: a hum whose loudness and colour change."""
    time = np.arange(RATE) / RATE
    hum = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 20))
    return (0.1 * hum * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))).astype(np.float32), RATE


def test_generate_is_portrait_and_talker(
    person: Portrait, talker: Talker, sound: tuple[np.ndarray, int], tmp_path: Path
) -> None:
    result = talker.generate(person, sound, tmp_path / "a.mp4", parameters=tmp_path / "a.safetensors")
    assert result.frames == 13
    again = talkinghead.generate(PHOTO, sound, tmp_path / "b.mp4", config=talker.config)
    assert (again.frames, again.size) == (result.frames, result.size)
    kept = FaceParameters.load(tmp_path / "a.safetensors")
    motion = talker.animate(sound, person=person)
    assert torch.allclose(kept.expression, motion.expression, atol=1e-4)
    assert torch.allclose(kept.rotation, motion.rotation, atol=1e-4)


def test_the_frames_of_a_motion_are_those_of_generate(
    person: Portrait, talker: Talker, sound: tuple[np.ndarray, int]
) -> None:
    spoken = list(talker.frames(person, sound))
    own = list(person.frames(talker.animate(sound, person=person)))
    nobodys = list(person.frames(talker.animate(sound)))
    assert len(spoken) == len(own) == len(nobodys) == 13
    for frames in (own, nobodys):
        worst = max(np.abs(a.astype(int) - b).mean() for a, b in zip(spoken, frames, strict=True))
        assert worst < 0.1
    assert np.abs(spoken[0].astype(int) - spoken[6]).max() > 20, "it moves"


def test_one_frame(person: Portrait, talker: Talker, sound: tuple[np.ndarray, int]) -> None:
    motion = talker.animate(sound)
    frames = list(person.frames(motion))
    for index in (0, 5, -1):
        np.testing.assert_array_equal(person.render(motion, index), frames[index])
    with pytest.raises(InputError, match="no frame 13"):
        person.render(motion, 13)


def test_a_picture_in_memory_is_the_picture_in_a_file(person: Portrait) -> None:
    image = np.asarray(Image.open(PHOTO).convert("RGB"))
    other = Portrait.open(image)
    np.testing.assert_array_equal(other.image, person.image)
    assert torch.allclose(other.parameters.expression, person.parameters.expression, atol=1e-5)
    with pytest.raises(InputError, match=r"path or \[H, W, 3\] uint8"):
        Portrait.open(image.astype(np.float32))
    with pytest.raises(InputError, match="path or"):
        Portrait.open(7)  # type: ignore[arg-type]


def test_a_prepared_person_needs_no_search_and_no_fit(
    person: Portrait, talker: Talker, sound: tuple[np.ndarray, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.save(tmp_path / "me.face")
    for module in ("talkinghead.photo.fitted.FaceDetector", "talkinghead.photo.fitted.fit_detection"):
        monkeypatch.setattr(module, lambda *_, **__: pytest.fail("nothing is searched or fitted"))
    monkeypatch.setattr("renderers.photo.cutout.person_matte", lambda *_: pytest.fail("nothing is cut out"))
    opened = Portrait.load(tmp_path / "me.face")
    assert opened.parameters == person.parameters
    assert opened.messages == person.messages
    opened.save(tmp_path / "again.face")
    assert (tmp_path / "again.face").read_bytes() == (tmp_path / "me.face").read_bytes()
    motion = talker.animate(sound)[:3]
    for one, other in zip(opened.frames(motion), person.frames(motion), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("damage", ["missing", "cut", "text", "parameters", "flipped"])
def test_damaged_person_files(person: Portrait, damage: str, tmp_path: Path) -> None:
    path = tmp_path / "me.face"
    person.save(path)
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "parameters":
        person.parameters.save(path)
    else:
        path.write_bytes({"cut": data[: len(data) // 2], "text": b"hello", "flipped": b"\xff" + data[1:]}[damage])
    with pytest.raises(InputError, match=r"me\.face"):
        Portrait.load(path)


def test_samples_that_are_no_sound(talker: Talker) -> None:
    for sound, words in (
        ((np.zeros(0, np.float32), RATE), "samples must be"),
        ((np.zeros((2, 3, 4), np.float32), RATE), "samples must be"),
        ((np.zeros(100, np.int64), RATE), "16-bit"),
        ((np.full(100, np.nan, np.float32), RATE), "NaN"),
        ((np.zeros(100, np.float32), 10), "rate must be"),
        (np.zeros(100, np.float32), r"\(samples, rate\)"),
    ):
        with pytest.raises(InputError, match=words):
            talker.animate(sound)  # type: ignore[arg-type]


def test_sixteen_bits_and_two_channels_are_one_sound(talker: Talker, sound: tuple[np.ndarray, int]) -> None:
    samples, rate = sound
    expected = talker.animate(sound)
    for other in (np.stack([samples, samples], 1), np.round(samples * 32767).astype(np.int16)):
        motion = talker.animate((other, rate))
        assert len(motion) == len(expected)
        assert np.abs(motion["jawOpen"] - expected["jawOpen"]).max() < 0.05


def test_settings_by_name(sound: tuple[np.ndarray, int]) -> None:
    assert Talker(emotion="happy", fps=30).config.motion.emotion == "happy"
    with pytest.raises(InputError, match="no setting emotoin; did you mean emotion"):
        Talker(emotoin="happy")
    with pytest.raises(InputError, match="emotion must be one of"):
        Talker(emotion="bored")
    small = Portrait.open(PHOTO, size=256)
    assert max(small.size) == 256


def test_other_seeds_are_other_performances(talker: Talker, sound: tuple[np.ndarray, int]) -> None:
    first, again, other = (talker.animate(sound, seed=seed) for seed in (1, 1, 2))
    assert torch.allclose(first.rotation, again.rotation, atol=1e-5)
    assert not torch.allclose(first.rotation, other.rotation, atol=1e-3)
    assert talker.samples(sound, (1, 2))[1].rotation == pytest.approx(other.rotation, abs=1e-5)


def test_a_name_that_cannot_be_written_is_told_before_the_work(
    person: Portrait, talker: Talker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Talker, "performing", lambda *_, **__: pytest.fail("too late"))
    with pytest.raises(InputError, match="must end in .mp4"):
        talker.generate(person, ROOT / "examples" / "demo.wav", tmp_path / "a.gif")


def test_two_threads_make_the_frames_of_one(talker: Talker, sound: tuple[np.ndarray, int]) -> None:
    """Each thread has a portrait and a talker of its own."""
    expected = list(Talker(**SETTINGS).frames(Portrait.open(PHOTO), sound))
    found: dict[int, list[np.ndarray]] = {}

    def work(number: int) -> None:
        found[number] = list(Talker(**SETTINGS).frames(Portrait.open(PHOTO), sound))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    for frames in found.values():
        for one, other in zip(frames, expected, strict=True):
            assert np.abs(one.astype(int) - other).max() <= 1
