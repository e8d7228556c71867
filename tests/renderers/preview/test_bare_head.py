"""The bare head as `render --mesh` shows it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.camera import Camera, head_to_camera
from face3d.model.landmark_sets import LEFT_IRIS
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.parameters import FaceParameters
from renderers.preview.bare_head import HeadPreview, iris_offsets

CAMERA = Camera(700.0, (128.0, 128.0), (256, 256))


@pytest.fixture(scope="module")
def preview(model: MorphableModel) -> HeadPreview:
    return HeadPreview(model)


def drawn(
    preview: HeadPreview, model: MorphableModel, yaw: float = 0.0, **weights: float
) -> tuple[np.ndarray, np.ndarray]:
    """The picture and the left iris' middle in it."""
    expression = torch.zeros(52)
    for name, value in weights.items():
        expression[ARKIT_INDEX[name]] = value
    vertices = model.vertices(torch.zeros(1), expression, torch.tensor([[0.0, yaw], [0.0, yaw]]))
    placed = head_to_camera(vertices, torch.zeros(3), torch.tensor([0.0, 0.0, 700.0]))
    iris = CAMERA.project(model.landmarks478.of(placed)[LEFT_IRIS[0]][None])[0].numpy()
    return preview.draw(placed, CAMERA), iris


@pytest.mark.parametrize("yaw", [-0.25, 0.0, 0.25])
def test_pupils_look_where_the_eyes_look(preview: HeadPreview, model: MorphableModel, yaw: float) -> None:
    picture, (x, y) = drawn(preview, model, yaw)
    row = picture[int(y), int(x) - 8 : int(x) + 9].mean(1)
    assert row[8] < 40  # the pupil
    assert 40 < row[12] < 120  # the iris
    assert row[[0, -1]].max() > 120  # sclera or skin


def test_shut_eyes_show_no_iris(preview: HeadPreview, model: MorphableModel) -> None:
    shut, (x, y) = drawn(preview, model, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    assert shut[int(y) - 1, int(x)].mean() > 80


def test_only_eyeballs_have_irises(model: MorphableModel) -> None:
    offsets = iris_offsets(model)
    eyes = model.part_vertices(Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL).numpy()
    assert set(np.nonzero(np.isfinite(offsets).all(1))[0]) < set(eyes.tolist())
    assert np.hypot(*offsets[eyes].T).min() < 4


def test_lips_fade_into_the_skin(preview: HeadPreview, model: MorphableModel) -> None:
    """More than the two parts' colours at the vertices around the lips."""
    lips = model.part_vertices(Part.LIPS).numpy()
    assert len(np.unique(preview._colours[lips].round(), axis=0)) > 5


def moving(translation: tuple[float, float, float]) -> FaceParameters:
    """The mean head at `translation`, mm, before a tall camera: looking ahead, aside and up."""
    return FaceParameters(
        identity=torch.zeros(1),
        expression=torch.zeros(3, 52),
        rotation=torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.5, 0.0], [-0.3, 0.0, 0.0]]),
        translation=torch.tensor([translation] * 3),
        eye_rotation=torch.zeros(3, 2, 2),
        confidence=torch.ones(3),
        fps=25.0,
        camera=Camera(1500.0, (540.0, 960.0), (1080, 1920)),
    )


@pytest.mark.parametrize(("size", "expected"), [(None, 1024), (300, 300)])
@pytest.mark.parametrize("place", [(0.0, -300.0, 2000.0), (200.0, 100.0, 700.0)])
def test_the_frame_holds_the_head_and_little_else(
    preview: HeadPreview,
    model: MorphableModel,
    size: int | None,
    expected: int,
    place: tuple[float, float, float],
) -> None:
    motion = moving(place)
    camera = preview.frame(motion, size)
    assert camera.image_size == (expected, expected)
    vertices = model.vertices(motion.identity, torch.zeros(52), torch.zeros(2, 2))
    low, high = np.full(2, np.inf), np.zeros(2)
    for rotation, translation in zip(motion.rotation, motion.translation, strict=True):
        picture = preview.draw(head_to_camera(vertices, rotation, translation), camera)
        shown = np.argwhere(abs(picture.astype(int) - picture[0, 0]).max(-1) > 10)  # the faintest end of the neck aside
        low, high = np.minimum(low, shown.min(0)), np.maximum(high, shown.max(0))
    assert (low > 0.02 * expected).all()
    assert (high < 0.98 * expected).all()
    assert (high - low).max() > 0.8 * expected


def test_the_neck_fades_out(preview: HeadPreview, model: MorphableModel) -> None:
    """No shoulder's rags: down the neck, the skin goes over into the background without an edge."""
    motion = moving((0.0, 0.0, 1000.0))
    camera = preview.frame(motion, 400)
    vertices = model.vertices(motion.identity, torch.zeros(52), torch.zeros(2, 2))
    picture = preview.draw(head_to_camera(vertices, torch.zeros(3), motion.translation[0]), camera).astype(int)
    x, y = camera.project(head_to_camera(torch.tensor([[0.0, -118.0, -40.0]]), torch.zeros(3), motion.translation[0]))[
        0
    ]
    neck = picture[int(y) : int(y) + 80, int(x)]
    assert abs(neck[-1] - picture[0, 0]).max() == 0
    assert abs(np.diff(neck, axis=0)).max() < 20


def test_models_without_lashes_and_eyes(model: MorphableModel) -> None:
    bare = dataclasses.replace(model, triangle_parts=torch.zeros_like(model.triangle_parts))
    picture, _ = drawn(HeadPreview(bare), bare)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
