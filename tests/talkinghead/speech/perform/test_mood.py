"""Emotions under speech: seen at rest, out of the lips' way when they work."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.model.landmark_sets import LOWER_INNER_LIP, UPPER_INNER_LIP
from face3d.model.morphable_model import MorphableModel
from talkinghead.speech.options import MotionOptions
from talkinghead.speech.perform.emotion import EMOTIONS, channels
from talkinghead.speech.perform.mood import RAMP_SECONDS, Mood, MoodLayer, ramp, with_gap
from talkinghead.speech.perform.mouth import assemble, lip_gap_mm

FELT = [name for name in EMOTIONS if name != "neutral"]
FPS = 25.0


def layer(emotion: str, strength: float = 1.0, seed: int = 0) -> MoodLayer:
    options = MotionOptions(emotion=emotion, emotion_strength=strength)
    return MoodLayer(Mood.of(options), FPS, np.random.default_rng(seed))


def under(emotion: str, pose: np.ndarray, gates: np.ndarray, strength: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Spoken weights, and the same in a mood that is fully there."""
    spoken = assemble(pose.astype(np.float32), gates.astype(np.float32))
    return spoken, layer(emotion, strength).under(spoken, gates.astype(np.float32), np.ones(len(pose), np.float32))


def some_poses(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).beta(1, 4, (count, 14))


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_channels_exist(emotion: str) -> None:
    found = EMOTIONS[emotion]
    for name in (*found.face, *found.mouth):
        assert channels({name: 1.0}).any(), name
    assert all(any(full.startswith(name) for full in ARKIT_NAMES) for name in found.replaces)


def test_neutral_is_no_layer() -> None:
    assert layer("neutral").none
    assert layer("happy", 0.0).none
    assert not layer("happy").none


@pytest.mark.parametrize("emotion", FELT)
def test_pressed_lips_stay_pressed_on_the_mesh(emotion: str, model: MorphableModel) -> None:
    """/p b m/ in every mood: no farther apart than without one."""
    gates = np.tile([1.0, 0.0, 0.0], (12, 1))
    spoken, felt = under(emotion, some_poses(12), gates)
    np.testing.assert_allclose(lip_gap_mm(felt), lip_gap_mm(spoken), atol=0.01)
    neutral, basis = model.neutral(torch.zeros(model.identity_size)), model.expression_basis
    points = model.landmarks478
    top, bottom = list(UPPER_INNER_LIP), list(LOWER_INNER_LIP)

    def aperture(weights: np.ndarray) -> np.ndarray:
        at_rest = points.of(neutral)
        moved = at_rest + torch.einsum("tk,kvc->tvc", torch.from_numpy(weights), points.of(basis))
        middle = len(top) // 2
        return (moved[:, top, 1] - moved[:, bottom, 1]).numpy()[:, middle]

    assert aperture(felt).max() < max(0.7, aperture(spoken).max() + 0.3)


@given(st.integers(0, 1000), st.sampled_from(FELT), st.floats(0, 1))
def test_the_lips_gap_is_the_speechs(seed: int, emotion: str, strength: float) -> None:
    rng = np.random.default_rng(seed)
    gates = rng.choice([0.0, 0.3, 1.0], (6, 3))
    spoken, felt = under(emotion, some_poses(6, seed), gates, strength)
    more = lip_gap_mm(felt) - lip_gap_mm(spoken)
    most = strength * EMOTIONS[emotion].parted_mm * (1 - np.maximum(gates[:, 0], gates[:, 1]))
    assert (more > -0.02).all()
    assert (more < most + 0.02).all()
    np.testing.assert_allclose(more[lip_gap_mm(spoken) > 15], 0, atol=0.02)
    assert felt.min() >= 0
    assert felt.max() <= 1


@pytest.mark.parametrize("emotion", FELT)
def test_brows_and_eyes_stay_while_the_mouth_makes_room(emotion: str) -> None:
    rounded = np.zeros((2, 14))
    rounded[1, [2, 3]] = 0.3, 0.4  # funnel, pucker
    spoken, felt = under(emotion, rounded, np.zeros((2, 3)))
    change = felt - spoken
    for name, value in EMOTIONS[emotion].face.items():
        index = np.flatnonzero(channels({name: 1.0}))
        np.testing.assert_allclose(change[:, index], value, atol=1e-6)
    for name in ("mouthSmile", "mouthFrown"):
        index = np.flatnonzero(channels({name: 1.0}))
        if name in EMOTIONS[emotion].mouth:
            assert (change[1, index] < 0.5 * change[0, index]).all()


def test_wide_eyes_shut_in_a_blink() -> None:
    spoken = np.zeros((2, 52), np.float32)
    spoken[1, [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]] = 1
    felt = layer("surprised").under(spoken, np.zeros((2, 3), np.float32), np.ones(2, np.float32))
    assert felt[0, ARKIT_INDEX["eyeWideLeft"]] > 0.3
    assert felt[1, ARKIT_INDEX["eyeWideLeft"]] == 0
    assert felt[1, ARKIT_INDEX["eyeBlinkLeft"]] == 1


def test_a_mood_comes_from_the_photos_own_face_and_never_freezes() -> None:
    found = layer("happy")
    amount = np.concatenate([found.amount(count) for count in (1, 7, 300, 1192)])
    np.testing.assert_allclose(amount, layer("happy").amount(1500), rtol=0, atol=1e-6)
    assert amount[0] == 0
    assert np.abs(np.diff(amount)).max() < 0.15
    later = amount[int(2 * RAMP_SECONDS * FPS) :]
    assert 0.02 < later.std() < 0.2
    assert later.min() > 0.6
    assert later.max() < 1.35
    assert np.abs(amount - layer("happy", seed=1).amount(1500)).max() > 0.05


def test_what_contradicts_a_mood_leaves_the_photos_face() -> None:
    sad = Mood.of(MotionOptions(emotion="sad", emotion_strength=0.5))
    assert (sad.kept(0) == 1).all()
    kept = sad.kept(10)
    assert kept[ARKIT_INDEX["mouthSmileLeft"]] == 0.5
    assert kept[ARKIT_INDEX["browInnerUp"]] == 1
    assert (Mood.of(MotionOptions()).kept(10) == 1).all()
    assert ramp(np.array([0.0, RAMP_SECONDS, 99.0])).tolist() == [0, 1, 1]


def test_a_still_head_does_not_nod_in_sorrow() -> None:
    assert Mood.of(MotionOptions(emotion="sad")).pitch > 0
    assert Mood.of(MotionOptions(emotion="sad", head_motion=0)).pitch == 0
    assert Mood.of(MotionOptions(emotion="sad", eye_motion=0)).gaze == 0


def test_gaps_are_set_without_jaw_and_lips_working_against_each_other() -> None:
    rest = channels({"jawOpen": 0.1, "mouthClose": 0.1})[None]
    opened = with_gap(rest, np.array([1.74]))
    assert opened[0, ARKIT_INDEX["mouthClose"]] == pytest.approx(0.05, abs=1e-6)
    assert opened[0, ARKIT_INDEX["jawOpen"]] == pytest.approx(0.1, abs=1e-6)
    wide = with_gap(rest, np.array([6.96]))
    assert wide[0, ARKIT_INDEX["mouthClose"]] == pytest.approx(0, abs=1e-6)
    assert wide[0, ARKIT_INDEX["jawOpen"]] == pytest.approx(0.2, abs=1e-6)
    closed = with_gap(wide, np.array([0.0]))
    assert lip_gap_mm(closed)[0] == pytest.approx(0, abs=1e-4)
