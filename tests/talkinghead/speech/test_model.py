import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.errors import InputError
from talkinghead.speech.model import SpeechModel
from talkinghead.speech.options import MotionOptions
from talkinghead.speech.perform.mouth import lip_gap_mm

MOUTH = [i for name, i in ARKIT_INDEX.items() if name.startswith(("jaw", "mouth", "tongue"))]
# Another cut of the sound or place in memory rounds matrix products otherwise, on some processors.
CUT = 1e-4
STILL = MotionOptions(head_motion=0, eye_motion=0, brow_motion=0, blink_rate=0)


@pytest.fixture(scope="module")
def model() -> SpeechModel:
    return SpeechModel.load()


def _vowels(seconds: float) -> np.ndarray:
    """Vowel-like syllables at 4 per second: pulses at 120 Hz through three formants."""
    from scipy.signal import lfilter

    count = int(seconds * 16_000)
    time = np.arange(count) / 16_000
    sound = (np.diff(np.floor(time * 120), prepend=0) > 0).astype(float)
    for hertz, width in ((700, 90), (1200, 110), (2500, 160)):
        radius = np.exp(-np.pi * width / 16_000)
        sound = lfilter([1 - radius], [1, -2 * radius * np.cos(2 * np.pi * hertz / 16_000), radius**2], sound)
    sound *= np.maximum(0, np.sin(2 * np.pi * 2 * time)) ** 0.5
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def test_speech_opens_the_mouth(model):
    gap = lip_gap_mm(model.animate(_vowels(3), 25).expression.numpy())
    assert 3 < gap.max() < 20


@pytest.mark.parametrize("kind", ["silence", "noise", "hiss", "hum"])
def test_without_speech_the_mouth_rests(model, kind):
    rng = np.random.default_rng(0)
    sounds = {
        "silence": np.zeros(80_000),
        "noise": 0.1 * rng.standard_normal(80_000),
        "hiss": 0.002 * rng.standard_normal(80_000),
        "hum": 0.1 * np.sin(2 * np.pi * 50 * np.arange(80_000) / 16_000),
    }
    motion = model.animate(sounds[kind].astype(np.float32), 25)
    assert motion.expression[:, MOUTH].max() < 0.02


@pytest.mark.parametrize(("level", "hints"), [(0.0, 1), (0.0001, 1), (0.02, 0), (0.3, 0)])
def test_silence_is_mentioned_once(model, caplog, level, hints):
    """A file whose track is empty would else give a still face without a reason."""
    sound = _vowels(12) * np.float32(level / 0.3)
    with caplog.at_level("WARNING"):
        model.animate(sound, 25)
    assert sum("silent" in message for message in caplog.messages) == hints


def test_silence_around_speech_is_closed(model):
    silence = np.zeros(24_000, np.float32)
    expression = model.animate(np.concatenate([silence, _vowels(2), silence]), 25).expression[:, MOUTH]
    assert expression[:25].max() < 0.02
    assert expression[-20:].max() < 0.02


@pytest.mark.parametrize("count", [0, 1, 159, 800, 16_000])
@pytest.mark.parametrize("fps", [25, 29.97, 60])
def test_frame_counts(model, count, fps):
    motion = model.animate(_vowels(1)[:count], fps)
    frames = int(np.ceil(count * fps / 16_000 - 1e-6))
    assert len(motion) == frames
    assert motion.rotation.shape == (frames, 3)
    assert motion.eye_rotation.shape == (frames, 2, 2)
    assert torch.isfinite(motion.expression).all()
    assert frames == 0 or (motion.expression.min() >= 0 and motion.expression.max() <= 1)


def test_chunks_do_not_change_the_motion(model):
    sound = _vowels(21)
    whole = model.animate(sound, 25, seed=5)
    cuts = np.sort(np.random.default_rng(0).integers(0, len(sound), 40))
    pieces = list(model.stream(np.split(sound, cuts), 25, seed=5))
    assert len(pieces) > 1
    for name in ("expression", "rotation", "eye_rotation"):
        joined = torch.cat([getattr(piece, name) for piece in pieces])
        torch.testing.assert_close(joined, getattr(whole, name), rtol=0, atol=CUT)


def test_live_frames_come_within_150_ms():
    live, sound, fps = SpeechModel.load_live(), _vowels(1.2), 25
    heard = 0
    arrived, pieces = [], []

    def chunks():
        nonlocal heard
        for chunk in np.split(sound, range(160, len(sound), 160)):
            heard += len(chunk)
            yield chunk

    for piece in live.stream(chunks(), fps, seed=1):
        pieces.append(piece.expression)
        arrived += [heard] * len(piece)
    ends = np.minimum((np.arange(len(arrived)) + 1) / fps, 1.2)
    assert len(arrived) == 30
    assert (np.array(arrived) / 16_000 - ends).max() <= 0.15
    expression = torch.cat(pieces)
    torch.testing.assert_close(expression, live.animate(sound, fps, seed=1).expression, rtol=0, atol=CUT)
    assert lip_gap_mm(expression.numpy()).max() > 3


