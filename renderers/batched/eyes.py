"""Driven eyes in torch: `renderers.eyes.painter` and `renderers.eyes.kernels` for batches.

The constants and what they mean are those of the kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from renderers.batched.eye_opening import OpeningBatch, read_curve
from renderers.batched.mesh import DrivenBatch
from renderers.batched.pictures import Windows, sample, to_levels
from renderers.eyes import kernels as k
from renderers.eyes.eyeball import SHADOW_REACH
from renderers.eyes.painter import ASIDE, GLINT_SHARE, RADIUS_MM, UP_DOWN, Eye, EyesState


class TorchEyes:
    """`EyePainter.draw` for batches.

    Args:
        state: what was prepared of the photo.
        device: where to work.
    """

    def __init__(self, state: EyesState, device: torch.device) -> None:
        self._eyes = [_TorchEye(state, eye, device) for eye in state.eyes]

    def draw(self, crops: Tensor, frame: DrivenBatch, points: Tensor) -> None:
        """Paint both eyes over crops [B, 3, h, w] uint8 in place; `points` [B, 478, 2] px are their landmarks."""
        for eye in self._eyes:
            eye.draw(crops, frame, points)


@dataclass(frozen=True)
class _View:
    """What is painted of one eye: per pixel [B, h, w], per frame [B, 1, 1].

    Attributes:
        places: [B, h, w, 2] px in the crop.
        s, v: coordinates in the opening.
        rim, floor: v of the upper and the lower lid at s.
        zoom: against the photo.
        closure: 0..1.
    """

    places: Tensor
    s: Tensor
    v: Tensor
    rim: Tensor
    floor: Tensor
    zoom: Tensor
    closure: Tensor


class _TorchEye:
    """One eye of the photo."""

    def __init__(self, state: EyesState, eye: Eye, device: torch.device) -> None:
        def picture(values: object) -> Tensor:
            return torch.as_tensor(values, device=device).permute(2, 0, 1).float()

        ball = eye.ball
        self._side, self._vertices = eye.side, torch.as_tensor(eye.vertices, device=device)
        self._before = torch.as_tensor(state.camera, device=device)[self._vertices]
        self._unit, self._edge, self._focal = float(state.unit), float(state.edge), state.focal
        self._origin = torch.as_tensor(state.origin, device=device)
        self._opening, self._photo_rim = OpeningBatch.single(eye.opening, device), float(eye.opening.upper.min())
        self._reach = float(eye.reach)
        self._radius, self._shadow = float(ball.sphere.radius), float(ball.shadow)
        self._centre = torch.as_tensor(ball.sphere.center, device=device)
        self._iris = torch.as_tensor(ball.iris, device=device)
        self._corner = torch.as_tensor(ball.origin, device=device).float()
        self._texture, self._highlight = picture(ball.texture), picture(ball.highlight)
        self._upper, self._lower, self._lid = (picture(p) for p in (eye.strips.upper, eye.strips.lower, eye.lid))
        self._grain = torch.as_tensor(eye.grain, device=device)

    def draw(self, crops: Tensor, frame: DrivenBatch, points: Tensor) -> None:
        opening = OpeningBatch.of(points, self._side)
        radius = RADIUS_MM * self._focal / frame.camera[:, self._vertices, 2].mean(1)
        zoom = (radius / self._radius)[:, None, None]
        windows = self._windows(opening, zoom[:, :, 0], crops.shape[2], crops.shape[3])
        if windows is None:
            return
        places = windows.centres()
        s, v = opening.local(places)
        rim, floor = read_curve(opening.upper, s), read_curve(opening.lower, s)
        view = _View(places, s, v, rim, floor, zoom, frame.lid_closure[:, self._side, None, None])
        width = opening.axes[:, 2:4].norm(dim=1)[:, None, None]
        colours = self._grow_lid(windows.read(crops).float(), view, width)
        center = frame.pixels[:, self._vertices, :2].mean(1) - self._origin
        turn = rotation_between(self._before, frame.camera[:, self._vertices])
        colours = self._paint_ball(colours, view, center, radius, turn)
        colours = self._lay_strips(colours, view)
        windows.write(crops, to_levels(colours))

    def _windows(self, opening: OpeningBatch, zoom: Tensor, height: int, width: int) -> Windows | None:
        reach = UP_DOWN * self._unit * zoom  # [B, 1]
        high = torch.minimum(opening.upper.amin(1, keepdim=True), zoom * self._photo_rim).clamp_max(0) - reach
        low = opening.lower.amax(1, keepdim=True).clamp_min(0) + reach
        s = high.new_tensor([-ASIDE, 1 + ASIDE, -ASIDE, 1 + ASIDE]).expand(len(zoom), -1)
        return Windows.around(opening.place(s, torch.cat([high, high, low, low], 1)), 0.0, height, width)

    def _read(self, picture: Tensor, s: Tensor, v: Tensor) -> Tensor:
        """A picture of the photo's window at (s, v) of the photo."""
        return sample(picture, self._opening.place(s, v) - self._corner)

    def _grow_lid(self, colours: Tensor, view: _View, width: Tensor) -> Tensor:
        """As `eye_kernels.grow_lid`."""
        s, zoom, unit = view.s, view.zoom, self._unit
        own = read_curve(self._opening.upper, s)
        above, swept = view.rim - view.v, view.rim - zoom * own
        t = above / (swept + self._reach * zoom).clamp_min(1e-6)
        inside = (s > 0) & (s < 1) & (swept > 0) & (above > -unit * zoom) & (t < 1)
        amount = _smooth((1 - t) * float(k.ENDS)) * _smooth(s * float(k.CORNERS)) * _smooth((1 - s) * float(k.CORNERS))
        amount = amount * _smooth(swept / (float(k.SOON) * unit * zoom)) * inside
        # Places outside are anywhere: only inside ones count.
        row = (above.abs() / zoom).long() % len(self._grain)
        column = (s.clamp(0, 1) * width / zoom).long() % len(self._grain)
        middle = t - float(k.MIDDLE)
        gain = 1 + float(k.BRIGHTER) - float(k.DARKER) * middle * middle + self._grain[row, column]
        skin = self._read(self._lid, s, own - t * self._reach) * gain[:, None]
        return colours + amount[:, None] * (skin - colours)

    def _paint_ball(self, colours: Tensor, view: _View, center: Tensor, radius: Tensor, turn: Tensor) -> Tensor:
        """As `eye_kernels.paint_ball`."""
        zoom, unit = view.zoom, self._unit
        below, over = view.v - view.rim, view.floor - view.v
        share = (below / self._edge + 0.5).clamp(0, 1) * (over / self._edge + 0.5).clamp(0, 1)
        gap = (view.floor - view.rim) / (unit * zoom)
        share = share * (1 - _smooth((view.closure - float(k.SHUT[0])) / float(k.SHUT[1])))
        share = share * _smooth((gap - float(k.TOUCHING)) / float(k.OPENED))
        share = share * _smooth((view.s - float(k.INNER[0])) / float(k.INNER[1]))
        share = share * _smooth((1 - view.s) / float(k.OUTER))
        offset = view.places - center[:, None, None]
        then = self._centre + self._radius * _turn_back(turn, offset / (self._radius * zoom[..., None]))
        glint = GLINT_SHARE * radius[:, None] * (turn @ self._iris - self._iris)[:, :2]
        light = self._centre + (offset - glint[:, None, None]) / zoom[..., None]
        ball = sample(self._texture, then - self._corner) + sample(self._highlight, light - self._corner)
        dark = 1 - self._shadow * torch.exp(-below.clamp_min(0) / (SHADOW_REACH * unit * zoom))
        return colours + share[:, None] * (ball * dark[:, None] - colours)

    def _lay_strips(self, colours: Tensor, view: _View) -> Tensor:
        """As `eye_kernels.lay_strips`."""
        zoom, unit, s = view.zoom, self._unit, view.s
        band, wet_reach = float(k.BAND) * unit, float(k.WET) * unit
        hanging = _smooth((view.closure - float(k.HANG[0])) / float(k.HANG[1]))
        dry = _smooth((view.closure - float(k.DRY[0])) / float(k.DRY[1]))
        flat, thin = 1 + float(k.FLAT) * _smooth(view.closure), 1 + float(k.THIN) * hanging
        shown = torch.where(s >= float(k.CORNER), ((view.v - view.rim) / self._edge + 1).clamp(0, 1), 1.0)
        far = (view.v - view.floor) / zoom
        shown = shown * (far.abs() < band)
        strip = self._read(self._lower, s, read_curve(self._opening.lower, s) + far)
        colours = _lay(colours, strip, shown, shown * (1 - dry * (1 - _smooth(far / wet_reach))))
        far = (view.v - view.rim) / zoom
        colours = _shade_line(colours, hanging * (far.abs() < band), far / (float(k.LINE_WIDTH) * unit), s)
        near = ((far * flat > -band) & (far < band)).float()
        own = read_curve(self._opening.upper, s)
        strip = self._read(self._upper, s, own + far * torch.where(far < 0, flat, thin))
        colours = _lay(colours, strip, near, near * (1 - dry * (1 - _smooth(-far / wet_reach))))
        strip = self._read(self._upper, s, own - float(k.SHORT) * (far + unit))
        share = near * (far > 0) * float(k.HANGING) * hanging
        return _lay(colours, strip, share, torch.zeros_like(share))


