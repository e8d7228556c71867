"""Pictures of random heads, and whether the truth that comes with them is true."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.camera import head_to_camera
from face3d.model.landmark_sets import FACE_OVAL, LEFT_IRIS, RIGHT_IRIS
from face3d.model.morphable_model import MorphableModel
from scripts.lab.face_model.expression_sampling import sample_expression
from scripts.lab.face_model.synthetic_faces import FaceSynthesizer, PhotoSkin, SynthesisOptions, SyntheticFace

SIZE = 160
FRONTAL = SynthesisOptions(size_px=SIZE, yaw=0.05, pitch=0.05, roll=0.05)


@pytest.fixture(scope="module")
def synthesizer(model: MorphableModel) -> FaceSynthesizer:
    return FaceSynthesizer(model, 11, FRONTAL)


@pytest.fixture(scope="module")
def faces(model: MorphableModel) -> list[SyntheticFace]:
    synthesizer = FaceSynthesizer(model, 5, FRONTAL)
    return [synthesizer.sample() for _ in range(24)]


def test_a_seed_gives_the_same_pictures(model: MorphableModel) -> None:
    first, again, other = (FaceSynthesizer(model, seed, FRONTAL) for seed in (4, 4, 5))
    for _ in range(2):
        a, b, c = (synthesizer.sample() for synthesizer in (first, again, other))
        for field in dataclasses.fields(SyntheticFace):
            one, two = getattr(a, field.name), getattr(b, field.name)
            if field.name == "image":
                assert np.abs(one.astype(int) - two).mean() < 0.01
            elif isinstance(one, np.ndarray):
                np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-3, err_msg=field.name)
            else:
                assert one == two, field.name
        assert not np.array_equal(a.image, c.image)


def test_the_truth_has_the_shapes_and_ranges_of_parameters(model: MorphableModel, faces: list[SyntheticFace]) -> None:
    for face in faces:
        assert face.image.shape == (SIZE, SIZE, 3)
        assert face.image.dtype == np.uint8
        assert face.identity.shape == (model.identity_size,)
        assert face.expression.shape == (52,)
        assert 0 <= face.expression.min() <= face.expression.max() <= 1
        assert face.neutral.shape == model.mean.shape
        assert face.camera.image_size == (SIZE, SIZE)
        assert 350 <= face.translation[2] - 60 <= 2500
        inside = ((face.landmarks_px > 0) & (face.landmarks_px < SIZE)).all(1)
        assert inside.mean() > 0.9


def test_pupils_are_where_the_landmarks_say(faces: list[SyntheticFace]) -> None:
    """The iris centre of an open eye is the darkest place around, and so the eye that looks aside moves its pupil."""
    darker = []
    for face in faces:
        grey = face.image.astype(float).mean(2)
        for lids, iris in (("Left", LEFT_IRIS), ("Right", RIGHT_IRIS)):
            if closing(face, lids) > 0.1:
                continue
            x, y = face.landmarks_px[iris[0]]
            radius = np.linalg.norm(face.landmarks_px[list(iris[1:])] - (x, y), axis=1).mean()
            row, column = int(y), int(x)
            reach = int(2 * radius) + 1  # beyond the iris, to its left and right
            around = grey[row, [column - reach, column + reach]].max()
            darker.append(grey[row, column] < 0.75 * around)
    assert len(darker) > 10
    assert np.mean(darker) > 0.9


def closing(face: SyntheticFace, side: str) -> float:
    return float(sum(face.expression[ARKIT_INDEX[name + side]] for name in ("eyeBlink", "eyeSquint")))


def test_the_head_covers_its_landmarks_and_not_the_corners(model: MorphableModel) -> None:
    """Two backdrops behind the same head: pixels that agree are the head's."""

    class OtherBackdrop(FaceSynthesizer):
        def _background(self, size: int) -> np.ndarray:
            return 1 - super()._background(size)

    face, other = (kind(model, 21, FRONTAL).sample() for kind in (FaceSynthesizer, OtherBackdrop))
    same = np.abs(face.image.astype(int) - other.image.astype(int)).max(2) < 3
    points = face.landmarks_px
    inner = np.setdiff1d(np.arange(478), FACE_OVAL)
    column, row = points[inner].astype(int).T
    assert same[row, column].mean() > 0.98
    assert 0.25 < same.mean() < 0.75
    assert not same[0, 0]
    assert not same[0, -1]
    np.testing.assert_allclose(face.landmarks_px, other.landmarks_px, rtol=0, atol=1e-3)