def test_the_seed_moves_the_head_and_hardly_the_lips(model):
    sound = _vowels(4)
    one, again, other = (model.animate(sound, 25, seed=s) for s in (1, 1, 2))
    torch.testing.assert_close(one.rotation, again.rotation, rtol=0, atol=CUT)
    torch.testing.assert_close(one.expression, again.expression, rtol=0, atol=CUT)
    assert (one.rotation - other.rotation).abs().max() > 1e-3
    gaps = [lip_gap_mm(motion.expression.numpy()) for motion in (one, other)]
    assert np.corrcoef(*gaps)[0, 1] > 0.97


def test_options(model):
    sound = _vowels(4)
    still = model.animate(sound, 25, motion=STILL)
    assert not still.rotation.any()
    assert not still.eye_rotation.any()
    assert not still.expression[:, ARKIT_INDEX["eyeBlinkLeft"]].any()
    half = model.animate(sound, 25, motion=MotionOptions(expression_scale=0.5))
    assert lip_gap_mm(half.expression.numpy()).max() < 0.7 * lip_gap_mm(still.expression.numpy()).max()
    mute = model.animate(sound, 25, motion=MotionOptions(expression_scale=0))
    assert lip_gap_mm(mute.expression.numpy()).max() < 1.5


@pytest.mark.parametrize("bad", [np.zeros((20, 800)), np.array([0.0, np.nan] * 400), np.full(800, 1e4), ["a"], [1, 2]])
def test_bad_samples_are_named(model, bad):
    with pytest.raises(InputError):
        model.animate(bad, 25)


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050, 8_000])
def test_other_sample_rates(model, rate):
    """The same motion as of the sound at 16 kHz, but for what the rate leaves out."""
    sound = _vowels(2)
    other = np.interp(np.arange(2 * rate) / rate, np.arange(len(sound)) / 16_000, sound).astype(np.float32)
    whole, resampled = model.animate(sound, 25), model.animate(other, 25, sample_rate=rate)
    assert len(resampled) == len(whole) == 50
    gaps = [lip_gap_mm(motion.expression.numpy()) for motion in (whole, resampled)]
    assert np.corrcoef(*gaps)[0, 1] > 0.9
    pieces = list(model.stream(np.split(other, range(997, len(other), 997)), 25, sample_rate=rate))
    joined = torch.cat([piece.expression for piece in pieces])
    assert torch.allclose(joined, resampled.expression, atol=1e-3)


def test_other_kinds_of_samples(model):
    """Integers in their full range, double precision, two channels either way round, a tensor, a list."""
    sound = np.round(_vowels(1) * 2**15) / 2**15
    expected = model.animate(sound.astype(np.float32), 25)
    halves = np.stack([2 * sound, np.zeros_like(sound)])
    kinds = [sound, (sound * 2**15).astype(np.int16), (sound * 2**31).astype(np.int32), halves, halves.T]
    for samples in (*kinds, torch.from_numpy(sound), sound.tolist()):
        assert torch.allclose(model.animate(samples, 25).expression, expected.expression, atol=1e-4)


@pytest.mark.parametrize("rate", [0, 1, -16_000, 10**7, 16_000.5, "16000", None, True])
def test_bad_sample_rates_are_named(model, rate):
    with pytest.raises(InputError, match="sample rate"):
        model.animate(np.zeros(800, np.float32), 25, sample_rate=rate)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), 1000])
def test_bad_frame_rates_are_named(model, fps):
    with pytest.raises(InputError, match="frame rate"):
        model.animate(np.zeros(800, np.float32), fps)


@pytest.mark.parametrize("options", [{"head_motion": -1}, {"blink_rate": 1e9}, {"expression_scale": float("nan")}])
def test_bad_options_are_named(options):
    with pytest.raises(InputError, match=next(iter(options))):
        MotionOptions(**options)


def test_a_damaged_weights_file_is_named(tmp_path):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"bad\.safetensors"):
        SpeechModel.load(path=bad)
    with pytest.raises(InputError, match="no speech model"):
        SpeechModel.load(path=tmp_path / "missing.safetensors")


@pytest.mark.slow
def test_memory_does_not_grow_with_length(model):
    import tracemalloc

    def peak(seconds: int) -> int:
        chunk = _vowels(1)
        tracemalloc.start()
        frames = sum(len(piece) for piece in model.stream((chunk for _ in range(seconds)), 25))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert frames == 25 * seconds
        return size

    short, long = peak(20), peak(300)
    assert long < short + 2_000_000
