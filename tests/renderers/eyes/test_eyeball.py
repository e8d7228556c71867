"""Eyeballs read from drawn eyes whose truth is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from renderers.eyes.eyeball import Eyeball, Sphere, lid_shadow, read_eyeball, refine_iris
from renderers.eyes.opening import STEPS, EyeOpening

SIZE, UNIT = (90, 140), 1.6
CENTER, RADIUS, IRIS = np.array([70.0, 46.0], np.float32), 30.0, 12.0
WHITE, BROWN, BLACK = (205, 200, 195), (110, 70, 40), (15, 12, 10)
WINDOW = (10, 10, 130, 80)


def drawn_eye(glint: bool = True, shadow: float = 0.0) -> tuple[np.ndarray, EyeOpening]:
    """An eye looking ahead: its upper lid hides the top of the iris."""
    s = np.linspace(0, 1, STEPS)
    arch = np.sin(np.pi * s)
    axes = np.array([30, 48, 80, 0, 0, 1], np.float32)
    opening = EyeOpening(axes, (-11 * arch).astype(np.float32), (11 * arch).astype(np.float32))
    image = np.full((*SIZE, 3), WHITE, np.uint8)
    cv2.circle(image, (70, 46), int(IRIS), BROWN, -1, cv2.LINE_AA)
    cv2.circle(image, (70, 46), 5, BLACK, -1, cv2.LINE_AA)
    if glint:
        cv2.circle(image, (74, 43), 2, (250, 250, 250), -1, cv2.LINE_AA)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    local = opening.local(np.stack([x, y], -1).astype(np.float32))
    above = local[..., 1] - np.interp(local[..., 0], s, opening.upper)
    below = np.interp(local[..., 0], s, opening.lower) - local[..., 1]
    lit = image * lid_shadow(above.astype(np.float32), shadow, UNIT)[..., None]
    image = np.where(((above > 0) & (below > 0))[..., None], lit, (190, 140, 110)).astype(np.uint8)
    return image, opening


def read(image: np.ndarray, opening: EyeOpening) -> Eyeball:
    detected = CENTER + np.array([1.0, -1.0], np.float32)
    return read_eyeball(image, opening, Sphere(CENTER, RADIUS), (detected, IRIS * 1.05), WINDOW, UNIT)


def ring(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns in the window of a circle about the iris."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    columns, rows = CENTER[0] + radius * np.cos(angle), CENTER[1] + radius * np.sin(angle)
    return np.floor(rows).astype(int) - WINDOW[1], np.floor(columns).astype(int) - WINDOW[0]


def test_the_iris_is_complete_under_the_lid() -> None:
    ball = read(*drawn_eye())
    rows, columns = ring(8.5)
    assert np.abs(ball.texture[rows, columns] - BROWN).max() < 30
    rows, columns = ring(16.0)
    assert np.abs(ball.texture[rows, columns] - WHITE).max() < 30


def test_the_catch_light_has_a_layer_of_its_own() -> None:
    ball, bare = read(*drawn_eye()), read(*drawn_eye(glint=False))
    assert ball.highlight[43 - WINDOW[1], 74 - WINDOW[0]].min() > 100
    assert ball.texture[43 - WINDOW[1], 74 - WINDOW[0]].max() < 140
    assert bare.highlight.sum() < 0.3 * ball.highlight.sum()


@pytest.mark.parametrize("shadow", [0.0, 0.3])
def test_layers_add_up_to_the_photo(shadow: float) -> None:
    image, opening = drawn_eye(shadow=shadow)
    ball = read(image, opening)
    x, y = np.meshgrid(np.arange(55, 86), np.arange(44, 51))  # well inside of the lids
    s = (x + 0.5 - 30) / 80
    above = y + 0.5 - 48 - np.interp(s, np.linspace(0, 1, STEPS), opening.upper)
    sum_of_layers = ball.texture + ball.highlight
    shown = sum_of_layers[y - WINDOW[1], x - WINDOW[0]] * lid_shadow(above, ball.shadow, UNIT)[..., None]
    np.testing.assert_allclose(shown, image[y, x], atol=0.6)


def test_the_lids_shadow_is_measured() -> None:
    assert read(*drawn_eye(shadow=0.4)).shadow == pytest.approx(0.4, abs=0.11)
    assert read(*drawn_eye(shadow=0.0)).shadow == pytest.approx(0.0, abs=0.11)


def test_the_iris_is_found_next_to_where_it_was_detected() -> None:
    image, opening = drawn_eye()
    center, radius = refine_iris(image, CENTER + np.array([1.5, -1.5], np.float32), IRIS * 1.1, opening)
    assert np.abs(center - CENTER - 0.5).max() < 1.2
    assert radius == pytest.approx(IRIS, abs=1.0)


def test_a_shut_eye_gives_a_plain_eyeball() -> None:
    image, opening = drawn_eye()
    shut = EyeOpening(opening.axes, opening.lower, opening.lower)
    ball = read(image, shut)
    assert np.isfinite(ball.texture).all()
    assert ball.highlight.max() == 0
    assert ball.texture.mean() > 60
    rows, columns = ring(8.5)
    iris = ball.texture[rows, columns]
    assert (iris[:, 0] > iris[:, 2]).all()
    assert iris.mean() < 0.5 * ball.texture.mean()


def test_normals_lie_on_the_sphere() -> None:
    sphere = Sphere(CENTER, RADIUS)
    normals = sphere.normals(np.array([[70, 46], [85, 46], [70, 200], [-50, 46]], np.float32))
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(normals[0], [0, 0, -1], atol=1e-6)
    np.testing.assert_allclose(normals[1, :2], [0.5, 0], atol=1e-6)
    assert (normals[:, 2] < 0).all()
