"""Frames of a performance: generated or live, of any cut, at any rate, with every closure and blink in its place."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from talkinghead.speech.generate.channels import MOTION_CHANNELS, UPPER_CHANNELS
from talkinghead.speech.generate.conditions import CONDITION
from talkinghead.speech.generate.generator import MotionGenerator
from talkinghead.speech.generate.network import GeneratorSize, MotionNetwork
from talkinghead.speech.generate.weights import TrainedGenerator
from talkinghead.speech.generate.windows import Rest
from talkinghead.speech.hear.encoder import Ticks
from talkinghead.speech.perform.frame_sources import CLOSURES, POSES, GeneratedSource, LiveSource
from talkinghead.speech.perform.frames import frame_count

CHANNELS = len(MOTION_CHANNELS)
BLINK = POSES + CLOSURES + UPPER_CHANNELS.index("blink")


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    network = MotionNetwork(GeneratorSize(CHANNELS, CONDITION, width=16, blocks=1, heads=2, kernel=3)).eval()
    with torch.no_grad():
        network.out.weight.normal_(0, 0.3)
    rest = Rest(torch.zeros(CHANNELS), torch.zeros(CONDITION))
    ones = torch.ones(CHANNELS)
    trained = TrainedGenerator(network, MOTION_CHANNELS, rest, ones, ones, 0.5, {"blinks_per_minute": 20.0})
    return MotionGenerator(trained)


def _heard(count, seed=0):
    rng = np.random.default_rng(seed)
    phones = rng.dirichlet(np.ones(40), count).astype(np.float32)
    gates = np.zeros((count, 3), np.float32)
    gates[count // 2 : count // 2 + 4, 0] = 1  # a closure of 80 ms
    level = rng.uniform(-20, 0, count).astype(np.float32)
    return Ticks(phones, rng.random((count, 14)).astype(np.float32), gates, level, np.ones(count, np.float32))


def _frames(source, heard, cuts, total):
    edges = [0, *sorted(cuts), len(heard)]
    pieces = [source.push(heard[a:b]) for a, b in itertools.pairwise(edges)]
    return np.concatenate([*pieces, source.finish(total)])


@pytest.mark.parametrize("fps", [12.0, 25.0, 29.97, 60.0])
@pytest.mark.parametrize("live", [True, False])
def test_as_many_frames_as_the_sound_lasts(generator, fps, live):
    for count in (1, 7, 200):
        source = LiveSource(fps, 3, 20.0) if live else GeneratedSource(generator, fps, 3, None)
        total = frame_count(count * 320, 16_000, fps)
        frames = _frames(source, _heard(count), [], total)
        assert frames.shape == (total, POSES + CLOSURES + len(UPPER_CHANNELS))
        assert np.isfinite(frames).all()


@given(cuts=st.lists(st.integers(0, 300), max_size=6))
@settings(max_examples=8, deadline=None)
def test_cuts_do_not_matter(generator, cuts):
    heard, total = _heard(300), 150
    whole = _frames(GeneratedSource(generator, 25.0, 5, 30.0), heard, [], total)
    assert np.allclose(_frames(GeneratedSource(generator, 25.0, 5, 30.0), heard, cuts, total), whole, atol=1e-5)


def test_seeds_differ_and_repeat(generator):
    one, again, other = (_frames(GeneratedSource(generator, 25.0, s, None), _heard(200), [], 100) for s in (1, 1, 2))
    np.testing.assert_allclose(one, again, rtol=0, atol=1e-5)
    assert np.abs(one - other).max() > 0.05


@pytest.mark.parametrize("fps", [15.0, 25.0, 60.0])
def test_closures_stay_where_they_are_heard(generator, fps):
    for source in (LiveSource(fps, 0, 20.0), GeneratedSource(generator, fps, 0, None)):
        gate = _frames(source, _heard(200), [], round(4 * fps))[:, POSES]
        middles = (np.arange(len(gate)) + 0.5) / fps
        inside = (middles > 2.0) & (middles < 2.08)
        assert gate[inside].max() == pytest.approx(1, abs=1e-5)
        assert not gate[(middles < 1.9) | (middles > 2.2)].any()


def test_lids_are_those_of_the_asked_blinks(generator):
    """The generator's own curve of the channel does not show: lids are shut as often as asked, and wholly."""
    heard, total = _heard(3000), 1500  # a minute
    none = _frames(GeneratedSource(generator, 25.0, 1, 0.0), heard, [], total)[:, BLINK]
    assert not none.any()
    lids = _frames(GeneratedSource(generator, 25.0, 1, 40.0), heard, [], total)[:, BLINK]
    shut = np.diff((lids > 0.9).astype(int)) > 0
    assert 25 <= shut.sum() <= 55
