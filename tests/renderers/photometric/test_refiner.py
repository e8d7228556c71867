"""Refinement of faces whose shape, light and albedo are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from face3d.camera import Camera
from face3d.model.morphable_model import MorphableModel
from face3d.parameters import FaceParameters
from renderers.photometric import Photo, Refined, RefineOptions, Refiner, draw_refined, refine
from renderers.photometric.face_region import seen_triangles
from tests.renderers.photometric.conftest import LIGHT, OPTIONS, Sitter, sit


def shape_error(model: MorphableModel, found: FaceParameters, truth: FaceParameters) -> float:
    """Root mean square distance of the seen vertices at rest after a rigid alignment, mm."""
    residual = torch.zeros_like(model.mean) if found.shape_residual is None else found.shape_residual
    index = np.unique(model.triangles.numpy()[seen_triangles(model)])
    a = (model.neutral(found.identity) + residual)[index].double().numpy()
    b = model.neutral(truth.identity)[index].double().numpy()
    a, b = a - a.mean(0), b - b.mean(0)
    u, _, v = np.linalg.svd(b.T @ a)
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ v))]) @ v
    return float(np.sqrt(((a @ turn.T - b) ** 2).sum(1).mean()))


def start_of(sitter: Sitter, model: MorphableModel) -> Photo:
    """The mean face, a little turned and moved, expression slightly wrong."""
    return sitter.photo(
        identity=torch.zeros(model.identity_size),
        rotation=sitter.truth.rotation + torch.tensor([[0.03, -0.03, 0.0]]),
        expression=torch.full((1, 52), 0.02),
    )


@pytest.fixture(scope="module")
def refined(refiner: Refiner, sitter: Sitter, model: MorphableModel) -> Refined:
    return refiner.refine([start_of(sitter, model)])


def test_shape_is_nearer_to_the_truth(refined: Refined, sitter: Sitter, model: MorphableModel) -> None:
    before = shape_error(model, start_of(sitter, model).parameters, sitter.truth)
    after = shape_error(model, refined.parameters[0], sitter.truth)
    assert after < 0.75 * before


def test_brightness_is_explained(refined: Refined) -> None:
    assert refined.error_after[0] < 0.4 * refined.error_before[0]
    assert refined.error_after[0] < 0.02


def test_shading_helps_beyond_the_landmarks(refined: Refined, sitter: Sitter, model: MorphableModel) -> None:
    """The same solver without trust in brightness."""
    blind = Refiner(replace(OPTIONS, photometric=100.0), model).refine([start_of(sitter, model)])
    assert shape_error(model, refined.parameters[0], sitter.truth) < 0.8 * shape_error(
        model, blind.parameters[0], sitter.truth
    )


def test_light_comes_from_where_it_came(refined: Refined) -> None:
    light = refined.appearance.lights[0]
    assert light.shape == (9, 3)
    found, true = light[1:4].mean(1), LIGHT[1:4].numpy()
    assert found @ true / np.linalg.norm(found) / np.linalg.norm(true) > 0.95


def test_the_result_redraws_the_photo(refined: Refined, sitter: Sitter) -> None:
    parameters = refined.parameters[0]
    drawn = draw_refined(parameters).astype(int)
    shown = drawn.sum(2) > 0
    assert shown.mean() > 0.1
    difference = np.abs(drawn - sitter.image)[shown]
    assert np.median(difference) <= 6
    over = draw_refined(parameters, sitter.image)
    np.testing.assert_array_equal(over[~shown], sitter.image[~shown])
    shade = draw_refined(parameters, textured=False)
    assert shade[shown].std() > 5
    with pytest.raises(ValueError, match="the camera makes"):
        draw_refined(parameters, sitter.image[:-1])
    with pytest.raises(ValueError, match="refine them first"):
        draw_refined(sitter.truth)


def test_texture_has_the_photos_colours(refined: Refined) -> None:
    texture = refined.appearance.texture
    assert texture.shape == (128, 128, 3)
    assert texture.min() >= 0
    assert texture.max() <= 1
    red, green, blue = texture.reshape(-1, 3).mean(0)
    assert red > green > blue


def test_parameters_are_complete(refined: Refined, sitter: Sitter, model: MorphableModel) -> None:
    (parameters,) = refined.parameters
    assert parameters.shape_residual is not None
    assert parameters.shape_residual.shape == model.mean.shape
    assert parameters.texture is not None
    assert parameters.light is not None
    assert parameters.camera.image_size == sitter.truth.camera.image_size
    assert 0.7 < parameters.camera.focal_px / sitter.truth.camera.focal_px < 1.4
    assert len(parameters) == 1


def test_same_input_same_result(refiner: Refiner, refined: Refined, sitter: Sitter, model: MorphableModel) -> None:
    again = refiner.refine([start_of(sitter, model)])
    torch.testing.assert_close(again.parameters[0].identity, refined.parameters[0].identity, rtol=0, atol=1e-3)
    np.testing.assert_allclose(again.appearance.texture, refined.appearance.texture, rtol=0, atol=1e-2)


def test_photos_of_one_person_share_the_person(refiner: Refiner, sitter: Sitter, model: MorphableModel) -> None:
    photos = [start_of(sitter, model), start_of(sit(model, (0.0, -0.4, 0.0)), model)]
    result = refiner.refine(photos)
    first, second = result.parameters
    for name in ("identity", "shape_residual", "texture"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name
    assert not torch.equal(first.rotation, second.rotation)
    assert shape_error(model, first, sitter.truth) < 0.6 * shape_error(model, photos[0].parameters, sitter.truth)


def test_a_known_person_stays(refined: Refined, sitter: Sitter, model: MorphableModel) -> None:
    """Pose, expression and light of another frame, the person given."""
    person = refined.parameters[0]
    other = Refiner(replace(OPTIONS, person=False), model)
    given = replace(person, rotation=person.rotation + torch.tensor([[0.02, 0.02, 0.0]]))
    (result,) = other.refine([Photo(sitter.image, given, sitter.landmarks_px)]).parameters
    torch.testing.assert_close(result.identity, person.identity, rtol=0, atol=1e-5)
    torch.testing.assert_close(result.shape_residual, person.shape_residual, rtol=0, atol=1e-3)
    assert (result.rotation - person.rotation).norm() < 0.5 * (given.rotation - person.rotation).norm()
    assert result.camera == person.camera


def test_backends_agree(sitter: Sitter, model: MorphableModel, refined: Refined) -> None:
    """One step at a size at which the reference rasterizer is not too slow."""
    options = replace(OPTIONS, levels=((16, 1),))
    results = [
        Refiner(options, model, rasterizer=name).refine([start_of(sitter, model)]).parameters[0].identity
        for name in ("numba", "reference")
    ]
    torch.testing.assert_close(*results, atol=1e-3, rtol=0)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_the_gpu_agrees(refined: Refined, sitter: Sitter, model: MorphableModel) -> None:
    result = Refiner(OPTIONS, model, device="cuda").refine([start_of(sitter, model)])
    torch.testing.assert_close(result.parameters[0].identity, refined.parameters[0].identity, atol=0.1, rtol=0)


def test_an_occluder_is_no_shape(refiner: Refiner, refined: Refined, sitter: Sitter, model: MorphableModel) -> None:
    """A dark bar over a cheek."""
    image = sitter.image.copy()
    x, y = sitter.landmarks_px[205].astype(int)
    image[y - 12 : y + 12, x - 5 : x + 5] = 10
    photo = start_of(replace(sitter, image=image), model)
    hidden = refiner.refine([photo]).parameters[0]
    assert shape_error(model, hidden, sitter.truth) < 1.5 * shape_error(model, refined.parameters[0], sitter.truth)


def test_photos_are_checked(sitter: Sitter) -> None:
    with pytest.raises(ValueError, match="one frame of parameters for its size"):
        Photo(sitter.image[:-1], sitter.truth, sitter.landmarks_px)
    with pytest.raises(ValueError, match="478 finite landmarks"):
        Photo(sitter.image, sitter.truth, sitter.landmarks_px[:-1])
    with pytest.raises(ValueError, match="no photos"):
        refine([], RefineOptions(residual_modes=4, albedo_modes=4))


def test_a_face_partly_outside_the_picture(sitter: Sitter, model: MorphableModel, refiner: Refiner) -> None:
    left = 70
    camera = sitter.truth.camera.cropped(left, 0, 192 - left, 192)
    photo = start_of(sitter, model)
    cut = Photo(
        np.ascontiguousarray(sitter.image[:, left:]),
        replace(photo.parameters, camera=Camera(camera.focal_px, camera.principal_point_px, (192 - left, 192))),
        sitter.landmarks_px - np.array([left, 0], np.float32),
    )
    result = refiner.refine([cut])
    assert np.isfinite(result.error_after).all()
    assert shape_error(model, result.parameters[0], sitter.truth) < shape_error(model, photo.parameters, sitter.truth)
