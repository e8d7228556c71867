"""Motion put on a person, and taken from a file again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.camera import axis_angle_to_matrix
from face3d.fit.photo_fit import PhotoFit, project_landmarks
from face3d.model.morphable_model import MorphableModel
from face3d.model.personal_shapes import personal_model
from face3d.parameters import FaceParameters
from renderers.pose import Pose
from talkinghead.photo.poses import find_photo, nobody, poses_of, rest_of, speak_over, to_parameters


def some_poses(count: int, seed: int = 0) -> list[Pose]:
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    return [
        Pose(random(52), 0.2 * random(3) - 0.1, 0.2 * random(2, 2) - 0.1, 40 * random(3) - 20) for _ in range(count)
    ]


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
    for pose, back in zip(poses, poses_of(parameters, base), strict=True):
        for name in ("expression", "turn", "gaze"):
            torch.testing.assert_close(getattr(back, name), getattr(pose, name), atol=1e-5, rtol=0)
        torch.testing.assert_close(back.shift, pose.shift, atol=1e-3, rtol=0)


def test_another_person_starts_from_the_photos_own_pose() -> None:
    base = dataclasses.replace(nobody(5), identity=-torch.ones(5), rotation=torch.tensor([[0.2, -0.3, 0.1]]))
    poses = some_poses(3)
    other = dataclasses.replace(nobody(5), identity=torch.ones(5))
    first, second, _ = poses_of(to_parameters(poses, base, 25.0), other)
    torch.testing.assert_close(first.turn, torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(first.gaze, torch.zeros(2, 2))
    expected = axis_angle_to_matrix(poses[0].turn).T @ axis_angle_to_matrix(poses[1].turn)
    torch.testing.assert_close(axis_angle_to_matrix(second.turn), expected, atol=1e-5, rtol=0)


def test_nobodys_motion_goes_on_top_of_what_the_photo_shows() -> None:
    """Speech without a person leaves a smile in the photo, and starts from where the speech starts."""
    smile = torch.zeros(1, 52)
    smile[0, ARKIT_INDEX["mouthSmileLeft"]] = smile[0, ARKIT_INDEX["browInnerUp"]] = 0.5
    person = dataclasses.replace(nobody(5), identity=torch.ones(5), expression=smile)
    poses = some_poses(3)
    for pose, seen in zip(poses, poses_of(to_parameters(poses, nobody(5), 25.0), person), strict=True):
        expected = speak_over(rest_of(smile[0]), pose.expression)
        torch.testing.assert_close(seen.expression, expected, atol=1e-6, rtol=0)
        for name in ("turn", "gaze"):
            torch.testing.assert_close(getattr(seen, name), getattr(pose, name), atol=1e-5, rtol=0)


def test_turns_are_in_the_heads_own_frame() -> None:
    """A nod of a face that looks aside is a nod about its own ear-to-ear axis."""
    aside = dataclasses.replace(nobody(1), rotation=torch.tensor([[0.0, 1.0, 0.0]]))
    nod = torch.tensor([0.3, 0.0, 0.0])
    parameters = to_parameters([Pose(torch.zeros(52), nod, torch.zeros(2, 2))], aside, 25.0)
    ears = torch.tensor([1.0, 0.0, 0.0])
    turned = axis_angle_to_matrix(parameters.rotation[0]) @ ears
    torch.testing.assert_close(turned, axis_angle_to_matrix(aside.rotation[0]) @ ears, atol=1e-6, rtol=0)


@pytest.fixture(scope="module")
def film(astronaut_fit: PhotoFit) -> FaceParameters:
    """Nine frames of which the fifth is the photo."""
    fit = astronaut_fit.parameters
    offsets = torch.arange(-4.0, 5.0)[:, None] * torch.tensor([6.0, 2.0, 1.0])
    return dataclasses.replace(
        fit,
        expression=fit.expression.repeat(9, 1),
        rotation=fit.rotation.repeat(9, 1),
        eye_rotation=fit.eye_rotation.repeat(9, 1, 1),
        confidence=torch.ones(9),
        translation=fit.translation + offsets,
    )


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_photo_taken_from_the_video_is_found(
    film: FaceParameters, model: MorphableModel, astronaut_fit: PhotoFit, scale: float
) -> None:
    landmarks = astronaut_fit.detection.landmarks_px * np.float32(scale)
    size = film.camera.scaled(scale).image_size
    found = find_photo(film, model, landmarks, size)
    assert found is not None
    torch.testing.assert_close(found.translation[0], film.translation[4])
    assert found.camera.image_size == size
    assert found.camera.focal_px == pytest.approx(scale * film.camera.focal_px)


def test_a_video_with_a_shape_of_its_own_is_found(film: FaceParameters, model: MorphableModel) -> None:
    larger = dataclasses.replace(film, shape_residual=0.1 * model.neutral(film.identity))
    photo = project_landmarks(model, larger.frames(4, 5))[0].numpy()
    found = find_photo(larger, personal_model(larger, model), photo, larger.camera.image_size)
    assert found is not None
    torch.testing.assert_close(found.translation[0], larger.translation[4])


def test_another_photo_is_not_taken_for_one(
    film: FaceParameters, model: MorphableModel, astronaut_fit: PhotoFit
) -> None:
    landmarks, size = astronaut_fit.detection.landmarks_px, film.camera.image_size
    assert find_photo(film, model, landmarks + 25, size) is None
    assert find_photo(film, model, 1.1 * (landmarks - landmarks.mean(0)) + landmarks.mean(0), size) is None
    assert find_photo(film, model, landmarks, (size[0], size[1] + 50)) is None
