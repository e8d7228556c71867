"""The encoder's stream against the network run once over everything."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from face3d.errors import InputError
from talkinghead.speech.hear.encoder import LIVE_PACE, OFFLINE_PACE, SpeechEncoder, Ticks
from talkinghead.speech.hear.features import SAMPLE_RATE, NormaliserOptions, log_mel_stream, normalised
from talkinghead.speech.hear.network import NetworkSize, SpeechNetwork

OFFLINE = NetworkSize(16, (1, 2), 8, (1, 4))
LIVE = NetworkSize(16, (1, 2, 8), 8, (1, 4), lookahead=3, level_lookahead=0)


def _network(size):
    torch.manual_seed(0)
    return SpeechNetwork(size).eval()


def _sound(seconds):
    rng = np.random.default_rng(2)
    envelope = np.repeat(rng.random(int(seconds * 5) + 1), SAMPLE_RATE // 5)[: int(seconds * SAMPLE_RATE)]
    return (0.3 * envelope * rng.standard_normal(len(envelope))).astype(np.float32)


@pytest.mark.parametrize(("size", "pace"), [(OFFLINE, replace(OFFLINE_PACE, block=30)), (LIVE, LIVE_PACE)])
@pytest.mark.parametrize("seconds", [0.013, 0.5, 2.03])
def test_blocks_equal_one_pass_of_the_network(size, pace, seconds):
    network, sound = _network(size), _sound(seconds)
    mels = np.concatenate(list(log_mel_stream([sound])))
    features = normalised(mels[None], NormaliserOptions(lookahead=size.level_lookahead))[0]
    if len(features) % 2:
        features = np.concatenate([features, features[-1:]])
    with torch.inference_mode():
        output = network(torch.from_numpy(features)[None])
    heard = Ticks.join(list(SpeechEncoder(network, pace=pace).ticks([sound])))
    assert len(heard) == len(features) // 2
    assert np.abs(heard.pose - output.pose.sigmoid()[0].T.numpy()).max() < 1e-5
    assert np.abs(heard.phones - output.phones.softmax(1)[0].T.numpy()).max() < 1e-5


def test_chunks_do_not_change_what_is_heard():
    encoder, sound = SpeechEncoder(_network(LIVE), pace=LIVE_PACE), _sound(1.0)
    whole = Ticks.join(list(encoder.ticks([sound])))
    pieces = Ticks.join(list(encoder.ticks(np.array_split(sound, 37))))
    for name in ("phones", "pose", "gates", "loudness", "audible"):
        np.testing.assert_allclose(getattr(whole, name), getattr(pieces, name), rtol=1e-5, atol=1e-5, err_msg=name)


def test_the_look_ahead_is_what_the_size_says():
    """Sound beyond a tick's own look-ahead changes nothing; sound at its end does."""
    sound = _sound(2.0)
    encoder = SpeechEncoder(_network(LIVE), pace=LIVE_PACE)
    tick = 40
    end = (tick + 1) * 320  # of the tick's own sound
    reach = LIVE.future * 320 + 120  # with half a mel window beyond its hop
    assert reach / SAMPLE_RATE <= 0.1

    def pose(changed_from):
        other = sound.copy()
        other[changed_from:] = 0.2 * np.sin(np.arange(len(sound) - changed_from))
        return Ticks.join(list(encoder.ticks([other]))).pose[tick]

    before = Ticks.join(list(encoder.ticks([sound]))).pose[tick]
    np.testing.assert_allclose(pose(end + reach), before, rtol=0, atol=1e-6)
    assert np.abs(pose(end + reach - 200) - before).max() > 1e-5


@pytest.mark.parametrize("bad", [np.zeros((2, 800)), np.array([0.0, np.nan] * 400)])
def test_bad_samples_are_named(bad):
    with pytest.raises(InputError):
        list(SpeechEncoder(_network(OFFLINE)).ticks([bad]))
