"""The fitted head over its picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from face3d.camera import Camera, head_to_camera
from face3d.model.morphable_model import MorphableModel
from renderers.preview.overlay import HeadOverlay, OverlayStyle, _real_edges

CAMERA = Camera(400.0, (80.0, 100.0), (160, 200))


@pytest.fixture(scope="module")
def overlay(model: MorphableModel) -> HeadOverlay:
    return HeadOverlay(model)


def placed(model: MorphableModel, x: float = 0.0, z: float = 600.0) -> np.ndarray:
    neutral = model.mean
    return head_to_camera(neutral, torch.zeros(3), torch.tensor([x, 0.0, z])).numpy()


def grey(width: int = 160, height: int = 200) -> np.ndarray:
    return np.full((height, width, 3), 100, np.uint8)


def test_the_face_is_drawn_and_the_rest_is_not(overlay: HeadOverlay, model: MorphableModel) -> None:
    picture = grey()
    result = overlay.draw(picture, placed(model), CAMERA)
    assert (picture == 100).all(), "the source stays"
    landmarks = CAMERA.project(model.landmarks478.of(torch.from_numpy(placed(model)))).numpy()
    changed = np.abs(result.astype(int) - 100).max(-1)
    nose = landmarks[4].astype(int)
    assert changed[nose[1], nose[0]] > 10
    assert changed[:100, :15].max() == 0
    for iris in (468, 473):
        x, y = landmarks[iris].astype(int)
        assert changed[y, x] < 5, "the eyes are left to be seen"


def test_a_larger_picture_gets_the_same_drawing(overlay: HeadOverlay, model: MorphableModel) -> None:
    style = OverlayStyle(line_opacity=0.0)
    small = overlay.draw(grey(), placed(model), CAMERA, style).astype(float)
    large = overlay.draw(grey(320, 400), placed(model), CAMERA, style).astype(float)
    halved = large.reshape(200, 2, 160, 2, 3).mean((1, 3))
    assert np.abs(halved - small).mean() < 1


@pytest.mark.parametrize(("x", "z"), [(5000.0, 600.0), (0.0, -600.0), (0.0, 20.0)])
def test_heads_out_of_sight(x: float, z: float, overlay: HeadOverlay, model: MorphableModel) -> None:
    """Beside the picture, behind the camera, around the camera: no error."""
    result = overlay.draw(grey(), placed(model, x, z), CAMERA)
    assert result.shape == (200, 160, 3)
    if x or z < 0:
        assert (result == 100).all()


def test_a_head_that_leaves_the_picture(overlay: HeadOverlay, model: MorphableModel) -> None:
    result = overlay.draw(grey(), placed(model, x=120.0), CAMERA)
    changed = np.abs(result.astype(int) - 100).max(-1) > 5
    assert changed[:, -5:].any()
    assert not changed[:80, :60].any()


def test_edges_have_the_colour_of_the_style(overlay: HeadOverlay, model: MorphableModel) -> None:
    style = OverlayStyle(opacity=0.0, line=(255, 0, 0), line_opacity=1.0)
    result = overlay.draw(grey(320, 400), placed(model), CAMERA, style).astype(int)
    drawn = np.abs(result - 100).max(-1) > 30
    assert 0.01 < drawn.mean() < 0.2, "lines, not areas"
    assert (result[drawn, 0] > result[drawn, 1]).all()
    bare = overlay.draw(grey(320, 400), placed(model), CAMERA, dataclasses.replace(style, line_opacity=0.0))
    assert (bare == 100).all()


def test_diagonals_of_quadrilaterals_are_no_edges() -> None:
    quadrilaterals = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [6, 7, 4]], np.int32)
    real = _real_edges(quadrilaterals)
    # The edge opposite to a corner is hidden when it is the one that both triangles share: 0-2 and 4-6.
    assert real.tolist() == [[True, False, True], [True, True, False], [True, False, True], [True, False, True]]


@pytest.mark.parametrize("triangles", [[[0, 1, 2]], [[0, 1, 2], [3, 4, 5]]])
def test_meshes_of_triangles_show_every_edge(triangles: list[list[int]]) -> None:
    assert _real_edges(np.array(triangles, np.int32)).all()
