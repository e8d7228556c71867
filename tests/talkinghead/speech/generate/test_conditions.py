"""Frames of conditions from the encoder's ticks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from talkinghead.speech.generate.conditions import (
    CONDITION,
    TICK_CONDITION,
    frame_conditions,
    open_pose,
    tick_conditions,
)
from talkinghead.speech.hear.encoder import Ticks


def ticks(count: int) -> Ticks:
    rng = np.random.default_rng(0)
    return Ticks(
        rng.random((count, 40), np.float32),
        rng.random((count, 14), np.float32),
        rng.random((count, 3), np.float32),
        -30 * rng.random(count, np.float32),
        rng.random(count, np.float32),
    )


@pytest.mark.parametrize("cuts", [(20,), (1,) * 20, (3, 5, 0, 12)])
def test_a_frame_holds_both_of_its_ticks_however_they_come(cuts: tuple[int, ...]) -> None:
    whole = ticks(20)
    edges = np.cumsum([0, *cuts])
    pieces = [whole[int(a) : int(b)] for a, b in itertools.pairwise(edges)]
    frames = np.concatenate([*frame_conditions(pieces)])
    assert frames.shape == (10, CONDITION)
    np.testing.assert_allclose(frames.reshape(20, TICK_CONDITION), tick_conditions(whole), rtol=0, atol=1e-6)


def test_a_last_half_frame_is_a_frame() -> None:
    frames = np.concatenate([*frame_conditions([ticks(5)])])
    assert len(frames) == 3
    assert np.array_equal(frames[2, :TICK_CONDITION], frames[2, TICK_CONDITION:])


def test_conditions_are_moderate_numbers_also_in_silence() -> None:
    silent = Ticks(np.zeros((2, 40), np.float32), np.zeros((2, 14), np.float32), np.zeros((2, 3), np.float32),
                   np.full(2, -500.0, np.float32), np.zeros(2, np.float32))  # fmt: skip
    assert np.abs(tick_conditions(silent)).max() == 4


def test_open_pose_is_the_mean_of_a_frames_ticks() -> None:
    whole = ticks(4)
    frames = np.concatenate([*frame_conditions([whole])])
    assert np.allclose(open_pose(frames), whole.pose.reshape(2, 2, 14).mean(1))
