import numpy as np
import pytest

from face3d.errors import InputError
from scripts.lab.speech.corpus.corpus import Utterance, save_utterance
from scripts.lab.speech.corpus.phones import PhoneSegment
from scripts.lab.speech.measure.clips import (
    Clip,
    FilmedMotion,
    development_voices,
    held_out_grid,
    read_folder,
    to_16k,
)
from scripts.lab.speech.measure.motion_figures import (
    compare,
    cut,
    describe,
    filmed_windows,
    generated_windows,
    joined_sound,
)


def test_only_held_out_clips_are_taken_evenly(tmp_path):
    for name in ("bbaf2n", *(f"lba{letter}2n" for letter in "abcdefghij"), "sbaf2n"):
        (tmp_path / f"{name}.mp4").touch()
    (tmp_path / "lbaa2n.align").touch()
    assert [p.stem for p in held_out_grid(tmp_path, 4)] == ["lbaa2n", "lbad2n", "lbah2n", "sbaf2n"]
    assert len(held_out_grid(tmp_path, 100)) == 11


def test_folders_of_speech(tmp_path):
    soundfile = pytest.importorskip("soundfile", reason="sound files are read with the extra [train]")

    with pytest.raises(InputError, match="no sound files with texts"):
        read_folder(tmp_path)
    soundfile.write(tmp_path / "one.wav", np.zeros((4410, 2)), 44_100)
    soundfile.write(tmp_path / "mute.wav", np.zeros(100), 16_000)
    (tmp_path / "one.txt").write_text("hello")
    ((samples, text),) = read_folder(tmp_path)
    assert (samples.shape, samples.dtype, text) == ((1600,), np.float32, "hello")
    assert to_16k(np.ones(800, np.float32), 8000).shape == (1600,)


def test_development_voices_that_speak(tmp_path):
    for voice, name in (("espeak_es", "M"), ("noise", "SIL")):
        (tmp_path / "development" / voice).mkdir(parents=True)
        for number in range(3):
            spoken = Utterance(np.zeros(1600, np.float32), [PhoneSegment(name, 0, 0.1)], voice, "m")
            save_utterance(tmp_path / "development" / voice / f"{number}.npz", spoken)
    ((voice, clips),) = development_voices(tmp_path, 2)
    assert voice == "espeak_es"
    assert [clip.phones[0].name for clip in clips] == ["M", "M"]


def _filmed(seed: int, scale: float = 1.0, frames: int = 75) -> Clip:
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(rng.standard_normal((frames, 3)), 0) * 0.004 * scale
    expression = np.zeros((frames, 52), np.float32)
    expression[:, 17] = np.clip(0.2 + 0.1 * scale * np.sin(np.arange(frames) / 3), 0, 1)
    sound = rng.standard_normal(frames * 640 - 100).astype(np.float32) * 0.1
    return Clip(str(seed), sound, (), FilmedMotion(np.zeros(frames), expression, smooth, 25.0))


class _Motion:
    """What was filmed, as if it had been generated from the joined sound."""

    def __init__(self, clips: list[Clip]) -> None:
        import torch

        self.fps = 25.0
        self.expression = torch.from_numpy(np.concatenate([c.film.expression for c in clips]))
        self.rotation = torch.from_numpy(np.concatenate([c.film.rotation for c in clips]))


def test_motion_compared_with_itself_and_with_half_of_it():
    clips = [_filmed(seed) for seed in range(4)]
    assert len(joined_sound(clips)) == 4 * 48_000
    real = filmed_windows(clips)
    same = compare(generated_windows(clips, _Motion(clips)), real)
    for key in ("mouth_std", "mouth_velocity", "head_std_yaw_roll", "head_velocity_yaw_roll", "mouth_std_aperture"):
        assert same[key] == pytest.approx(1, abs=1e-6), key
    half = compare(generated_windows(clips, _Motion([_filmed(seed, 0.5) for seed in range(4)])), real)
    assert half["head_std_yaw_roll"] == pytest.approx(0.5, abs=0.02)
    assert half["frechet_head"] > same["frechet_head"]


def test_windows_of_a_long_clip():
    pieces = cut(_filmed(0, frames=160), 3.0)
    assert [len(p.film.expression) for p in pieces] == [75, 75]
    assert len(pieces[0].samples) == 48_000
    figures = describe(filmed_windows(pieces), 25.0)
    assert figures["blinks_per_s"] == 0
    assert "blink_half_s" not in figures
    assert figures["head_std_deg"] > 0


def test_a_clip_without_film_says_so():
    with pytest.raises(ValueError, match="was not filmed"):
        _ = Clip("sound", np.zeros(10, np.float32), ()).film
