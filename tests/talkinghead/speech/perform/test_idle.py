import numpy as np
import pytest
from scipy.signal import butter, lfilter

from talkinghead.speech.generate.channels import UPPER_CHANNELS
from talkinghead.speech.perform.idle import HeadRise, IdleMotion, LowPass, Posture


def _loudness(seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * 50)) / 50
    return -20 + 18 * np.sin(2 * np.pi * 1.3 * time) * (np.sin(2 * np.pi * time / 7) > -0.5)


def _ticks(seconds: float, seed: int = 0, parts: int = 1, blinks: float = 15.0) -> dict[str, np.ndarray]:
    motion = IdleMotion(seed, blinks)
    upper = np.concatenate([motion.advance(part) for part in np.array_split(_loudness(seconds), parts)])
    columns = dict(zip(UPPER_CHANNELS, upper.T, strict=True))
    return {"rotation": upper[:, :3], "gaze": upper[:, 3:5], "blink": columns["blink"], "brow": columns["browInnerUp"]}


def test_chunks_do_not_change_the_motion():
    whole, pieces = _ticks(20, parts=1), _ticks(20, parts=37)
    for name, values in whole.items():
        np.testing.assert_allclose(pieces[name], values, rtol=0, atol=1e-6, err_msg=name)


def test_seeds_differ_and_repeat():
    assert np.array_equal(_ticks(10, seed=3)["rotation"], _ticks(10, seed=3)["rotation"])
    assert np.abs(_ticks(10, seed=3)["rotation"] - _ticks(10, seed=4)["rotation"]).max() > 0.01


def test_no_blinks_are_none():
    assert not _ticks(60, blinks=0)["blink"].any()


def test_head_motion_is_small_and_smooth():
    rotation = np.degrees(_ticks(120)["rotation"])
    assert np.abs(rotation).max() < 10
    assert (rotation.std(0) > 0.4).all()
    assert np.abs(np.diff(rotation, axis=0)).max() < 1.0  # degrees per 20 ms
    assert np.abs(rotation[0]).max() < 0.1  # starts in the photo's pose


def test_nods_follow_stress():
    loudness = _loudness(40)
    rotation = np.stack([_ticks(40, seed=s)["rotation"][:, 0] for s in range(6)]).mean(0)
    onsets = [i for i in range(100, 1900) if loudness[i - 1] < -20 <= loudness[i]]
    after = np.mean([rotation[i + 5 : i + 15].mean() for i in onsets])
    before = np.mean([rotation[i - 10 : i].mean() for i in onsets])
    assert after > before


@pytest.mark.parametrize("hertz", [0.22, 0.8, 10.0])
def test_low_pass_is_scipys(hertz: float) -> None:
    values = np.random.default_rng(0).standard_normal((300, 3))
    b, a = butter(2, hertz, fs=50)
    low_pass = LowPass(hertz, 50, 3)
    pieces = [low_pass(values[i : i + 70]) for i in range(0, 300, 70)]
    np.testing.assert_allclose(np.concatenate(pieces), lfilter(b, a, values, axis=0), atol=1e-9)
    impulse = lfilter(b, a, np.eye(1, 4000)[0])
    assert low_pass.white_noise_gain() == pytest.approx(np.sqrt((impulse**2).sum()))


def test_posture_is_slow_and_stays_near():
    made = Posture(np.random.default_rng(3), 25.0).advance(25 * 60 * 30)  # half an hour
    again = Posture(np.random.default_rng(3), 25.0)
    assert np.allclose(np.concatenate([again.advance(n) for n in (1, 700, 24)]), made[:725], atol=1e-6)
    assert np.abs(made[0]).max() < 1e-4
    degrees = np.degrees(made[2500:])
    assert 0.5 < degrees[:, 1].std() < 1.5
    within = degrees[: len(degrees) // 75 * 75].reshape(-1, 75, 3).std(1).mean(0)  # 3 s
    assert (within < 0.3).all()


def test_the_head_rises_with_the_jaw_and_comes_back():
    gap = np.concatenate([np.full(50, 10.0), np.zeros(50)]).astype(np.float32)
    pitch = np.degrees(HeadRise(25.0).advance(gap))
    assert pitch[49] == pytest.approx(-0.9, abs=1e-3)
    assert -0.8 < pitch[0] < -0.3  # lags behind
    assert abs(pitch[-1]) < 1e-3
    halves = HeadRise(25.0)
    assert np.allclose(np.degrees(np.concatenate([halves.advance(gap[:33]), halves.advance(gap[33:])])), pitch)
    assert not HeadRise(25.0).advance(np.full(5, -1.0, np.float32)).any()  # pressed lips
