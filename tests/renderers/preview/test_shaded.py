from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from face3d.camera import Camera
from face3d.model.parts import Part
from renderers.preview.shaded import SKIN, default_style, render_shaded

CAMERA = Camera(150.0, (52.0, 44.0), (100, 90))
CENTRE, RADIUS = np.array([5.0, -3.0, 300.0]), 70.0


def sphere(rows: int = 60, columns: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Vertices in the camera frame and triangles, anti-clockwise from outside."""
    polar, around = np.meshgrid(
        np.linspace(1e-3, np.pi - 1e-3, rows), np.arange(columns) * 2 * np.pi / columns, indexing="ij"
    )
    unit = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], -1)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b = index[:-1], index[1:]
    c, d = np.roll(b, -1, 1), np.roll(a, -1, 1)
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return (CENTRE + RADIUS * unit.reshape(-1, 3)).astype(np.float32), triangles


def analytic_sphere(samples: int = 4) -> np.ndarray:
    """The same picture by intersecting each sample's ray with the sphere."""
    style = default_style()
    width, height = CAMERA.image_size
    y, x = np.meshgrid(
        (np.arange(height * samples) + 0.5) / samples, (np.arange(width * samples) + 0.5) / samples, indexing="ij"
    )
    principal = CAMERA.principal_point_px
    ray = np.stack([(x - principal[0]) / CAMERA.focal_px, (y - principal[1]) / CAMERA.focal_px, np.ones_like(x)], -1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    along = ray @ CENTRE
    discriminant = along**2 - (CENTRE @ CENTRE - RADIUS**2)
    hit = discriminant > 0
    point = ray * (along - np.sqrt(np.maximum(discriminant, 0)))[..., None]
    light = np.array(style.towards_light) / np.linalg.norm(style.towards_light)
    cosine = np.maximum(((point - CENTRE) / RADIUS) @ light, 0)
    brightness = style.ambient + (1 - style.ambient) * cosine
    picture = np.where(hit[..., None], np.array(SKIN) * brightness[..., None], style.background)
    return picture.reshape(height, samples, width, samples, 3).mean((1, 3))


def test_shaded_sphere() -> None:
    vertices, triangles = sphere()
    got = render_shaded(torch.from_numpy(vertices), torch.from_numpy(triangles), CAMERA).astype(float)
    want = analytic_sphere()
    assert got.shape == (90, 100, 3)
    assert abs(got - want).mean() < 0.3
    assert abs(got - want).max() < 40  # anti-aliasing of the silhouette with 2 x 2 samples


def test_part_colours() -> None:
    vertices, triangles = sphere()
    style = replace(default_style(), ambient=1.0, supersampling=1)
    for part in (Part.SKIN, Part.UPPER_TEETH, Part.TONGUE):
        got = render_shaded(vertices, triangles, CAMERA, np.full(len(triangles), int(part)), style)
        assert abs(got[42, 54].astype(int) - style.colours[part]).max() <= 1
    assert (default_style().colours.shape) == (len(Part), 3)


def test_overlay() -> None:
    vertices, triangles = sphere()
    picture = np.random.default_rng(0).integers(0, 256, (90, 100, 3), dtype=np.uint8)
    style = replace(default_style(), opacity=0.5, ambient=1.0)
    got = render_shaded(vertices, triangles, CAMERA, style=style, picture=picture)
    assert (got[:5] == picture[:5]).all()  # above the sphere
    np.testing.assert_allclose(got[42, 54], (picture[42, 54] + np.array(SKIN)) / 2, atol=1)
    with pytest.raises(ValueError, match="shape"):
        render_shaded(vertices, triangles, CAMERA, picture=picture[1:])


def test_vertices_fade_out() -> None:
    """A sheet whose left edge is opaque and whose right one is not there."""
    sheet = np.array([[-30, -30, 300], [30, -30, 300], [-30, 30, 300], [30, 30, 300]], np.float32)
    opacities = np.array([1, 0, 1, 0], np.float32)
    style = replace(default_style(), ambient=1.0)
    got = render_shaded(sheet, np.array([[0, 2, 1], [1, 2, 3]]), CAMERA, style=style, opacities=opacities)
    covered = np.flatnonzero((got[45] != style.background).any(-1))
    share = np.linspace(1, 0, covered[-1] - covered[0] + 3)[1:-1, None]
    expected = share * np.array(SKIN) + (1 - share) * np.array(style.background)
    assert len(covered) > 10
    np.testing.assert_allclose(got[45, covered[0] : covered[-1] + 1], expected, atol=8)


def test_the_inside_is_lit_like_the_outside() -> None:
    """A sheet seen from behind is not black."""
    sheet = np.array([[-99, -99, 300], [99, -99, 300], [-99, 99, 300], [99, 99, 300]], np.float32)
    front, back = np.array([[0, 2, 1], [1, 2, 3]]), np.array([[0, 1, 2], [1, 3, 2]])
    assert (render_shaded(sheet, front, CAMERA) == render_shaded(sheet, back, CAMERA)).all()


def test_mesh_behind_the_camera_shows_nothing() -> None:
    vertices, triangles = sphere()
    vertices[:, 2] -= 300
    with np.errstate(all="raise"):
        got = render_shaded(vertices - np.float32([0, 0, 100]), triangles, CAMERA)
    assert (got == default_style().background).all()
