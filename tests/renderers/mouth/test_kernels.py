"""The mouth's compiled colours against slow and clear ones."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from renderers.head.materials import Kind
from renderers.mouth import kernels
from renderers.mouth.canvas import MATERIALS, OWN, Canvas, OwnMouth, Palette
from renderers.mouth.kernels import finish, lay_over, paint
from renderers.mouth.network import FIELDS, apply_fields
from renderers.mouth.planes import PLANES, mouth_planes
from renderers.mouth.window import CELLS_PER_MM, HEIGHT, WIDTH

SCALE = 2
PALETTE = Palette(
    teeth=np.array([230, 220, 200], np.float32),
    gums=np.array([150, 80, 75], np.float32),
    tongue=np.array([140, 75, 70], np.float32),
    cavity=np.array([60, 25, 20], np.float32),
    lips=np.array([170, 90, 90], np.float32),
    upper_gaps=np.array([0, 8.5, 15], np.float32),
    lower_gaps=np.array([0, 5, 10.5], np.float32),
)
NOTHING = OwnMouth(np.zeros((3, 1, 1), np.float32), np.zeros((4, 1, 1), np.float32), np.zeros((2, 1, 1), np.float32))


def smooth(plane: np.ndarray, x: float, y: float) -> float:
    """Bilinear, centres at half-integers, continued at the border."""
    x, y = min(max(x - 0.5, 0), plane.shape[1] - 1), min(max(y - 0.5, 0), plane.shape[0] - 1)
    c, r = min(int(x), plane.shape[1] - 2), min(int(y), plane.shape[0] - 2)
    ax, ay = x - c, y - r
    (a, b), (d, e) = plane[r, c : c + 2].astype(float), plane[r + 1, c : c + 2].astype(float)
    return float((a + ax * (b - a)) * (1 - ay) + (d + ax * (e - d)) * ay)


def light_reference(levels: np.ndarray, x: float, y: float, depth: float) -> float:
    """The openings' blurs, between which the depth chooses, seen from below."""
    y -= kernels.TILT * depth * CELLS_PER_MM * SCALE
    values = [smooth(level, x / SCALE / 2, y / SCALE / 2) for level in levels]
    fade = (kernels.DEPTHS_MM[-1] / depth) ** 2 if depth > kernels.DEPTHS_MM[-1] else 1.0
    return float(np.interp(depth, kernels.DEPTHS_MM, values)) * fade


