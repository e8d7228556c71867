"""Calibration of the teacher: it finds the table that made the motion, and the reference solution agrees."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from scripts.lab.speech.captures.captures import Capture
from scripts.lab.speech.corpus.phones import PhoneSegment
from scripts.lab.speech.teacher.calibrate import CalibrationOptions, Search, as_table, hand_made_targets, solve
from scripts.lab.speech.teacher.calibration_data import (
    CHANNELS,
    NAMES,
    FilmedPhones,
    at_motion_rate,
    filmed_phones,
    loudness_of,
    non_rhotic,
)
from scripts.lab.speech.teacher.teacher import TeacherOptions, teach
from scripts.lab.speech.teacher.visemes import CALIBRATED, HAND_MADE, VisemeTable, load_table, save_table
from talkinghead.speech.generate.channels import MOTION_CHANNELS
from talkinghead.speech.perform.mouth import LIP_GAP_MM, POSE_CHANNELS

WORDS = ("B IH N", "G R IY N", "W AY T", "S UW N", "T EH D", "S AE K", "W AH N", "L EY Z", "K AA T", "R EH D")
OPTIONS = TeacherOptions(table=HAND_MADE)
LOOSE = CalibrationOptions(ridge=1e-3, context_ridge=0.0)


def wider(table: VisemeTable) -> VisemeTable:
    """A person who opens the jaw half as much again."""
    visemes = {
        name: dataclasses.replace(
            v, targets=MappingProxyType({c: x * (1.5 if c == "jawOpen" else 1.0) for c, x in v.targets.items()})
        )
        for name, v in table.visemes.items()
    }
    return dataclasses.replace(table, visemes=MappingProxyType(visemes))


def clips(table: VisemeTable, count: int = 6) -> list[Capture]:
    """Speech of a person whose lips obey the table."""
    rng = np.random.default_rng(1)
    made = []
    for number in range(count):
        phones, time = [PhoneSegment("SIL", 0.0, 0.4)], 0.4
        for word in rng.permutation(WORDS)[:6]:
            for name in str(word).split():
                end = time + float(rng.uniform(0.06, 0.16))
                phones.append(PhoneSegment(name, time, end))
                time = end
        phones.append(PhoneSegment("SIL", time, 3.0))
        samples = (0.1 * rng.standard_normal(48_000)).astype(np.float32)
        still, known = np.zeros((75, len(MOTION_CHANNELS)), np.float32), np.ones(len(MOTION_CHANNELS), np.bool_)
        blank = Capture(samples, still, known, still[:, 0], phones, "", f"clip{number}")
        pose, gates = at_motion_rate(teach(phones, loudness_of(blank), dataclasses.replace(OPTIONS, table=table)))
        pose = pose * (1 - gates[:, 2:])
        motion = np.zeros((75, len(MOTION_CHANNELS)), np.float32)
        motion[:, : len(POSE_CHANNELS)] = pose
        gap = np.maximum(pose @ np.array([LIP_GAP_MM.get(name, 0.0) for name in POSE_CHANNELS]), 0)
        gap = gap * (1 - gates[:, 0])
        made.append(dataclasses.replace(blank, motion=motion, aperture_mm=gap.astype(np.float32)))
    return made


@pytest.fixture(scope="module")
def filmed() -> FilmedPhones:
    return filmed_phones(clips(wider(HAND_MADE)), OPTIONS)


def test_targets_come_back(filmed: FilmedPhones) -> None:
    prior = hand_made_targets()
    found = solve(filmed, Search.of(HAND_MADE), prior, LOOSE)
    jaw = CHANNELS.index("jawOpen")
    for name in ("IH", "IY", "AY", "EH", "AH"):
        row = NAMES.index(name)
        # Steps of 1/25 s against 1/50 s, and closures that do not count, leave a little.
        assert found.targets[row, jaw] == pytest.approx(1.5 * prior[row, jaw], rel=0.2)
    assert found.error < 0.05 < 3 * solve(filmed, Search.of(HAND_MADE), prior, CalibrationOptions(ridge=1e6)).error


def test_an_endless_ridge_keeps_the_prior(filmed: FilmedPhones) -> None:
    prior = hand_made_targets()
    found = solve(filmed, Search.of(HAND_MADE), prior, CalibrationOptions(ridge=1e9))
    np.testing.assert_allclose(found.targets, prior, atol=1e-4)


def test_unseen_phones_keep_the_prior(filmed: FilmedPhones) -> None:
    prior = hand_made_targets()
    found = solve(filmed, Search.of(HAND_MADE), prior, CalibrationOptions())
    assert filmed.contexts[NAMES.index("ZH")] == 0
    np.testing.assert_allclose(found.targets[NAMES.index("ZH")], prior[NAMES.index("ZH")], atol=1e-6)


def test_the_solution_is_the_teachers_pose(filmed: FilmedPhones) -> None:
    """The fast path against `teach`: the same dominances give the same pose."""
    table = as_table(Search.of(HAND_MADE), hand_made_targets())
    made = solve(filmed, Search.of(HAND_MADE), hand_made_targets(), CalibrationOptions(ridge=1e9)).channels
    for row, capture in enumerate(clips(wider(HAND_MADE))):
        pose, gates = at_motion_rate(
            teach(non_rhotic(capture.phones), loudness_of(capture), TeacherOptions(table=table))
        )
        wanted = (pose * (1 - gates[:, 2:]))[:, [POSE_CHANNELS.index(name) for name in CHANNELS]]
        assert np.abs(made[row, :75] - wanted).max() < 0.04
        assert np.abs(made[row, :75] - wanted).mean() < 0.003


def test_r_after_a_vowel_is_the_vowel() -> None:
    four = [PhoneSegment("F", 0.0, 0.1), PhoneSegment("AO", 0.1, 0.2), PhoneSegment("R", 0.2, 0.3)]
    assert [p.name for p in non_rhotic(four)] == ["F", "AO"]
    assert non_rhotic(four)[-1].end == 0.3
    zero = [PhoneSegment("IY", 0.0, 0.1), PhoneSegment("R", 0.1, 0.2), PhoneSegment("OW", 0.2, 0.3)]
    assert non_rhotic(zero) == zero


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    save_table(tmp_path / "t.json", CALIBRATED, "where from")
    assert load_table(tmp_path / "t.json") == CALIBRATED


def test_upper_lips_stay_civil() -> None:
    targets = hand_made_targets()
    upper, jaw = CHANNELS.index("mouthUpperUp"), CHANNELS.index("jawOpen")
    targets[NAMES.index("EY"), upper] = 0.5
    table = as_table(Search.of(HAND_MADE), targets)
    assert table.visemes["EY"].targets["mouthUpperUp"] == pytest.approx(0.3)
    assert table.visemes["EY"].targets["jawOpen"] == pytest.approx(targets[NAMES.index("EY"), jaw] + 0.0287, abs=1e-3)
    assert table.visemes["TH"].targets["tongueOut"] == HAND_MADE.visemes["TH"].targets["tongueOut"]


def test_rules_outlive_the_clips() -> None:
    """Rounding stays visible and nothing but p b m f v closes, whatever was measured."""
    table = as_table(Search.of(HAND_MADE), np.zeros((len(NAMES), len(CHANNELS))))
    made = HAND_MADE.visemes["W"].targets["mouthPucker"]
    assert table.visemes["W"].targets["mouthPucker"] == pytest.approx(0.75 * made, abs=1e-3)
    for name in ("W", "UW", "TH", "N", "AA"):
        assert sum(LIP_GAP_MM[c] * v for c, v in table.visemes[name].targets.items() if c != "tongueOut") > 1.7
    assert dict(table.visemes["B"].targets) == {}