def test_the_landmarks_are_the_parameters_projected(model: MorphableModel) -> None:
    """With no shape details and everyone's units of the same strength, the model says the same."""
    options = dataclasses.replace(FRONTAL, detail_mm=0.0, unit_spread=0.0)
    face = FaceSynthesizer(model, 8, options).sample()
    parts = (torch.from_numpy(getattr(face, n)) for n in ("identity", "expression", "eye_rotation"))
    points = model.landmarks478.of(model.vertices(*parts))
    placed = head_to_camera(points, torch.from_numpy(face.rotation), torch.from_numpy(face.translation))
    np.testing.assert_allclose(face.camera.project(placed).numpy(), face.landmarks_px, atol=0.01)
    np.testing.assert_allclose(model.neutral(torch.from_numpy(face.identity)).numpy(), face.neutral, atol=1e-4)


def test_one_person_in_several_pictures(synthesizer: FaceSynthesizer) -> None:
    first = synthesizer.sample()
    detail = synthesizer.sample_detail()
    a, b = (synthesizer.sample(first.identity, detail) for _ in range(2))
    np.testing.assert_allclose(a.neutral, b.neutral, rtol=0, atol=1e-3)
    np.testing.assert_array_equal(a.identity, first.identity)
    assert not np.array_equal(a.rotation, b.rotation)
    assert not np.array_equal(a.neutral, first.neutral)  # other details


def test_details_are_smooth_and_as_large_as_asked(model: MorphableModel) -> None:
    small, large = (
        FaceSynthesizer(model, 3, dataclasses.replace(FRONTAL, detail_mm=mm)).sample_detail() for mm in (0.5, 1.0)
    )
    np.testing.assert_allclose(2 * small, large, atol=1e-5)
    edges = model.triangles[:, :2].numpy()
    length = np.linalg.norm(np.diff(model.mean.numpy()[edges], axis=1)[:, 0], axis=1)
    steps = np.linalg.norm(large[edges[:, 0]] - large[edges[:, 1]], axis=1)
    assert 0.2 < np.abs(large[model.landmarks478.triangles[:468]]).mean() < 3
    assert np.quantile(steps / np.maximum(length, 1e-3), 0.99) < 0.5


# --- photos as skin


def skin_of(model: MorphableModel, colour: tuple[int, int, int]) -> PhotoSkin:
    places = np.full((len(model.mean), 2), 20.0, np.float32)
    return PhotoSkin(np.full((40, 40, 3), colour, np.uint8), places)


def hue(face: SyntheticFace) -> np.ndarray:  # [3] share of the colours on forehead and cheeks
    points = face.landmarks_px[[9, 151, 50, 280]].astype(int)
    colour = face.image[points[:, 1], points[:, 0]].astype(float).mean(0)
    return colour / colour.sum()


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_photo_is_worn(model: MorphableModel, channel: int) -> None:
    colour = [20, 20, 20]
    colour[channel] = 240
    options = dataclasses.replace(FRONTAL, photo_share=1.0)
    skin = skin_of(model, (colour[0], colour[1], colour[2]))
    face = FaceSynthesizer(model, 1, options, [skin]).sample()
    assert hue(face)[channel] > 0.75


def test_no_photo_is_worn_when_none_should(model: MorphableModel) -> None:
    options = dataclasses.replace(FRONTAL, photo_share=0.0)
    face = FaceSynthesizer(model, 1, options, [skin_of(model, (10, 240, 10))]).sample()
    assert hue(face)[1] < 0.5


def test_a_photo_is_projected_vertex_by_vertex(model: MorphableModel) -> None:
    """Left half dark, right half bright: so is the face, on the same sides."""
    image = np.full((64, 64, 3), 30, np.uint8)
    image[:, 32:] = 220
    places = np.where(model.mean[:, :1].numpy() > 0, 48.0, 16.0) * np.ones((1, 2), np.float32)
    options = dataclasses.replace(FRONTAL, photo_share=1.0)
    face = FaceSynthesizer(model, 2, options, [PhotoSkin(image, places.astype(np.float32))]).sample()
    points = model.landmarks478.of(model.mean).numpy()
    left, right = (
        face.image[face.landmarks_px[i, 1].astype(int), face.landmarks_px[i, 0].astype(int)].mean()
        for side in (1, -1)
        for i in (np.flatnonzero((side * points[:468, 0] > 25) & (points[:468, 2] > 10)),)
    )
    assert left > 2 * right


def test_expressions_are_those_of_the_sampler(model: MorphableModel) -> None:
    """The mix of faces is `sample_expression`'s: at rest as often, as strong on average."""
    synthesizer = FaceSynthesizer(model, 30, dataclasses.replace(FRONTAL, size_px=16))
    drawn = np.stack([synthesizer.sample().expression for _ in range(60)])
    rng = np.random.default_rng(0)
    wanted = np.stack([sample_expression(rng) for _ in range(2000)])
    assert drawn.mean() == pytest.approx(wanted.mean(), rel=0.35)
    assert 0 < (~drawn.any(1)).mean() < 0.3
