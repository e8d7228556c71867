"""Captures: their files, the way from a fit to our channels, and what is cleaned away."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.camera import Camera
from face3d.errors import InputError
from face3d.parameters import FaceParameters
from scripts.lab.speech.captures.build import facegood_sources, grid_sources, resting_frames
from scripts.lab.speech.captures.captures import Capture, captures, load_capture, save_capture
from scripts.lab.speech.captures.facegood import facegood_pose
from scripts.lab.speech.captures.mouth import lip_motion, named_pose, open_pose, size_basis
from scripts.lab.speech.captures.upper import blinks, calm_head, fixations, mouth_share
from scripts.lab.speech.corpus.phones import PhoneSegment
from talkinghead.speech.generate.channels import MOTION_CHANNELS
from talkinghead.speech.perform.mouth import POSE_CHANNELS

JAW, PUCKER = POSE_CHANNELS.index("jawOpen"), POSE_CHANNELS.index("mouthPucker")


def a_capture(frames: int = 50) -> Capture:
    rng = np.random.default_rng(0)
    return Capture(
        rng.uniform(-0.5, 0.5, frames * 640).astype(np.float32),
        rng.uniform(0, 1, (frames, len(MOTION_CHANNELS))).astype(np.float32),
        np.ones(len(MOTION_CHANNELS), np.bool_),
        np.full(frames, np.nan, np.float32),
        [PhoneSegment("SIL", 0.0, 0.5), PhoneSegment("AA", 0.5, 1.0)],
        "ah",
        "bbaa1n",
    )


def fitted(**weights: np.ndarray) -> FaceParameters:
    frames = len(next(iter(weights.values())))
    expression = torch.zeros(frames, 52)
    for name, curve in weights.items():
        expression[:, ARKIT_INDEX[name]] = torch.tensor(curve, dtype=torch.float32)
    zeros = torch.zeros(frames, 3)
    return FaceParameters(torch.zeros(4), expression, zeros, zeros, torch.zeros(frames, 2, 2), torch.ones(frames), 25.0,
                          Camera(500.0, (180.0, 144.0), (360, 288)))  # fmt: skip


def written(parameters: FaceParameters) -> np.ndarray:
    motion, named = lip_motion(parameters), named_pose(parameters.expression.double().numpy())
    return open_pose(motion, named, parameters.expression.numpy() @ _gap_and_width())


def _gap_and_width() -> np.ndarray:  # [52, 2] mm
    table = np.zeros((52, 2))
    for name, row in zip(POSE_CHANNELS, size_basis(), strict=True):
        columns = [ARKIT_INDEX[n] for n in (name, f"{name}Left", f"{name}Right") if n in ARKIT_INDEX]
        table[columns] = row / len(columns)
    table[ARKIT_INDEX["mouthClose"]] = -table[ARKIT_INDEX["jawOpen"]]
    return table


def test_a_capture_survives_its_file(tmp_path: Path) -> None:
    made = a_capture()
    save_capture(tmp_path / "train" / "grid" / "bbaa1n.npz", made)
    (read,) = captures(tmp_path, "train")
    assert read.text == made.text
    assert read.name == made.name
    assert [p.name for p in read.phones] == ["SIL", "AA"]
    np.testing.assert_array_equal(read.motion, made.motion)
    np.testing.assert_allclose(read.samples, made.samples, atol=1e-4)
    assert list(captures(tmp_path, "development")) == []


def test_what_is_no_capture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, samples=np.zeros(3, np.int16))
    with pytest.raises(InputError, match="not a capture"):
        load_capture(path)
    with pytest.raises(ValueError, match="half a second"):
        dataclasses.replace(a_capture(), samples=np.zeros(100, np.float32))


def test_missing_sets_give_no_sources(tmp_path: Path) -> None:
    assert grid_sources(None, None) == []
    assert facegood_sources(None) == []
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.flac").touch()
    assert [s.part for s in facegood_sources(tmp_path)] == ["train", "train", "development"]


def test_a_mouth_written_in_other_ways_comes_out_the_same() -> None:
    jaw = np.linspace(0, 0.3, 12)
    plain = written(fitted(jawOpen=jaw))
    closed = written(fitted(jawOpen=jaw + 0.2, mouthClose=np.full(12, 0.2)))
    sideways = written(fitted(jawOpen=jaw, jawLeft=np.full(12, 0.1), jawRight=np.full(12, 0.1)))
    np.testing.assert_allclose(plain[:, JAW], jaw, atol=0.02)
    np.testing.assert_allclose(closed[:, JAW], plain[:, JAW], atol=0.05)
    np.testing.assert_allclose(sideways[:, JAW], plain[:, JAW], atol=0.02)


def test_one_sided_shapes_become_their_mean() -> None:
    smile = np.full(6, 0.4)
    pose = written(fitted(mouthSmileLeft=smile, mouthSmileRight=0 * smile))
    assert abs(pose[:, POSE_CHANNELS.index("mouthSmile")].mean() - 0.2) < 0.06
    assert pose[:, PUCKER].max() < 0.05


def test_the_mouth_rests_well_inside_pauses() -> None:
    phones = [PhoneSegment("SIL", 0.0, 1.0), PhoneSegment("AA", 1.0, 1.4), PhoneSegment("SIL", 1.4, 3.0)]
    resting = resting_frames(phones, np.zeros(75))
    assert resting[:18].all()
    assert not resting[19:43].any()
    assert resting[44:].all()
    spoken = resting_frames([PhoneSegment("AA", 0.0, 3.0)], np.arange(75.0))
    assert spoken[:9].all()
    assert not spoken[9:].any()


def test_pitch_that_follows_the_jaw_is_no_nod() -> None:
    times = np.arange(75) / 25
    jaw = np.maximum(np.sin(2 * np.pi * 2.1 * times), 0)
    nod = 0.02 * np.sin(2 * np.pi * 0.4 * times)
    rotation = np.stack([nod - 0.03 * jaw, 0.01 * np.cos(times), 0 * times], 1)
    assert np.std(0.03 * jaw + mouth_share(-0.03 * jaw, jaw[:, None])) < 0.25 * np.std(0.03 * jaw)
    head = calm_head(rotation, jaw[:, None])
    assert np.corrcoef(head[:, 0], nod)[0, 1] > 0.95
    np.testing.assert_allclose(np.median(head, 0), 0, atol=1e-9)


def test_blinks_are_kept_and_looks_down_are_not() -> None:
    closing = np.zeros(150)
    closing[40:45] = (0.3, 0.75, 0.8, 0.5, 0.2)
    closing[80:130] = 0.35  # the lid follows a long look down
    found = blinks(closing)
    assert found[42] > 0.9
    assert found[:38].max() == 0
    assert found[84:126].max() == 0


def test_gaze_becomes_fixations() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.radians([[0.0, 0.0], [3.0, -4.0], [0.0, 0.0]]), 25, 0)
    found = fixations(truth + np.radians(0.6) * rng.standard_normal((75, 2)))
    jumps = np.flatnonzero(np.abs(np.diff(found, axis=0)).sum(1) > 0)
    assert jumps.tolist() == [24, 49]
    assert np.abs(found - truth).max() < np.radians(0.6)


def test_facegood_weights_find_their_channels() -> None:
    names = ["mouth_stretch_c", "mouth_oh_c", "mouth_funnel_dl", "mouth_pucker_l", "mouth_oo_c",
             "mouth_lowerLipDepress_l", "mouth_upperLipRaise_l", "mouth_lipStretch_l", "mouth_lipCornerPull_l",
             "mouth_press_l", "mouth_suck_dl", "mouth_suck_ul"]  # fmt: skip
    weights = np.zeros((60, len(names)), np.float32)
    weights[:, 0], weights[30:, names.index("mouth_press_l")] = 0.4, 0.2
    pose, known = facegood_pose(weights, names, 30.0)
    assert pose.shape == (50, 14)
    assert known[JAW]
    assert not known[POSE_CHANNELS.index("tongueOut")]
    assert abs(pose[5, JAW] - 0.32) < 1e-6
    assert pose[40, JAW] == 0
    with pytest.raises(InputError, match="mouth_oh_c"):
        facegood_pose(weights, ["mouth_stretch_c"], 30.0)
