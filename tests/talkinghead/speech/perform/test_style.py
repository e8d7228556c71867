"""Somebody's way to move, measured and given to other motion."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.camera import axis_angle_to_matrix, matrix_to_axis_angle
from face3d.errors import InputError
from face3d.parameters import FaceParameters
from talkinghead.photo.poses import nobody
from talkinghead.speech.options import MotionOptions
from talkinghead.speech.perform.controls import MotionControls
from talkinghead.speech.perform.idle import LowPass
from talkinghead.speech.perform.style import NATURAL_STYLE, REST_CHANNELS, MotionStyle, count_blinks, measured, style_of

FPS = 25.0


def head(seconds: float, degrees: float, seed: int = 0, hertz: float = 0.5) -> np.ndarray:  # [T, 3] rad
    low_pass = LowPass(hertz, FPS, 3)
    noise = np.random.default_rng(seed).standard_normal((int(seconds * FPS) + 200, 3))
    return (low_pass(noise)[200:] * np.radians(degrees) / low_pass.white_noise_gain()).astype(np.float32)


def motion(rotation: np.ndarray, expression: np.ndarray | None = None) -> FaceParameters:
    count = len(rotation)
    return dataclasses.replace(
        nobody(1),
        expression=torch.zeros(count, 52) if expression is None else torch.from_numpy(expression).float(),
        rotation=torch.from_numpy(rotation).float(),
        translation=torch.zeros(count, 3),
        eye_rotation=torch.zeros(count, 2, 2),
        confidence=torch.ones(count),
        fps=FPS,
    )


def test_the_heads_motion_counts_from_its_mean_pose() -> None:
    rotation = head(60, 1.0)
    away = axis_angle_to_matrix(torch.tensor([0.2, -0.5, 0.1]))
    turned = matrix_to_axis_angle(away @ axis_angle_to_matrix(torch.from_numpy(rotation))).numpy()
    near, far = measured(motion(rotation)), measured(motion(turned))
    np.testing.assert_allclose(far.head_std, near.head_std, rtol=0.02)
    np.testing.assert_allclose(far.head_velocity_std, near.head_velocity_std, rtol=0.02)
    np.testing.assert_allclose(measured(motion(2 * rotation)).head_std, 2 * np.array(near.head_std), rtol=0.02)


def test_slow_drifts_and_length_hardly_change_a_style() -> None:
    rotation = head(60, 1.0)
    plain = measured(motion(rotation))
    drifting = rotation + np.linspace(0, np.radians(10), len(rotation))[:, None].astype(np.float32)
    np.testing.assert_allclose(measured(motion(drifting)).head_std, plain.head_std, rtol=0.1)
    np.testing.assert_allclose(measured(motion(rotation[:500])).head_std, plain.head_std, rtol=0.25)


def test_nods_that_go_with_the_jaw_are_none() -> None:
    jaw = 0.2 + 0.2 * np.sin(np.arange(1000) * 0.9)
    expression = np.zeros((1000, 52))
    expression[:, ARKIT_INDEX["jawOpen"]] = jaw
    rotation = head(40, 0.5)
    shaken = rotation.copy()
    shaken[:, 0] += (0.1 * (jaw - jaw.mean())).astype(np.float32)
    assert measured(motion(shaken, expression)).head_velocity_std[0] == pytest.approx(
        measured(motion(rotation, expression)).head_velocity_std[0], rel=0.1
    )


def test_short_references_say_less() -> None:
    rotation = head(120, 4.0)
    long, short = style_of(motion(rotation)), style_of(motion(rotation[:75]))
    found = measured(motion(rotation)).head_std[1]
    natural = NATURAL_STYLE.head_std[1]
    assert natural < short.head_std[1] < 0.75 * found
    assert long.head_std[1] > 0.8 * found
    # Nobody speaks and nobody blinks in them.
    assert long.mouth_p95_mm == NATURAL_STYLE.mouth_p95_mm
    assert long.blinks_per_minute < short.blinks_per_minute < NATURAL_STYLE.blinks_per_minute


def test_frames_without_a_face_do_not_count() -> None:
    rotation = head(20, 1.0)
    known = motion(rotation)
    broken = rotation.copy()
    broken[100:150] = 1.5
    confidence = torch.ones(len(rotation))
    confidence[100:150] = 0
    lost = dataclasses.replace(motion(broken), confidence=confidence)
    np.testing.assert_allclose(measured(lost).head_std, measured(known).head_std, rtol=0.2)
    with pytest.raises(InputError, match=r"at least 2 seconds of a face; the reference has 1\.6"):
        style_of(known.frames(0, 40))
    with pytest.raises(InputError, match=r"has 0\.0"):
        style_of(dataclasses.replace(known, confidence=torch.zeros(len(known))))


def test_blinks_are_counted_over_resting_lids() -> None:
    lid = np.full(500, 0.2)
    for start in (50, 200, 300):
        lid[start : start + 6] = (0.3, 0.7, 0.85, 0.8, 0.6, 0.3)
    lid[400:404] = 0.4  # a twitch
    lid[440:480] = 0.85  # eyes shut for long
    assert count_blinks(lid, FPS) == 3
    assert count_blinks(np.zeros(0), FPS) == 0


def upper(rotation: np.ndarray, brow: np.ndarray) -> np.ndarray:
    return np.concatenate([rotation, np.zeros((len(rotation), 3)), np.repeat(brow[:, None], 4, 1)], 1).astype(
        np.float32
    )


def performed(options: MotionOptions, rotation: np.ndarray, brow: np.ndarray) -> FaceParameters:
    controls = MotionControls(options, FPS, 0)
    still = np.zeros((len(rotation), 14), np.float32)
    expression, turned, _ = controls.apply(still, np.zeros((len(rotation), 3), np.float32), upper(rotation, brow))
    return motion(turned, expression)


def test_motion_takes_a_style_over() -> None:
    rotation, brow = head(120, 1.0, hertz=0.8), np.abs(head(120, 3.0, seed=2)[:, 0])
    plain = measured(performed(MotionOptions(), rotation, brow))
    style = dataclasses.replace(
        NATURAL_STYLE,
        head_std=tuple(2.0 * v for v in NATURAL_STYLE.head_std),
        head_velocity_std=tuple(1.3 * v for v in NATURAL_STYLE.head_velocity_std),
        brow_std=0.5 * NATURAL_STYLE.brow_std,
    )
    styled = measured(performed(MotionOptions(style=style), rotation, brow))
    np.testing.assert_allclose(np.array(styled.head_std) / plain.head_std, 2.0, rtol=0.2)
    np.testing.assert_allclose(np.array(styled.head_velocity_std) / plain.head_velocity_std, 1.4, rtol=0.2)
    assert styled.brow_std == pytest.approx(0.5 * plain.brow_std, rel=0.05)


def test_the_natural_style_changes_the_resting_face_only() -> None:
    rotation, brow = head(20, 1.0), np.zeros(500)
    plain = performed(MotionOptions(), rotation, brow)
    rest = tuple(0.4 if name == "browDownLeft" else 0.0 for name in REST_CHANNELS)
    styled = performed(MotionOptions(style=dataclasses.replace(NATURAL_STYLE, rest=rest)), rotation, brow)
    torch.testing.assert_close(styled.rotation, plain.rotation, atol=1e-5, rtol=0)
    difference = (styled.expression - plain.expression)[100]
    assert difference[ARKIT_INDEX["browDownLeft"]] == pytest.approx(0.2, abs=0.08)
    difference[ARKIT_INDEX["browDownLeft"]] = 0
    assert difference.abs().max() < 1e-6


def test_styles_are_bounded() -> None:
    wild = MotionStyle((9.0,) * 3, (9.0,) * 3, 90.0, 30.0, 9.0, 500.0)
    options = MotionOptions(style=wild)
    assert wild.slow_head_ratio.max() == wild.fast_head_ratio.max() == wild.brow_ratio == 3.0
    assert options.mouth_scale == pytest.approx(1.4)
    assert options.blinks_per_minute == 60.0
    assert MotionOptions(style=wild, blink_rate=5).blinks_per_minute == 5
