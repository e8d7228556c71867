import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkinghead.speech.perform.frames import CurveSampler, FrameSampler, frame_count

PEAK = np.array([False, True])


def _all(ticks: np.ndarray, fps: float, total: int, cuts: list[int]) -> np.ndarray:
    sampler = FrameSampler(fps, PEAK)
    pieces = [sampler.push(part) for part in np.split(ticks, cuts)]
    return np.concatenate([*pieces, sampler.finish(total)])


@pytest.mark.parametrize(
    ("samples", "fps", "frames"), [(16_000, 25, 25), (16_001, 25, 26), (800, 25, 2), (16_000, 29.97, 30), (0, 25, 0)]
)
def test_frame_count(samples, fps, frames):
    assert frame_count(samples, 16_000, fps) == frames


@given(
    cuts=st.lists(st.integers(0, 200), max_size=5), fps=st.sampled_from([1.0, 12.0, 23.976, 25.0, 30.0, 60.0, 120.0])
)
@settings(max_examples=60, deadline=None)
def test_pieces_equal_the_whole(cuts, fps):
    ticks = np.random.default_rng(0).random((200, 2)).astype(np.float32)
    total = frame_count(64_000, 16_000, fps)
    whole = _all(ticks, fps, total, [])
    assert len(whole) == total
    assert np.allclose(_all(ticks, fps, total, sorted(cuts)), whole, atol=1e-6)


def test_a_ramp_keeps_its_time():
    ticks = np.repeat(((np.arange(100) + 0.5) / 50)[:, None], 2, 1).astype(np.float32)  # value = time in s
    for fps in (25.0, 30.0, 60.0):
        frames = _all(ticks, fps, int(2 * fps), [])
        middles = (np.arange(len(frames)) + 0.5) / fps
        assert np.abs(frames[2:-2, 0] - middles[2:-2]).max() < 1e-3


@pytest.mark.parametrize("fps", [10.0, 15.0, 25.0, 30.0, 50.0])
@pytest.mark.parametrize("start", range(40, 48))
def test_a_closure_of_60_ms_is_seen(fps, start):
    ticks = np.zeros((100, 2), np.float32)
    ticks[start : start + 4] = 1  # 1 between the first and the last tick's middle: 60 ms
    assert _all(ticks, fps, int(2 * fps), [])[:, 1].max() > 0.99


def test_one_tick_is_enough():
    assert _all(np.ones((1, 2), np.float32), 25.0, 2, []).tolist() == [[1, 1], [1, 1]]


def _curve(values: np.ndarray, fps: float, total: int, cuts: list[int]) -> np.ndarray:
    sampler = CurveSampler(fps, 25.0, values.shape[1])
    pieces = [sampler.push(part) for part in np.split(values, cuts)]
    return np.concatenate([*pieces, sampler.finish(total)])


@given(
    cuts=st.lists(st.integers(0, 100), max_size=5), fps=st.sampled_from([1.0, 12.0, 23.976, 25.0, 30.0, 60.0, 120.0])
)
@settings(max_examples=60, deadline=None)
def test_curves_in_pieces_equal_the_whole(cuts, fps):
    values = np.random.default_rng(0).random((100, 2)).astype(np.float32)
    total = frame_count(64_000, 16_000, fps)
    whole = _curve(values, fps, total, [])
    assert len(whole) == total
    assert np.allclose(_curve(values, fps, total, sorted(cuts)), whole, atol=1e-6)


def test_at_its_own_rate_a_curve_stays_as_it_is():
    values = np.random.default_rng(0).random((50, 3)).astype(np.float32)
    assert np.allclose(_curve(values, 25.0, 50, [7, 8, 30]), values, atol=1e-6)


def test_a_parabola_is_met_between_its_values():
    middles = (np.arange(50) + 0.5) / 25
    frames = _curve((middles**2)[:, None].astype(np.float32), 60.0, 120, [])
    times = (np.arange(120) + 0.5) / 60
    assert np.abs(frames[6:-6, 0] - times[6:-6] ** 2).max() < 1e-4


@pytest.mark.parametrize("fps", [12.0, 25.0, 30.0, 60.0])
def test_prompt_frames_come_with_their_last_tick_and_do_not_depend_on_later_ones(fps):
    ticks = np.random.default_rng(0).random((200, 2)).astype(np.float32)
    one, many = FrameSampler(fps, PEAK, prompt=True), FrameSampler(fps, PEAK, prompt=True)
    whole = np.concatenate([one.push(ticks), one.finish(frame_count(64_000, 16_000, fps))])
    made = []
    for number in range(200):
        made.append(many.push(ticks[number : number + 1]))
        assert sum(map(len, made)) == int((number + 1) / 50 * fps + 1e-9)
    made.append(many.finish(len(whole)))
    assert np.allclose(np.concatenate(made), whole, atol=1e-6)
