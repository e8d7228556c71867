import numpy as np
import pytest

from scripts.lab.speech.measure.conditions import (
    active_power,
    babble_of,
    conditions,
    eight_kilohertz,
    gained,
    reverberant,
    telephone,
    with_noise,
)

RATE = 16_000
TIMES = np.arange(2 * RATE) / RATE


def _tone(hertz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * TIMES).astype(np.float32)


def test_the_ratio_is_that_of_active_speech():
    speech = _tone(300) * (TIMES < 1)
    noise = np.random.default_rng(0).standard_normal(len(speech)).astype(np.float32)
    added = with_noise(speech, noise, 10) - speech
    assert active_power(speech) == pytest.approx(0.5, rel=0.01)
    assert 10 * np.log10(0.5 / (added**2).mean()) == pytest.approx(10, abs=0.1)


def test_bands():
    for change, kept, lost in ((eight_kilohertz, 2000, 6000), (telephone, 1000, 5000), (telephone, 1000, 60)):
        assert np.std(change(_tone(kept))) == pytest.approx(np.sqrt(0.5), rel=0.05)
        assert np.std(change(_tone(lost))) < 0.05


def test_a_room_keeps_the_time_and_rings_for_its_time():
    click = np.zeros(RATE, np.float32)
    click[1000] = 1
    heard = reverberant(click, 0.5, 0)
    assert len(heard) == RATE
    assert np.abs(heard[:999]).max() < 1e-6
    assert np.abs(heard).argmax() == 1000
    energy = [float((heard[1000 + a : 1000 + a + 800] ** 2).sum()) for a in (800, 4800)]  # a quarter of a second apart
    assert 10 * np.log10(energy[0] / energy[1]) == pytest.approx(30, abs=3)


def test_babble_is_six_voices_of_one_level_and_the_same_again():
    voices = [_tone(100 * (k + 1)) * 10.0**-k for k in range(6)]
    babble = babble_of(voices, 3 * RATE, 0)
    assert len(babble) == 3 * RATE
    assert (babble**2).mean() == pytest.approx(6, rel=0.2)
    assert np.array_equal(babble, babble_of(voices, 3 * RATE, 0))


def test_every_condition_keeps_length_and_time():
    click = np.zeros(RATE, np.float32)
    click[8000:8400] = np.sin(np.arange(400) * 2 * np.pi * 1000 / RATE)
    for name, change in conditions([_tone(200)]).items():
        changed = change(click)
        assert changed.shape == click.shape, name
        assert changed.dtype == np.float32, name
        lags = np.correlate(changed[7000:9400], click[7000:9400], "full")
        assert abs(int(np.abs(lags).argmax()) - 2399) <= 8, name


def test_levels():
    assert gained(_tone(100), 20).max() == pytest.approx(10, rel=0.01)
    clipped = conditions([_tone(200)])["+20 dB, clipped at full scale"](_tone(100))
    assert np.abs(clipped).max() == 1
