"""Sound of every kind becomes mono 16 kHz of the right length."""

from __future__ import annotations

import logging
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face3d.errors import InputError
from talkinghead.media.audio import AudioFile, exact_rate

TONE = ("-f", "lavfi", "-i", "sine=frequency=440:duration=1.5:sample_rate=48000")


def write_wav(path: Path, samples: np.ndarray, rate: int) -> Path:
    """16-bit PCM of [N] or [N, C] samples in -1..1."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def pitch(samples: np.ndarray) -> float:
    """The strongest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 16000 / len(samples))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("8k.wav", ("-ar", "8000")),
        ("96k.wav", ("-ar", "96000")),
        ("stereo.wav", ("-ac", "2")),
        ("surround.wav", ("-ac", "6")),
        ("float.wav", ("-c:a", "pcm_f32le")),
        ("24bit.wav", ("-c:a", "pcm_s24le")),
        ("u8.wav", ("-c:a", "pcm_u8")),
        ("x.flac", ()),
        ("x.mp3", ()),
        ("x.m4a", ("-c:a", "aac")),
        ("x.ogg", ("-c:a", "libvorbis")),
        ("x.opus", ("-c:a", "libopus")),
        ("video.mp4", ("-f", "lavfi", "-i", "testsrc=size=64x48:duration=1.5", "-c:v", "libx264", "-c:a", "aac")),
        ("no ending", ("-f", "wav")),
    ],
)
def test_formats(name: str, arguments: tuple[str, ...], convert: Callable[..., Path]) -> None:
    sound = AudioFile.open(convert(name, *TONE, *arguments))
    samples = np.concatenate(list(sound.blocks()))
    # Lossy codecs work in blocks and may add one at the end.
    assert 1.5 <= sound.duration <= 1.56
    assert abs(len(samples) / 16000 - float(sound.duration)) < 0.002
    assert samples.dtype == np.float32
    assert abs(pitch(samples[2000:-2000]) - 440) < 2
    assert 0.02 < np.abs(samples).max() <= 1


def test_wav_is_measured_to_the_sample(tmp_path: Path) -> None:
    sound = AudioFile.open(write_wav(tmp_path / "a.wav", np.zeros((44101, 2)), 44100))
    assert (sound.duration, sound.sample_rate, sound.channels) == (Fraction(44101, 44100), 44100, 2)
    assert sound.frame_count(25) == 26, "one sample more than a second needs one frame more"


def test_values_come_through(tmp_path: Path) -> None:
    signal = np.random.default_rng(0).uniform(-0.9, 0.9, 5000)
    sound = AudioFile.open(write_wav(tmp_path / "a.wav", signal, 16000))
    np.testing.assert_allclose(np.concatenate(list(sound.blocks(999))), signal, atol=1e-4)


def test_stereo_is_averaged(tmp_path: Path) -> None:
    signal = np.full(16000, 0.5)
    sound = AudioFile.open(write_wav(tmp_path / "a.wav", np.stack([signal, 0.2 * signal], 1), 16000))
    np.testing.assert_allclose(np.concatenate(list(sound.blocks())), 0.3, atol=1e-3)


@pytest.mark.parametrize("second", [-1, -0.8])
def test_a_channel_that_is_turned_round_does_not_silence_the_other(second: float, tmp_path: Path) -> None:
    left = np.sin(np.arange(16000) / 10) / 2
    sound = AudioFile.open(write_wav(tmp_path / "a.wav", np.stack([left, second * left], 1), 16000))
    assert np.abs(np.concatenate(list(sound.blocks()))).max() > 0.4