def rotation_between(before: Tensor, after: Tensor) -> Tensor:  # [N, 3], [B, N, 3] -> [B, 3, 3]
    """The rotation that turns one set of points into others about their means (Kabsch)."""
    centred = after - after.mean(1, keepdim=True)
    u, _, vt = torch.linalg.svd((before - before.mean(0)).T @ centred)
    sign = torch.linalg.det(u @ vt).sign()
    flip = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], 1)
    return (u * flip[:, None] @ vt).transpose(1, 2)


def _turn_back(turn: Tensor, flat: Tensor) -> Tensor:  # [B, 3, 3], [B, h, w, 2] -> [B, h, w, 2]
    """As `eye_kernels._turn_back`: where in the photo the point of the unit eyeball was."""
    rim = float(k.RIM)
    square = (flat * flat).sum(-1, keepdim=True)
    flat = flat * (rim / square.clamp_min(rim)).sqrt()
    depth = -(1 - square.clamp_max(rim)).sqrt()
    then = torch.cat([flat, depth], -1) @ turn[:, None]
    plane = then[..., :2]
    outline = plane / plane.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    return torch.where(then[..., 2:] > 0, outline, plane)


def _shade_line(colours: Tensor, share: Tensor, far: Tensor, s: Tensor) -> Tensor:
    """As `eye_kernels._shade_line`."""
    ends = float(k.LINE_ENDS)
    share = share * torch.exp(-far * far) * _smooth(s * ends) * _smooth((1 - s) * ends)
    return colours * (1 - share[:, None] * colours.new_tensor([float(x) for x in k.LINE])[:, None, None])


def _lay(colours: Tensor, strip: Tensor, share: Tensor, glow: Tensor) -> Tensor:
    """Darken colours by `share` of the strip's factors and add `glow` of its addends."""
    factor, addend = strip.split(3, 1)
    return colours * (1 + share[:, None] * (factor - 1)) + glow[:, None] * addend


def _smooth(t: Tensor) -> Tensor:
    t = t.clamp(0, 1)
    return t * t * (3 - 2 * t)
