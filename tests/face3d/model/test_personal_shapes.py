"""A person's own shapes, learnt from a video."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.camera import Camera
from face3d.fit.photo_fit import project_landmarks
from face3d.model.landmark_motion import LandmarkMotion
from face3d.model.landmark_sets import LOWER_INNER_LIP
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.model.personal_shapes import fit_personal_shapes, personal_model
from face3d.parameters import FaceParameters

FRAMES = 120
JAW, SMILE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthSmileLeft"]


@pytest.fixture(scope="module")
def film(model: MorphableModel) -> FaceParameters:
    rng = np.random.default_rng(3)
    t = np.arange(FRAMES)
    expression = np.zeros((FRAMES, 52))
    expression[:, JAW] = 0.3 - 0.3 * np.cos(t / 3)
    expression[:, SMILE] = 0.2 - 0.2 * np.cos(t / 11)
    rotation = 0.15 * np.stack([np.sin(t / 9), np.sin(t / 13), np.sin(t / 17)], 1)
    return FaceParameters(
        identity=torch.from_numpy(0.5 * rng.standard_normal(model.identity_size)).float(),
        expression=torch.from_numpy(expression).float(),
        rotation=torch.from_numpy(rotation).float(),
        translation=torch.tensor([[10.0, 0.0, 800.0]]).repeat(FRAMES, 1),
        eye_rotation=torch.zeros(FRAMES, 2, 2),
        confidence=torch.ones(FRAMES),
        fps=25.0,
        camera=Camera(1500.0, (320.0, 240.0), (640, 480)),
    )


@pytest.fixture(scope="module")
def person(film: FaceParameters) -> FaceParameters:
    """Somebody whose chin is 4 mm lower and whose lower lip comes 3 mm farther when the jaw opens."""
    shapes = torch.zeros(53, 468, 3)
    chin = torch.tensor([152, 148, 377, 176, 400, 175, 171, 396])
    shapes[0, chin, 1] = -4.0
    shapes[1 + JAW, torch.tensor(LOWER_INNER_LIP), 1] = -3.0
    return dataclasses.replace(film, landmark_shapes=shapes)


def errors(model: MorphableModel, one: FaceParameters, other: FaceParameters) -> np.ndarray:
    difference = project_landmarks(model, one) - project_landmarks(model, other)
    return difference.norm(dim=-1).numpy()


def test_a_persons_shapes_are_found(model: MorphableModel, film: FaceParameters, person: FaceParameters) -> None:
    seen = project_landmarks(model, person).numpy()
    motion = LandmarkMotion.of(model, film.identity)
    found = dataclasses.replace(film, landmark_shapes=fit_personal_shapes(motion, film, seen))
    lips = list(LOWER_INNER_LIP)
    assert errors(model, found, person)[:, lips].mean() < 0.25 * errors(model, film, person)[:, lips].mean()
    assert errors(model, found, person).mean() < 0.35 * errors(model, film, person).mean()


def test_what_is_not_shown_stays_at_zero(model: MorphableModel, film: FaceParameters, person: FaceParameters) -> None:
    seen = project_landmarks(model, person).numpy()
    shapes = fit_personal_shapes(LandmarkMotion.of(model, film.identity), film, seen)
    silent = [k for k in range(52) if k not in (JAW, SMILE)]
    assert shapes[[1 + k for k in silent]].abs().max() < 1e-6


def test_noise_alone_teaches_little(model: MorphableModel, film: FaceParameters) -> None:
    rng = np.random.default_rng(0)
    seen = project_landmarks(model, film).numpy() + rng.standard_normal((FRAMES, 478, 2))
    shapes = fit_personal_shapes(LandmarkMotion.of(model, film.identity), film, seen)
    assert shapes.square().mean().sqrt() < 0.1


def test_frames_without_a_face_do_not_count(
    model: MorphableModel, film: FaceParameters, person: FaceParameters
) -> None:
    seen = project_landmarks(model, person).numpy()
    confidence = torch.ones(FRAMES)
    confidence[::3] = 0.5
    part = dataclasses.replace(film, confidence=confidence)
    damaged = seen.copy()
    damaged[::3] = np.nan
    motion = LandmarkMotion.of(model, film.identity)
    found, wanted = (fit_personal_shapes(motion, part, points) for points in (damaged, seen))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-3)


def test_the_mesh_follows_at_the_landmarks(model: MorphableModel, person: FaceParameters) -> None:
    own = personal_model(person, model)
    assert person.landmark_shapes is not None
    moved = own.landmarks478.of(own.mean - model.mean)[:468]
    assert (moved - person.landmark_shapes[0]).norm(dim=-1).mean() < 0.15
    teeth = model.part_vertices(Part.UPPER_TEETH)
    torch.testing.assert_close(own.mean[teeth], model.mean[teeth])