def test_samples_that_are_no_numbers_are_silenced_and_told(
    tmp_path: Path, convert: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = convert("a.wav", *TONE, "-c:a", "pcm_f32le")
    content = bytearray(path.read_bytes())
    content[-4000:-3988] = np.array([np.nan, np.inf, -1e30], "<f4").tobytes()
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        sound = AudioFile.open(path)
    assert "3 samples of its sound are no numbers" in caplog.text
    for samples in (np.concatenate(list(sound.blocks())), np.concatenate(list(sound.track()), 1)):
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() < 1


def test_one_sample_a_second_is_no_speech(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 samples of sound per second"):
        AudioFile.open(write_wav(tmp_path / "a.wav", np.zeros(100), 1))


def test_of_two_tracks_the_default_one_is_used(convert: Callable[..., Path]) -> None:
    tracks = ("-f", "lavfi", "-i", "sine=f=300:d=1", "-f", "lavfi", "-i", "sine=f=900:d=1", "-map", "0", "-map", "1")
    path = convert("two.mkv", *tracks, "-disposition:a:0", "0", "-disposition:a:1", "default")
    assert abs(pitch(np.concatenate(list(AudioFile.open(path).blocks()))) - 900) < 3


def test_blocks_have_the_size_asked_for(tmp_path: Path) -> None:
    sound = AudioFile.open(write_wav(tmp_path / "a.wav", np.zeros(10_500), 16000))
    assert [len(b) for b in sound.blocks(1000)] == [1000] * 10 + [500]


def test_very_short_sound(tmp_path: Path) -> None:
    sound = AudioFile.open(write_wav(tmp_path / "a.wav", np.zeros(800), 16000))
    assert sound.frame_count(25) == 2
    assert sum(len(b) for b in sound.blocks()) == 800


def test_time_stamps_that_start_late_do_not_shift_the_sound(convert: Callable[..., Path]) -> None:
    video = ("-f", "lavfi", "-i", "testsrc=size=64x48:duration=2")
    path = convert("late.mp4", *video, "-itsoffset", "0.5", *TONE, "-c:v", "libx264", "-c:a", "aac")
    sound = AudioFile.open(path)
    assert 1.5 <= sound.duration <= 1.56


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"This is no sound at all.\n" * 50, "not a sound or video file|is a text file"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "not a sound or video file|not one sample"),
        (np.random.default_rng(0).bytes(4000), "not a sound or video file|no sound track|not one sample"),
    ],
    ids=["empty", "text", "cut header", "noise"],
)
@pytest.mark.parametrize("name", ["x.wav", "x.txt", "x"])
def test_files_that_are_no_sound(content: bytes, words: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        AudioFile.open(path)
    assert str(path) in str(caught.value)


def test_header_without_samples(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not one sample|no sound"):
        AudioFile.open(write_wav(tmp_path / "a.wav", np.zeros(0), 16000))


def test_a_silent_film_has_no_sound_track(convert: Callable[..., Path]) -> None:
    path = convert("silent.mp4", "-f", "lavfi", "-i", "testsrc=size=64x48:duration=0.2", "-c:v", "libx264")
    with pytest.raises(InputError, match="has no sound track"):
        AudioFile.open(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        AudioFile.open(tmp_path / "nothing.wav")
    with pytest.raises(InputError, match="is a folder"):
        AudioFile.open(tmp_path)


def test_a_cut_m4a_is_refused_and_a_cut_wav_is_used(convert: Callable[..., Path]) -> None:
    m4a = convert("a.m4a", *TONE, "-c:a", "aac")
    m4a.write_bytes(m4a.read_bytes()[:-3000])
    with pytest.raises(InputError, match="not a sound or video file"):
        AudioFile.open(m4a)
    wav = convert("a.wav", *TONE)
    wav.write_bytes(wav.read_bytes()[:72_078])
    assert AudioFile.open(wav).duration == Fraction(36_000, 48_000)


def test_damage_in_the_middle_is_left_out_and_told(
    convert: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = convert("a.flac", *TONE)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 3000] = bytes(3000)
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        sound = AudioFile.open(path)
    assert 0.3 < sound.duration <= 1.5
    assert abs(sum(len(b) for b in sound.blocks()) / 16000 - float(sound.duration)) < 0.01


@pytest.mark.parametrize("name", ["a b.wav", 'it\'s "so".wav', "-dash.wav", "ünï-文.wav", "100%d.wav", "a:b.wav"])
def test_awkward_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / name, np.zeros(1600), 16000)
    assert AudioFile.open(name).duration == Fraction(1, 10)


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(25, 25), (30.0, 30), (12.5, Fraction(25, 2)), (29.97, Fraction(30000, 1001)), (23.976, Fraction(24000, 1001))],
)
def test_exact_rate(fps: float, rate: Fraction) -> None:
    assert exact_rate(fps) == rate


@given(
    st.integers(1, 2_000_000), st.sampled_from([8000, 11025, 16000, 44100, 48000, 96000]), st.sampled_from([24, 25, 30])
)
def test_frames_cover_the_sound_and_no_more(samples: int, rate: int, fps: int) -> None:
    count = AudioFile(Path(), Fraction(samples, rate), rate, 1).frame_count(fps)
    assert (count - 1) * rate < samples * fps <= count * rate