def scene(kind: Kind, own: OwnMouth = NOTHING) -> tuple[Canvas, np.ndarray, tuple[int, int], np.ndarray, np.ndarray]:
    """One triangle of a kind everywhere: the canvas, cover, rows, levels and attributes (c, dx, dy)."""
    rng = np.random.default_rng(int(kind))
    cover = np.zeros((HEIGHT * SCALE, WIDTH * SCALE), np.float32)
    cover[50:75, 40:150] = rng.uniform(0.1, 1, (25, 110))
    levels = rng.uniform(0, 1, (3, HEIGHT // 2, WIDTH // 2)).astype(np.float32)
    maps = np.zeros((1, 3, 6), np.float32)
    maps[0, :, 0], maps[0, :, 1] = (0.3, 1, 0), (-0.2, 0, 1)
    maps[0, :, 2], maps[0, :, 3] = (-19, 0.2, 0), (-2, 0, 0.04)
    maps[0, :, 4], maps[0, :, 5] = (0.2, 0.004, 0), (-40, 0.25, 0.5)
    canvas = Canvas.empty(*cover.shape)
    rows = (50, 75)
    index = np.zeros(cover.shape, np.int32)
    skull = np.array([[1, 0, 0.3], [0, 1, -0.2]], np.float32)
    kinds = np.array([kind], np.int32)
    paint(index, rows, kinds, maps, cover, levels, SCALE, CELLS_PER_MM, PALETTE, own, skull, canvas)
    return canvas, cover, rows, levels, maps[0]


@pytest.mark.parametrize("kind", [Kind.UPPER_TEETH, Kind.LOWER_TEETH, Kind.MOUTH, Kind.TONGUE], ids=lambda k: k.name)
def test_painting_equals_its_definition(kind: Kind) -> None:
    canvas, cover, _, levels, maps = scene(kind)
    material = {Kind.UPPER_TEETH: 0, Kind.LOWER_TEETH: 1, Kind.MOUTH: 2, Kind.TONGUE: 3}[kind]
    assert ((canvas.material == material) == (cover > 0)).all()
    assert (canvas.material[cover == 0] == -1).all()
    np.testing.assert_array_equal(canvas.cover, cover)
    for row, column in ((50, 40), (60, 90), (74, 149), (66, 120)):
        arc, height, facing, depth = (maps[0, 2:] + maps[1, 2:] * (column + 0.5) + maps[2, 2:] * (row + 0.5)).tolist()
        depth = min(depth, kernels.THROAT_MM) if kind == Kind.MOUTH else depth
        light = light_reference(levels, column + 0.5, row + 0.5, depth)
        assert canvas.light[row, column] == pytest.approx(light, abs=2e-4)
        assert canvas.depth[row, column] == pytest.approx(depth, abs=1e-3)
        expected = colour_reference(kind, arc, height, facing, depth, light)
        np.testing.assert_allclose(canvas.base[row, column], expected, atol=0.1)


def colour_reference(kind: Kind, arc: float, height: float, facing: float, depth: float, light: float) -> np.ndarray:
    light = min(1.0, light)
    rim = math.exp(-max(0.0, depth) / 8)
    lining = (PALETTE.cavity * (1 - rim) + 0.8 * PALETTE.lips * rim) * (0.45 + 0.55 * light)
    if kind == Kind.MOUTH:
        return lining
    if kind == Kind.TONGUE:
        groove = 1 - 0.1 * math.exp(-((arc / 4) ** 2))
        return PALETTE.tongue * (0.5 + 0.5 * facing) * groove * (0.38 + 0.62 * (1 - (1 - light) ** 1.6))
    gaps = PALETTE.upper_gaps if kind == Kind.UPPER_TEETH else PALETTE.lower_gaps
    enamel, gum, beyond = (float(v) for v in kernels._tooth(np.float32(arc), np.float32(height), gaps))
    shade = (0.5 + 0.55 * facing) * (1 - (1 - light) ** kernels.TEETH_DARKNESS)
    enamel *= kernels.LOWER_TEETH_SHARE if kind == Kind.LOWER_TEETH else 1
    walls = kernels.BOUNCED * (1 - shade) * PALETTE.lips / PALETTE.lips[0]
    teeth = (PALETTE.teeth * enamel * (1 - gum) * (1 - 0.45 * beyond) + PALETTE.gums * gum) * (shade + walls)
    front = min(1.0, kernels.FRONT_FACTOR * facing)
    return front * teeth + (1 - front) * lining


def test_teeth_look_like_teeth() -> None:
    """Bright in the middle of a tooth, darker in the gaps, pink at the gums, rounded at the biting edge."""

    def tooth(arc: float, height: float) -> tuple[float, float, float]:
        return tuple(float(v) for v in kernels._tooth(np.float32(arc), np.float32(height), PALETTE.upper_gaps))

    middle, gap, gums, edge = tooth(4.2, 0.6), tooth(8.5, 0.6), tooth(4.2, 0.02), tooth(8.5, 0.99)
    assert middle[0] > gap[0] + 0.15
    assert middle[1] < 0.01 < 0.99 < gums[1]
    assert edge[2] > 0.9 > 0.1 > tooth(4.2, 0.97)[2]
    assert tooth(-4.2, 0.6) == middle
    assert tooth(14.0, 0.6)[0] < tooth(7.4, 0.6)[0]  # towards the corners it gets darker


def own_mouth() -> OwnMouth:
    rng = np.random.default_rng(9)
    shape = HEIGHT * SCALE, WIDTH * SCALE
    shown = np.zeros((4, *shape), np.float32)
    shown[0, 55:70, 60:100] = 1
    return OwnMouth(rng.uniform(0, 120, (3, *shape)).astype(np.float32), shown, np.full((2, *shape), 0.5, np.float32))


def test_the_photos_own_teeth_are_taken_where_it_shows_them() -> None:
    own = own_mouth()
    canvas, _, _, levels, _ = scene(Kind.UPPER_TEETH, own)
    assert canvas.shown[62, 80] == 1
    assert canvas.shown[62, 130] == 0
    light = light_reference(levels, 80.5, 62.5, kernels.OWN_TEETH_MM)
    ratio = min(1.25, (max(light, 0.02) / 0.5) ** kernels.OWN_LIGHT_POWER)
    expected = [ratio * smooth(plane, 80.8, 62.3) for plane in own.picture]
    np.testing.assert_allclose(canvas.own[62, 80], expected, rtol=2e-3)
    # Upper teeth hide what the mesh has there; lower ones do not hide the tongue.
    tongue, *_ = scene(Kind.TONGUE, own)
    assert tongue.shown[62, 80] == 1
    lower, *_ = scene(Kind.TONGUE, replace(own, shown=np.roll(own.shown, 1, axis=0)))
    assert lower.shown.max() == 0


def test_fields_do_to_pixels_what_they_do_to_cells() -> None:
    """`finish` against `apply_fields`, which training goes through; and the planes hold what was painted."""
    canvas, cover, rows, _, _ = scene(Kind.UPPER_TEETH, own_mouth())
    white = 200.0
    planes = torch.from_numpy(mouth_planes(canvas, rows, white, SCALE))[None]
    assert planes.shape == (1, PLANES, HEIGHT, WIDTH)
    shares = planes[0, : 4 * MATERIALS : 4].sum(0).numpy()
    cells = cover.reshape(HEIGHT, SCALE, WIDTH, SCALE).mean((1, 3))
    np.testing.assert_allclose(shares, cells, atol=1e-5)
    assert planes[0, 4 * OWN].sum() > 0
    generator = torch.Generator().manual_seed(0)
    # Fields that vary slowly: cells see one value of them, pixels several.
    coarse = 0.1 * torch.rand(1, FIELDS, 3, 4, generator=generator)
    fields = torch.nn.functional.interpolate(coarse, (32, 48), mode="bilinear")
    out = np.zeros((*cover.shape, 4), np.float32)
    finish(canvas, rows, np.ascontiguousarray(fields[0].permute(1, 2, 0).numpy()), white, out)
    got = out.reshape(HEIGHT, SCALE, WIDTH, SCALE, 4).mean((1, 3))
    expected = apply_fields(planes, fields)[0].permute(1, 2, 0).numpy() * white
    np.testing.assert_allclose(got[..., 3], cells, atol=1e-5)
    inner = np.s_[27:36, 24:70]
    clipped = (out[..., :3].reshape(HEIGHT, SCALE, WIDTH, SCALE, 3).max((1, 3, 4)) < 250)[inner]
    assert np.abs(got[..., :3] - expected)[inner][clipped].max() < 3


def test_zero_fields_leave_the_colours() -> None:
    canvas, cover, rows, _, _ = scene(Kind.TONGUE)
    out = np.zeros((*cover.shape, 4), np.float32)
    finish(canvas, rows, np.zeros((32, 48, FIELDS), np.float32), 200.0, out)
    np.testing.assert_allclose(out[..., :3], canvas.base * cover[..., None], atol=1e-3)


@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_colours_lie_over_the_crop(turn: float) -> None:
    """Against a slow bilinear reading of the colours, with nothing outside of them."""
    rng = np.random.default_rng(3)
    cover = rng.uniform(0, 1, (12, 16, 1)).astype(np.float32)
    colours = np.concatenate([cover * rng.uniform(0, 255, (12, 16, 3)), cover], 2).astype(np.float32)
    matrix = np.array([[math.cos(turn), math.sin(turn), -4.2], [-math.sin(turn), math.cos(turn), -3.7]], np.float32)
    before = rng.integers(0, 256, (22, 26, 3), np.uint8)
    crop = before.copy()
    lay_over(crop, colours, matrix)
    padded = np.pad(colours, ((1, 1), (1, 1), (0, 0)))
    for row, column in np.ndindex(22, 26):
        x, y = matrix @ (column + 0.5, row + 0.5, 1)
        inside = -0.5 < x < 16.5 and -0.5 < y < 12.5
        read = [smooth(padded[..., k], x + 1, y + 1) if inside else 0.0 for k in range(4)]
        expected = before[row, column] * (1 - read[3]) + read[:3]
        np.testing.assert_allclose(crop[row, column], expected, atol=0.51)
