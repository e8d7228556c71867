"""Live Link Face CSV, read back as importers read it."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from face3d.arkit import ARKIT_NAMES
from face3d.camera import axis_angle_to_matrix
from face3d.parameters import FaceParameters
from renderers.pose import Pose
from talkinghead.cli.program import main
from talkinghead.exports.livelink import COLUMNS, HEADER, timecode, write_livelink_csv
from talkinghead.photo.poses import nobody, to_parameters

FPS = 25.0


def performance(frames: int = 60, fps: float = FPS) -> FaceParameters:
    generator = torch.Generator().manual_seed(0)
    poses = [
        Pose(
            torch.rand(52, generator=generator),
            torch.rand(3, generator=generator) - 0.5,
            torch.rand(2, 2, generator=generator) - 0.5,
        )
        for _ in range(frames)
    ]
    return to_parameters(poses, nobody(1), fps)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def seconds(text: str) -> float:
    """As Unreal's LiveLinkFaceImporter reads a time code."""
    hours, minutes, whole, ticks = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(whole) + float(ticks) / 60


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    path = tmp_path_factory.mktemp("csv") / "y.csv"
    write_livelink_csv(performance(), path)
    return read(path)


def test_header_is_the_app_s() -> None:
    """Of recordings: 61 values, with the right side first for the jaw and the mouth."""
    assert len(COLUMNS) == 61
    assert HEADER[:4] == ("Timecode", "BlendShapeCount", "EyeBlinkLeft", "EyeLookDownLeft")
    assert COLUMNS[14:18] == ("JawForward", "JawRight", "JawLeft", "JawOpen")
    assert COLUMNS[21:23] == ("MouthRight", "MouthLeft")
    assert COLUMNS[51:] == (
        *("TongueOut", "HeadYaw", "HeadPitch", "HeadRoll"),
        *("LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch", "RightEyeRoll"),
    )
    assert {name.lower() for name in COLUMNS[:52]} == {name.lower() for name in ARKIT_NAMES}


def test_weights_and_eyes_come_back(rows: list[dict[str, str]]) -> None:
    parameters = performance()
    assert len(rows) == len(parameters)
    for row, expression, eyes in zip(rows, parameters.expression, parameters.eye_rotation, strict=True):
        assert row["BlendShapeCount"] == "61"
        found = [float(row[name[:1].upper() + name[1:]]) for name in ARKIT_NAMES]
        np.testing.assert_allclose(found, expression.numpy(), atol=1e-7)
        for side, name in enumerate(("Left", "Right")):
            assert float(row[f"{name}EyePitch"]) == pytest.approx(float(eyes[side, 0]), abs=1e-7)
            assert float(row[f"{name}EyeYaw"]) == pytest.approx(-float(eyes[side, 1]), abs=1e-7)


def test_the_head_comes_back(rows: list[dict[str, str]]) -> None:
    """Roll, then pitch, then yaw, as Unreal composes them."""
    for row, rotation in zip(rows, performance().rotation, strict=True):
        yaw, pitch, roll = (float(row[f"Head{name}"]) for name in ("Yaw", "Pitch", "Roll"))
        turns = torch.diag(torch.tensor([-pitch, yaw, roll], dtype=torch.float64))
        about_x, about_y, about_z = axis_angle_to_matrix(turns)
        torch.testing.assert_close(
            about_y @ about_x @ about_z, axis_angle_to_matrix(rotation.double()), atol=1e-6, rtol=0
        )


@pytest.mark.parametrize(
    ("rotation", "column"), [((0, 0.3, 0), "HeadYaw"), ((-0.3, 0, 0), "HeadPitch"), ((0, 0, 0.3), "HeadRoll")]
)
def test_signs_of_the_head(rotation: tuple[float, float, float], column: str, tmp_path: Path) -> None:
    """To the subject's left, upwards, onto the right shoulder are positive."""
    parameters = dataclasses.replace(performance(1), rotation=torch.tensor([rotation]))
    write_livelink_csv(parameters, tmp_path / "y.csv")
    row = read(tmp_path / "y.csv")[0]
    angles = {name: float(row[name]) for name in ("HeadYaw", "HeadPitch", "HeadRoll")}
    assert angles.pop(column) == pytest.approx(0.3, abs=1e-6)
    assert max(abs(v) for v in angles.values()) < 1e-6


def test_times_are_right_at_any_frame_rate(rows: list[dict[str, str]]) -> None:
    assert rows[0]["Timecode"] == "00:00:00:01.000"
    start = seconds(rows[0]["Timecode"])
    for index, row in enumerate(rows):
        assert seconds(row["Timecode"]) - start == pytest.approx(index / FPS, abs=1e-4)


@given(st.integers(0, 24 * 3600 * 120 - 1), st.sampled_from([12.0, 23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0, 120.0]))
def test_timecodes(index: int, fps: float) -> None:
    text = timecode(index, fps)
    hours, minutes, whole, ticks = text.split(":")
    assert [len(part) for part in (minutes, whole, ticks)] == [2, 2, 6]
    assert int(hours) >= 0
    assert int(minutes) < 60
    assert int(whole) < 60
    assert float(ticks) < 60
    assert seconds(text) - 1 / 60 == pytest.approx(index / fps, abs=2e-5)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    performance(3).save(tmp_path / "y.safetensors")
    output = tmp_path / "y.csv"
    command = ["export", str(tmp_path / "y.safetensors"), "--format", "livelink-csv", "--output", str(output)]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{output}: livelink-csv, 3 frames\n"
    assert len(read(output)) == 3
    assert main([*command[:-1], str(tmp_path / "y.txt")]) == 2
