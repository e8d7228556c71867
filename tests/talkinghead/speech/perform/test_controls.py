"""What the user asked of the motion, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.errors import InputError
from face3d.fit.photo_fit import with_eye_look
from talkinghead.speech.options import MotionOptions
from talkinghead.speech.perform.controls import MotionControls
from talkinghead.speech.perform.style import NATURAL_STYLE

FPS = 25.0


def frames(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An open pose, gates and an upper face that moves smoothly."""
    rng = np.random.default_rng(seed)
    time = np.arange(count)[:, None] / FPS
    phases = rng.uniform(0, 6, (1, 10))
    upper = 0.03 * np.sin(2 * time + phases)
    upper[:, 5:] = np.abs(upper[:, 5:])
    pose, gates = rng.beta(1, 4, (count, 14)), rng.choice([0.0, 1.0], (count, 3), p=[0.8, 0.2])
    return pose.astype(np.float32), gates.astype(np.float32), upper.astype(np.float32)


def controlled(count: int = 300, parts: int = 1, **options: object) -> tuple[np.ndarray, ...]:
    controls = MotionControls(MotionOptions(**options), FPS, 3)  # type: ignore[arg-type]
    blocks = zip(*(np.array_split(values, parts) for values in frames(count)), strict=True)
    pieces = [controls.apply(*block) for block in blocks]
    return tuple(np.concatenate(values) for values in zip(*pieces, strict=True))


@pytest.mark.parametrize(
    "options",
    [{}, {"emotion": "sad", "start_pose": (5, -10, 2)}, {"style": NATURAL_STYLE, "head_motion": 1.5}],
)
def test_blocks_do_not_matter(options: dict[str, object]) -> None:
    for whole, pieces in zip(controlled(**options), controlled(parts=23, **options), strict=True):
        np.testing.assert_allclose(pieces, whole, atol=1e-6)


def test_empty_blocks_are_nothing() -> None:
    controls = MotionControls(MotionOptions(start_pose=(3, 0, 0), emotion="happy"), FPS, 0)
    pose, gates, upper = frames(10)
    expression, rotation, eyes = controls.apply(pose[:0], gates[:0], upper[:0])
    assert (expression.shape, rotation.shape, eyes.shape) == ((0, 52), (0, 3), (0, 2, 2))
    _, rotation, _ = controls.apply(pose, gates, upper)
    np.testing.assert_allclose(np.degrees(rotation[0]), [3, 0, 0], atol=1e-5)


@pytest.mark.parametrize("start", [(0.0, 0.0, 0.0), (4.0, -12.0, 3.0), (0.0, 30.0, 0.0)])
def test_the_head_starts_in_the_start_pose_and_comes_back(start: tuple[float, float, float]) -> None:
    _, rotation, _ = controlled(start_pose=start)
    natural = frames(300)[2][:, :3]
    np.testing.assert_allclose(np.degrees(rotation[0]), start, atol=1e-4)
    np.testing.assert_allclose(rotation[-20:], natural[-20:], atol=1e-6)
    speed = np.degrees(np.linalg.norm(np.diff(rotation - natural, axis=0), axis=1)) * FPS
    assert speed.max() < 10.1


def test_a_still_head_stays_in_the_start_pose() -> None:
    _, rotation, eyes = controlled(start_pose=(0, 10, 0), head_motion=0, eye_motion=0)
    np.testing.assert_allclose(np.degrees(rotation), np.tile([0, 10, 0], (300, 1)), atol=1e-5)
    np.testing.assert_allclose(np.degrees(eyes[..., 1]), -8, atol=1e-5)  # the eyes stay with the camera


def test_zero_is_exactly_still() -> None:
    expression, rotation, eyes = controlled(head_motion=0, eye_motion=0, brow_motion=0, expression_scale=0)
    assert not rotation.any()
    assert not eyes.any()
    for name in ("browInnerUp", "browDownLeft", "browOuterUpRight", "eyeLookDownLeft", "eyeLookUpRight"):
        assert not expression[:, ARKIT_INDEX[name]].any(), name


def test_amounts_scale() -> None:
    plain, double = controlled(), controlled(head_motion=2, eye_motion=2)
    np.testing.assert_allclose(double[1][100:], 2 * plain[1][100:], atol=1e-6)
    np.testing.assert_allclose(double[2][100:], 2 * plain[2][100:], atol=1e-6)


def test_lids_follow_the_gaze() -> None:
    """As in a fitted photo."""
    expression, _, eyes = controlled(eye_motion=3)
    expected = with_eye_look(torch.from_numpy(expression), torch.from_numpy(eyes))
    np.testing.assert_allclose(expression, expected.numpy(), atol=1e-6)
    assert expression[:, ARKIT_INDEX["eyeLookDownLeft"]].max() > 0.1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"emotion": "bored"}, "emotion must be one of neutral, happy"),
        ({"emotion_strength": 1.5}, "emotion_strength must be a number from 0 to 1"),
        ({"start_pose": (1.0, 2.0)}, "three angles"),
        ({"start_pose": (1.0, 2.0, float("nan"))}, "start_pose must be"),
        ({"start_pose": (0.0, 31.0, 0.0)}, "start_pose must be a number from -30 to 30"),
        ({"blink_rate": 61}, "blink_rate must be"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        MotionOptions(**options)  # type: ignore[arg-type]
