"""Blinks: their shape, their times, and fewer or more of them."""

from __future__ import annotations

import numpy as np
import pytest

from talkinghead.speech.perform.frames import FrameSampler
from talkinghead.speech.perform.lids import Blink, BlinkRetimer, BlinkShaper, BlinkStart, BlinkTrain

MINUTES = 8
TICKS = MINUTES * 60 * 50


def train(rate: float, seed: int = 0, parts: int = 1) -> list[BlinkStart]:
    blinks = BlinkTrain(np.random.default_rng(seed), rate)
    return joined(blinks.advance, parts)


def joined(advance, parts: int = 1, starts: list[BlinkStart] | None = None) -> list[BlinkStart]:
    """What blocks of a train give, with ticks counted from the very first."""
    result, first = [], 0
    for block in np.array_split(np.arange(TICKS), parts):
        if starts is None:
            found = advance(len(block))
        else:
            inside = [s for s in starts if first <= s.tick < first + len(block)]
            found = advance(len(block), [BlinkStart(s.tick - first, s.depth) for s in inside])
        result += [BlinkStart(s.tick + first, s.depth) for s in found]
        first += len(block)
    return result


def complete(starts: list[BlinkStart]) -> np.ndarray:
    return np.array([s.tick for s in starts if s.depth == 1])


def widths(lid: np.ndarray, rate: float) -> np.ndarray:
    """Seconds of each blink at half height."""
    edges = np.diff(np.concatenate([[0], (lid > 0.5).astype(int), [0]]))
    return (np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)) / rate


@pytest.mark.parametrize("rate", [6.0, 18.0, 40.0, 60.0])
def test_blinks_come_at_their_rate(rate: float) -> None:
    times = complete(train(rate))
    assert len(times) / MINUTES == pytest.approx(rate, rel=0.2)
    assert np.diff(times).min() >= 0.4 * 50


def test_no_blinks() -> None:
    assert train(0) == []


def test_some_blinks_are_double_and_some_incomplete() -> None:
    starts = train(18)
    gaps = np.diff(complete(starts)) / 50
    assert 0.01 < (gaps < 0.7).mean() < 0.12
    assert 0.01 < np.mean([s.depth < 1 for s in starts]) < 0.12
    assert gaps.std() / gaps.mean() > 0.4, "people do not blink like clocks"


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0])
def test_every_blink_takes_as_long_as_peoples_and_shuts_the_eye(fps: float) -> None:
    starts = train(18)
    lid = BlinkShaper(np.random.default_rng(1)).advance(TICKS, starts)
    sampler = FrameSampler(fps, np.ones(1, np.bool_))
    frames = np.concatenate([sampler.push(lid[:, None]), sampler.finish(int(MINUTES * 60 * fps))])[:, 0]
    found = widths(frames, fps)
    assert len(found) == len(complete(starts))
    assert found.min() >= 0.1
    assert found.max() <= 0.4
    shut = [frames[int(t / 50 * fps) : int((t / 50 + 0.3) * fps)].max() for t in complete(starts)[:-1]]
    assert min(shut) > 0.9


def test_lids_need_frames_to_close_and_more_to_open() -> None:
    blink = Blink.drawn(np.random.default_rng(0), 1.0)
    for phase in np.linspace(0, 0.04, 9):
        frames = blink.lid(np.arange(-0.04 + phase, 0.6, 0.04))
        peak = int(frames.argmax())
        assert ((frames[:peak] > 0.02) & (frames[:peak] < 0.95)).sum() >= 2
        assert ((frames[peak:] > 0.02) & (frames[peak:] < 0.95)).sum() >= 3


@pytest.mark.parametrize("rate", [0.0, 9.0, 18.0, 30.0, 50.0])
def test_a_train_can_be_made_rarer_or_denser(rate: float) -> None:
    natural = train(18)
    retimer = BlinkRetimer(np.random.default_rng(2), rate, 18.0)
    times = complete(joined(retimer.advance, 1, natural))
    assert len(times) / MINUTES == pytest.approx(rate, rel=0.2, abs=0.3)
    assert not len(times) or np.diff(times).min() >= 0.4 * 50
    kept = np.isin(times, complete(natural))
    if rate <= 18:
        assert kept.all(), "nothing is added"


def test_the_natural_rate_changes_nothing() -> None:
    natural = train(18)
    for rate in (None, 18.0):
        assert joined(BlinkRetimer(np.random.default_rng(2), rate, 18.0).advance, 1, natural) == natural


def test_blocks_do_not_matter() -> None:
    starts = train(30)
    assert train(30, parts=97) == starts
    once, cut = (BlinkRetimer(np.random.default_rng(2), 45.0, 30.0) for _ in range(2))
    assert joined(once.advance, 1, starts) == joined(cut.advance, 97, starts)
    whole = BlinkShaper(np.random.default_rng(1)).advance(TICKS, starts)
    shaper, pieces, first = BlinkShaper(np.random.default_rng(1)), [], 0
    for block in np.array_split(np.arange(TICKS), 97):
        inside = [BlinkStart(s.tick - first, s.depth) for s in starts if first <= s.tick < first + len(block)]
        pieces.append(shaper.advance(len(block), inside))
        first += len(block)
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=0, atol=1e-6)
