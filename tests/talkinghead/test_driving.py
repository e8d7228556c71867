"""Motion put on a person, and taken from a file again."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import given
from hypothesis import strategies as st

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.camera import axis_angle_to_matrix
from talkinghead.driving import Pose, frames_of, nobody, rest_of, speak_over, to_parameters


def some_poses(count: int, seed: int = 0) -> list[Pose]:
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    return [Pose(random(52), 0.2 * random(3) - 0.1, 0.2 * random(2, 2) - 0.1) for _ in range(count)]


def test_a_photo_keeps_its_eyes_and_some_of_its_mood_but_not_its_mouth() -> None:
    rest = rest_of(torch.full((52,), 0.5))
    assert rest[ARKIT_INDEX["browInnerUp"]] == rest[ARKIT_INDEX["eyeSquintLeft"]] == 0.5
    assert 0 < rest[ARKIT_INDEX["mouthSmileLeft"]] < 0.5
    for name in ARKIT_NAMES:
        if name.startswith(("jaw", "tongue")) or name in ("mouthClose", "mouthFunnel", "mouthPressLeft"):
            assert rest[ARKIT_INDEX[name]] == 0, name


@given(st.integers(0, 1000))
def test_speaking_stays_in_range_and_reaches_what_is_spoken(seed: int) -> None:
    rest, spoken = torch.rand(2, 52, generator=torch.Generator().manual_seed(seed))
    result = speak_over(rest, spoken)
    assert (result >= torch.maximum(rest, spoken) - 1e-6).all()
    assert (result <= 1).all()


def test_silence_leaves_the_rest() -> None:
    rest = torch.rand(52, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(speak_over(rest, torch.zeros(4, 52)), rest.expand(4, 52))


def test_parameters_and_back_for_the_same_photo() -> None:
    base = dataclasses.replace(nobody(5), identity=torch.arange(5.0), rotation=torch.tensor([[0.2, -0.3, 0.1]]))
    poses = some_poses(6)
    parameters = to_parameters(poses, base, 25.0)
    assert len(parameters) == 6
    for pose, back in zip(poses, frames_of(parameters, base), strict=True):
        for name in ("expression", "turn", "gaze"):
            torch.testing.assert_close(getattr(back, name), getattr(pose, name), atol=1e-5, rtol=0)


def test_another_person_starts_from_the_photos_own_pose() -> None:
    base = dataclasses.replace(nobody(5), rotation=torch.tensor([[0.2, -0.3, 0.1]]))
    poses = some_poses(3)
    other = dataclasses.replace(nobody(5), identity=torch.ones(5))
    first, second, _ = frames_of(to_parameters(poses, base, 25.0), other)
    torch.testing.assert_close(first.turn, torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(first.gaze, torch.zeros(2, 2))
    expected = axis_angle_to_matrix(poses[0].turn).T @ axis_angle_to_matrix(poses[1].turn)
    torch.testing.assert_close(axis_angle_to_matrix(second.turn), expected, atol=1e-5, rtol=0)


def test_turns_are_in_the_heads_own_frame() -> None:
    """A nod of a face that looks aside is a nod about its own ear-to-ear axis."""
    aside = dataclasses.replace(nobody(1), rotation=torch.tensor([[0.0, 1.0, 0.0]]))
    nod = torch.tensor([0.3, 0.0, 0.0])
    parameters = to_parameters([Pose(torch.zeros(52), nod, torch.zeros(2, 2))], aside, 25.0)
    ears = torch.tensor([1.0, 0.0, 0.0])
    turned = axis_angle_to_matrix(parameters.rotation[0]) @ ears
    torch.testing.assert_close(turned, axis_angle_to_matrix(aside.rotation[0]) @ ears, atol=1e-6, rtol=0)
