"""The compiled passes against slow and clear ones in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from renderers.eyes.kernels import grow_lid, lay_strips, paint_ball
from renderers.eyes.opening import STEPS

HEIGHT, WIDTH, UNIT = 44, 70, np.float32(1.1)
CORNER = (np.float32(3), np.float32(5))
ORIGIN = (np.float32(2), np.float32(1))


def smooth(t: np.ndarray | float) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def table(values: np.ndarray, s: np.ndarray) -> np.ndarray:
    return np.where((s > 0) & (s < 1), np.interp(s, np.linspace(0, 1, STEPS), values), 0)


def sample(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear, pixel centres at half-integers, continued at the border."""
    x, y = np.clip(x - 0.5, 0, picture.shape[1] - 1), np.clip(y - 0.5, 0, picture.shape[0] - 1)
    c, r = np.minimum(x.astype(int), picture.shape[1] - 2), np.minimum(y.astype(int), picture.shape[0] - 2)
    fx, fy = (x - c)[..., None], (y - r)[..., None]
    upper = picture[r, c] * (1 - fx) + picture[r, c + 1] * fx
    return upper * (1 - fy) + (picture[r + 1, c] * (1 - fx) + picture[r + 1, c + 1] * fx) * fy


class Scene:
    """An eye in the photo and, half closed, turned and larger, in a frame; random pictures."""

    def __init__(self, drop: float) -> None:
        rng = np.random.default_rng(0)
        s = np.linspace(0, 1, STEPS)
        arch = np.sin(np.pi * s).astype(np.float32)
        self.zoom = np.float32(1.07)
        photo_axes = np.array([14, 24, 40, 2, -0.05, 0.9987], np.float32)
        axes = np.array([16, 27, 42.5, -1, 0.0235, 0.9997], np.float32)
        self.photo = (photo_axes, -8 * arch, 6 * arch)
        self.now = (axes, np.float32(drop) * arch, 6.5 * arch)
        self.window = rng.uniform(0, 255, (HEIGHT, WIDTH, 3)).astype(np.float32)
        self.texture, self.highlight, self.lid = (rng.uniform(0, 200, (40, 60, 3)).astype(np.float32) for _ in range(3))
        self.above, self.below = (rng.uniform(0, 1, (40, 60, 6)).astype(np.float32) for _ in range(2))
        self.grain = rng.uniform(-0.08, 0.08, (16, 16)).astype(np.float32)
        rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
        self.x, self.y = columns + CORNER[0], rows + CORNER[1]
        offset = np.stack([self.x - axes[0], self.y - axes[1]], -1)
        self.s = offset @ axes[2:4] / (axes[2:4] @ axes[2:4])
        self.v = offset @ axes[4:6]
        self.rim, self.floor = table(self.now[1], self.s), table(self.now[2], self.s)

    def read(self, picture: np.ndarray, v: np.ndarray) -> np.ndarray:
        """A picture of the photo's window at (s, v) of the photo."""
        axes = self.photo[0]
        x = axes[0] + self.s * axes[2] + v * axes[4] - ORIGIN[0]
        return sample(picture, x, axes[1] + self.s * axes[3] + v * axes[5] - ORIGIN[1])


@pytest.fixture(params=[-9.0, -6.0, 1.0, 5.5], ids=["wide", "open", "half", "nearly shut"])
def scene(request: pytest.FixtureRequest) -> Scene:
    return Scene(request.param)


def test_grow_lid(scene: Scene) -> None:
    own = table(scene.photo[1], scene.s)
    above, swept = scene.rim - scene.v, scene.rim - scene.zoom * own
    t = above / (swept + 14 * UNIT * scene.zoom)
    amount = smooth((1 - t) * 3) * smooth(scene.s * 6) * smooth((1 - scene.s) * 6)
    amount = amount * smooth(swept / (8 * UNIT * scene.zoom))
    grows = (scene.s > 0) & (scene.s < 1) & (swept > 0) & (above > -UNIT * scene.zoom) & (t < 1)
    width = np.hypot(*scene.now[0][2:4])
    across = (scene.s * width / scene.zoom).astype(int) % 16
    fine = scene.grain[(np.abs(above) / scene.zoom).astype(int) % 16, across]
    gain = 1.12 - (t - 0.5) ** 2 + fine
    skin = scene.read(scene.lid, own - t * 14 * UNIT)
    expected = scene.window + np.where(grows, amount, 0)[..., None] * (skin * gain[..., None] - scene.window)
    got = scene.window.copy()
    numbers = (scene.zoom, UNIT, np.float32(14 * UNIT))
    grow_lid(got, CORNER, scene.now, scene.photo, numbers, scene.lid, scene.grain, ORIGIN)
    # Rounding may take a neighbouring value of the grain.
    assert np.quantile(np.abs(got - expected), 0.99) < 0.05


