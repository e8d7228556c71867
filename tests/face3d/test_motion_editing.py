from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from face3d.arkit import ARKIT_INDEX
from face3d.camera import Camera
from face3d.errors import InputError
from face3d.parameters import FaceParameters


def some_motion(count: int, fps: float = 25.0, seed: int = 0) -> FaceParameters:
    draw = torch.Generator().manual_seed(seed)
    return FaceParameters(
        identity=torch.randn(4, generator=draw),
        expression=torch.rand(count, 52, generator=draw),
        rotation=0.2 * torch.randn(count, 3, generator=draw),
        translation=torch.randn(count, 3, generator=draw) + torch.tensor([0.0, 0.0, 800.0]),
        eye_rotation=0.1 * torch.randn(count, 2, 2, generator=draw),
        confidence=torch.ones(count),
        fps=fps,
        camera=Camera(1000.0, (256.0, 256.0), (512, 512)),
    )


def test_weights_by_name_are_a_copy() -> None:
    motion = some_motion(5)
    jaw = motion["jawOpen"]
    assert jaw.shape == (5,)
    assert jaw.dtype == np.float32
    jaw[:] = 2
    assert float(motion.expression.max()) <= 1
    with pytest.raises(KeyError, match="jawopen"):
        motion["jawopen"]


def test_frames_by_number_and_slice() -> None:
    motion = some_motion(7)
    assert motion[2] == motion.frames(2, 3)
    assert motion[-1] == motion[6]
    assert motion[2:5].concatenate(motion[5:]) == motion[2:]
    assert len(motion[3:3]) == 0
    with pytest.raises(IndexError, match="no frame 7"):
        motion[7]


def test_other_weights() -> None:
    motion = some_motion(4)
    edited = motion.with_weights(jawOpen=np.array([0, 0.5, 1, 0.25]), mouthSmileLeft=0.3)
    assert edited["jawOpen"].tolist() == [0, 0.5, 1, 0.25]
    assert edited["mouthSmileLeft"] == pytest.approx(np.full(4, 0.3))
    untouched = [i for i in range(52) if i not in (ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthSmileLeft"])]
    assert torch.equal(edited.expression[:, untouched], motion.expression[:, untouched])
    with pytest.raises(InputError, match="needs 4 weights"):
        motion.with_weights(jawOpen=np.zeros(3))
    with pytest.raises(InputError, match=r"0\.\.1"):
        motion.with_weights(jawOpen=1.5)


def test_only_motions_of_one_person_join() -> None:
    motion = some_motion(3)
    for other, problem in (
        (dataclasses.replace(motion, fps=30.0), "fps"),
        (some_motion(3, seed=1), "identity"),
        (dataclasses.replace(motion, camera=Camera(900.0, (256.0, 256.0), (512, 512))), "camera"),
        (dataclasses.replace(motion, light=torch.zeros(9, 3)), "light"),
    ):
        with pytest.raises(InputError, match=f"same {problem}"):
            motion.concatenate(other)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(count=st.integers(1, 60), fps=st.floats(5, 60), wanted=st.floats(5, 60), seed=st.integers(0, 99))
def test_resampled_motion_lasts_as_long_and_stays_within(count: int, fps: float, wanted: float, seed: int) -> None:
    motion = some_motion(count, fps, seed)
    other = motion.resample(wanted)
    assert other.fps == wanted
    assert abs(other.duration - motion.duration) <= 0.5 / wanted + 1e-6 or len(other) == 1
    for name in ("expression", "rotation", "translation", "eye_rotation"):
        values, new = getattr(motion, name), getattr(other, name)
        assert (new >= values.amin(0) - 1e-3).all()
        assert (new <= values.amax(0) + 1e-3).all()


def test_resampling_meets_the_frames_and_lines_between_them() -> None:
    motion = some_motion(10)
    assert torch.allclose(motion.resample(25).expression, motion.expression, atol=1e-6)
    # The middles of frames at 50 / s lie a quarter before and after those at 25 / s.
    double = motion.resample(50)
    between = torch.lerp(motion.expression[:-1], motion.expression[1:], 0.25)
    assert torch.allclose(double.expression[1:-1:2], between, atol=1e-6)
    with pytest.raises(InputError, match="positive"):
        motion.resample(0)


def test_columns() -> None:
    motion = some_motion(6)
    columns = motion.columns()
    assert {len(column) for column in columns.values()} == {6}
    assert columns["time"] == pytest.approx(np.arange(6) / 25)
    assert columns["jawOpen"] == pytest.approx(motion["jawOpen"])
    assert columns["head_z"] == pytest.approx(motion.translation[:, 2].numpy())
    assert columns["right_eye_yaw"] == pytest.approx(motion.eye_rotation[:, 1, 1].numpy())


def test_angles_of_turns_about_one_axis() -> None:
    for axis, name, sign in ((0, "head_pitch", -1), (1, "head_yaw", 1), (2, "head_roll", 1)):
        rotation = torch.zeros(1, 3)
        rotation[0, axis] = 0.3
        columns = dataclasses.replace(some_motion(1), rotation=rotation).columns()
        assert columns[name] == pytest.approx([0.3 * sign], abs=1e-6)