@pytest.mark.parametrize("closure", [0.0, 0.93])
def test_paint_ball(scene: Scene, closure: float) -> None:
    edge, shadow, reach = np.float32(1.2), np.float32(0.3), np.float32(2.5)
    angle = 0.35
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]], np.float32)
    ball = np.array([37, 27, 34, 24, 24, 1.5, -0.7], np.float32)
    share = np.clip((scene.v - scene.rim) / edge + 0.5, 0, 1) * np.clip((scene.floor - scene.v) / edge + 0.5, 0, 1)
    share = share * (1 - smooth((closure - 0.88) / 0.1))
    share = share * smooth(((scene.floor - scene.rim) / (UNIT * scene.zoom) - 0.25) / 1.2)
    share = share * smooth((scene.s - 0.03) / 0.1) * smooth((1 - scene.s) / 0.04)
    flat = np.stack([scene.x - ball[0], scene.y - ball[1]], -1) / (ball[4] * scene.zoom)
    length = np.linalg.norm(flat, axis=-1, keepdims=True)
    flat = flat * np.minimum(1, np.sqrt(0.94) / np.maximum(length, 1e-9))
    before = np.concatenate([flat, -np.sqrt(1 - (flat**2).sum(-1, keepdims=True))], -1) @ turn
    hidden = before[..., 2:] > 0
    place = np.where(hidden, before[..., :2] / np.linalg.norm(before[..., :2], axis=-1, keepdims=True), before[..., :2])
    colour = sample(
        scene.texture, ball[2] + ball[4] * place[..., 0] - ORIGIN[0], ball[3] + ball[4] * place[..., 1] - ORIGIN[1]
    )
    glint = sample(
        scene.highlight,
        ball[2] + (scene.x - ball[0] - ball[5]) / scene.zoom - ORIGIN[0],
        ball[3] + (scene.y - ball[1] - ball[6]) / scene.zoom - ORIGIN[1],
    )
    dark = 1 - shadow * np.exp(-np.maximum(scene.v - scene.rim, 0) / (reach * scene.zoom))
    expected = scene.window + share[..., None] * ((colour + glint) * dark[..., None] - scene.window)
    got = scene.window.copy()
    numbers = (scene.zoom, UNIT, edge, np.float32(closure), shadow, reach)
    paint_ball(got, CORNER, scene.now, numbers, ball, turn, scene.texture, scene.highlight, ORIGIN)
    np.testing.assert_allclose(got, expected, atol=0.05)


@pytest.mark.parametrize("closure", [0.0, 0.5, 1.0])
def test_lay_strips(scene: Scene, closure: float) -> None:
    edge, band = np.float32(1.2), 9 * UNIT
    hanging, dry = smooth((closure - 0.35) / 0.5), smooth((closure - 0.1) / 0.5)
    flat, thin = 1 + 0.8 * smooth(closure), 1 + 1.5 * hanging
    expected = scene.window.astype(float)

    def lay(strip: np.ndarray, where: np.ndarray, share: np.ndarray | float, glow: np.ndarray | float) -> None:
        share, glow = (np.where(where, amount, 0)[..., None] for amount in (share, glow))
        expected[:] = expected * (1 + share * (strip[..., :3] - 1)) + glow * strip[..., 3:]

    shown = np.where(scene.s >= 0.1, np.clip((scene.v - scene.rim) / edge + 1, 0, 1), 1)
    far = (scene.v - scene.floor) / scene.zoom
    strip = scene.read(scene.below, table(scene.photo[2], scene.s) + far)
    lay(strip, np.abs(far) < band, shown, shown * (1 - dry * (1 - smooth(far / (2.5 * UNIT)))))
    far, own = (scene.v - scene.rim) / scene.zoom, table(scene.photo[1], scene.s)
    line = hanging * np.exp(-((far / (2.5 * UNIT)) ** 2)) * smooth(scene.s * 8) * smooth((1 - scene.s) * 8)
    expected *= 1 - np.where(np.abs(far) < band, line, 0)[..., None] * np.array([0.15, 0.18, 0.31])
    strip = scene.read(scene.above, own + far * np.where(far < 0, flat, thin))
    there = (-band < far * flat) & (far < band)
    lay(strip, there, 1.0, 1 - dry * (1 - smooth(-far / (2.5 * UNIT))))
    lay(scene.read(scene.above, own - 1.5 * (far + UNIT)), there & (far > 0), 0.6 * hanging, 0.0)
    got = scene.window.copy()
    numbers = (scene.zoom, UNIT, edge, np.float32(closure))
    lay_strips(got, CORNER, scene.now, scene.photo, numbers, scene.above, scene.below, ORIGIN)
    # At a strip's end rounding decides whether a pixel belongs to it.
    assert np.quantile(np.abs(got - expected), 0.995) < 0.05
