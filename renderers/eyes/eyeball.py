"""What a photo tells about an eyeball: iris and sclera continued under the lids, the catch-light on a layer of its own.

Everything is kept in the photo's own plane: a driven eye looks up, for each pixel, where its point of the eyeball lay
in the photo, so an eye that does not move is the photo itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from renderers.eyes.opening import STEPS, EyeOpening

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# The upper lid and its lashes shade the eyeball below them: by 1 - a exp(-distance / this), in 1/256 of the face.
SHADOW_REACH = 2.6
_SHADOWS = np.arange(0.0, 0.51, 0.1)
# Polar table of the iris: radii 0 .. _RIM in iris radii, angles from +x towards +y.
_RADII, _ANGLES, _RIM = 28, 96, 1.15
# Darker than this share of the white is something before it.
_DIRTY = 0.5
# Rotation beyond which the eyeball's picture is continued with its last colour: sine from the middle.
_EDGE = 0.97


@dataclass(frozen=True)
class Sphere:
    """An eyeball in a picture: centre [2] px, radius in px."""

    center: FloatArray
    radius: float

    def normals(self, points: FloatArray) -> FloatArray:  # [..., 2] px -> [..., 3]
        """Unit normals in the camera frame (towards the camera: z < 0); outside the outline those of the outline."""
        flat = (points - self.center) / self.radius
        length = np.linalg.norm(flat, axis=-1, keepdims=True)
        flat = flat * np.minimum(1, _EDGE / np.maximum(length, 1e-6))
        depth = -np.sqrt(1 - (flat**2).sum(-1, keepdims=True))
        return np.concatenate([flat, depth], -1).astype(np.float32)


@dataclass(frozen=True)
class Eyeball:
    """One eyeball in the photo's plane.

    Attributes:
        origin: [2] int, the window's corner in the photo's crop, px.
        texture: [h, w, 3] float32 0..255, without the lid's shadow and without catch-light.
        highlight: [h, w, 3] float32 >= 0, what the catch-light adds.
        shadow: share of the light that the upper lid takes right at its edge, 0..0.5.
        sphere: the eyeball.
        iris: [3] unit normal of the sphere at the iris' centre, camera frame.
    """

    origin: NDArray[np.int64]
    texture: FloatArray
    highlight: FloatArray
    shadow: float
    sphere: Sphere
    iris: FloatArray


def lid_shadow(distance: FloatArray, amount: float, unit: float) -> FloatArray:
    """Share of the light that reaches the eyeball at a distance [...] px below the upper lid's edge."""
    return (1 - amount * np.exp(-np.maximum(distance, 0) / (SHADOW_REACH * unit))).astype(np.float32)


def read_eyeball(
    image: Image,
    opening: EyeOpening,
    sphere: Sphere,
    iris: tuple[FloatArray, float],
    window: tuple[int, int, int, int],
    unit: float,
) -> Eyeball:
    """Complete the eyeball that a photo shows between lids.

    Args:
        image: [h, w, 3] the photo's crop.
        opening: the eye in it.
        sphere: the eyeball in it.
        iris: centre [2] px and radius px of the iris, as detected; refined here.
        window: left, top, right, bottom px of the part to prepare.
        unit: 1/256 of the face's height, px.
    """
    left, top, right, bottom = window
    photo = image[top:bottom, left:right].astype(np.float32)
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32) + 0.5
    points = np.stack([x, y], -1)
    above, below, s = _lid_distances(opening, points)
    # Lashes grow over the upper edge.
    safe = (above > max(1.5, 2.2 * unit)) & (below > max(1.0, 1.2 * unit)) & (s > 0.1) & (s < 0.97)
    center, radius = refine_iris(image, iris[0], iris[1], opening)
    pole = sphere.normals(center)
    normals = sphere.normals(points)
    polar = _Polar(pole, float(np.arcsin(min(0.95, radius / sphere.radius))), sphere, np.array([left, top], np.float32))
    t, angle = polar.of(normals)
    sclera = _white_part(photo, safe & (t > 1.2) & (s > 0.17))
    shadow = _shadow_amount(photo, normals, above, sclera, unit)
    lit = photo / lid_shadow(above, shadow, unit)[..., None]
    white = _sclera(photo, lit, normals, sclera, unit, _fallback_white(photo, above, below, unit))
    table, valid = polar.table(lit, safe)
    if valid.mean() > 0.08:
        colours, bright = _complete_iris(table, valid)
        inner = _bilinear_polar(colours, t, angle)
    else:
        inner, bright = _unseen_iris(t, white), np.zeros(valid.shape, bool)
    limbus = _smoothstep((t - 0.9) / 0.2)[..., None]
    complete = inner * (1 - limbus) + white * limbus
    glint = (_bilinear_polar(bright[..., None].astype(np.float32), t, angle)[..., 0] > 0.05) & (t < 1.05) & safe
    spot = cv2.dilate(glint.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=max(1, round(0.7 * unit)))
    soft = cv2.GaussianBlur(spot.astype(np.float32), (0, 0), max(0.6, 0.5 * unit)) * spot * safe
    highlight = soft[..., None] * np.maximum(lit - complete, 0)
    # Lashes and their shadows before the white are the lid's: they do not turn with the eyeball.
    dirty = (t > 1.1) & (lit.mean(-1) < _DIRTY * white.mean(-1))
    shown = _soft_inside(safe & ~dirty, max(0.7, 0.8 * unit))[..., None]
    texture = complete + shown * (lit - highlight - complete)
    # Where the photo is known it stays exactly: highlight and texture add up to it.
    return Eyeball(
        np.array([left, top]),
        np.clip(texture, 0, 400).astype(np.float32),
        (highlight * shown).astype(np.float32),
        shadow,
        sphere,
        pole,
    )


def refine_iris(image: Image, center: FloatArray, radius: float, opening: EyeOpening) -> tuple[FloatArray, float]:
    """Move the detected circle onto the strongest step from dark to bright, within a seventh of its radius."""
    left, top, grey = _grey_around(image, center, 1.6 * radius, max(0.5, 0.06 * radius))
    corner = np.array([left, top], np.float32)
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], -1)
    shifts = [(dx, dy) for dx in range(-2, 3) for dy in range(-2, 3)]
    middles = center + radius / 14 * np.array(shifts)
    grows = np.array([0.88, 0.94, 1.0, 1.06, 1.12])
    edges = middles[:, None, None] + grows[:, None, None] * radius * ring
    above, below, _ = _lid_distances(opening, edges.astype(np.float32))
    seen = np.minimum(above, below) > 0.12 * radius  # [shifts, sizes, ring]
    best, result = -np.inf, (center, radius)
    for number, (dx, dy) in enumerate(shifts):
        for grow, shown in zip(grows, seen[number], strict=True):
            if shown.sum() < 12:
                continue
            circle = grow * radius * ring[shown]
            outside, inside = (
                _sample(grey, (middles[number] + f * circle - 0.5 - corner)[None].astype(np.float32))
                for f in (1.1, 0.9)
            )
            # A slight pull towards the detection keeps flat eyes where they were found.
            score = float(np.median(outside - inside)) - 0.4 * (dx * dx + dy * dy) / 4 - 12 * abs(grow - 1)
            if score > best:
                best, result = score, (middles[number].astype(np.float32), float(grow * radius))
    return result


def _grey_around(image: Image, center: FloatArray, reach: float, soften: float) -> tuple[int, int, FloatArray]:
    """Column and row of a part of a picture that holds all within `reach` px of `center`; its brightness, blurred."""
    margin = reach + 6 * soften + 2  # what lies beyond would not be seen
    height, width = image.shape[:2]
    left, top = (min(max(0, int(n - margin)), size - 1) for n, size in zip(center, (width, height), strict=True))
    right, bottom = (max(1, int(n + margin) + 1) for n in center)
    light = image[top:bottom, left:right] @ np.array([0.3, 0.6, 0.1], np.float32)
    return left, top, np.asarray(cv2.GaussianBlur(light, (0, 0), soften), np.float32)


class _Polar:
    """Polar coordinates about the iris: t = angle from the pole over that of the limbus, and the direction."""

    def __init__(self, pole: FloatArray, limbus: float, sphere: Sphere, origin: FloatArray) -> None:
        self._pole, self._limbus, self._sphere, self._origin = pole, limbus, sphere, origin
        right = np.array([1.0, 0.0, 0.0]) - pole[0] * pole
        self._right = (right / np.linalg.norm(right)).astype(np.float32)
        self._down = np.cross(self._right, pole).astype(np.float32)
        if self._down[1] < 0:
            self._down = -self._down

    def of(self, normals: FloatArray) -> tuple[FloatArray, FloatArray]:
        """t and direction (rad) of unit normals [..., 3]."""
        angle = np.arccos(np.clip(normals @ self._pole, -1, 1))
        return angle / self._limbus, np.arctan2(normals @ self._down, normals @ self._right)

    def table(self, picture: FloatArray, safe: NDArray[np.bool_]) -> tuple[FloatArray, NDArray[np.bool_]]:
        """[_RADII, _ANGLES, 3] colours of the iris and [_RADII, _ANGLES] whether the picture shows them."""
        t = (np.arange(_RADII) + 0.5) / _RADII * _RIM * self._limbus
        angle = np.arange(_ANGLES) / _ANGLES * 2 * np.pi
        around = np.cos(angle)[:, None] * self._right + np.sin(angle)[:, None] * self._down
        normals = np.cos(t)[:, None, None] * self._pole + np.sin(t)[:, None, None] * around
        at = self._sphere.center + self._sphere.radius * normals[..., :2] - self._origin - 0.5
        at = at.astype(np.float32)
        return _sample(picture, at), _sample(safe.astype(np.float32), at) > 0.9


def _complete_iris(table: FloatArray, valid: NDArray[np.bool_]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The whole iris [_RADII, _ANGLES, 3] without catch-lights, and where those are."""
    light = table.mean(-1)
    bright = np.zeros(valid.shape, bool)
    for k in range(_RADII):
        seen = light[k][valid[k]]
        if len(seen) < 6 or (k + 0.5) / _RADII * _RIM > 0.95:
            continue
        middle = float(np.quantile(seen, 0.4))
        spread = float(np.median(np.abs(seen - middle)))
        bright[k] = valid[k] & (light[k] > middle + max(22.0, 3.5 * spread))
    # Catch-lights cover less than half of a ring; pupils with a broad one still have dark neighbours farther out.
    pupil = light[: _RADII // 3][valid[: _RADII // 3]]
    if len(pupil):
        bright[: _RADII // 3] |= valid[: _RADII // 3] & (light[: _RADII // 3] > np.quantile(pupil, 0.3) + 45)
    bright = cv2.dilate(bright.astype(np.uint8), np.ones((3, 5), np.uint8)).astype(bool) & valid
    known = valid & ~bright
    mirrored = np.roll(np.arange(_ANGLES)[::-1], 1)
    result = np.where(known[..., None], table, 0)
    weight = known.astype(np.float32)
    # What the upper lid hides looks like what the lower half shows.
    borrow = ~known & known[:, mirrored]
    result[borrow] = table[:, mirrored][borrow]
    weight[borrow] = 0.6
    ring = _ring_means(table, known)
    wide = _blur_around(result * weight[..., None], 4.0) + 0.02 * ring
    smooth = wide / (_blur_around(weight[..., None], 4.0) + 0.02)
    missing = weight == 0
    result[missing] = smooth[missing]
    soft = np.clip(_blur_around(known[..., None].astype(np.float32), 1.5) * 2 - 1, 0, 1) * known[..., None]
    return (soft * table + (1 - soft) * (0.5 * result + 0.5 * smooth)).astype(np.float32), bright


def _unseen_iris(t: FloatArray, white: FloatArray) -> FloatArray:
    """[h, w, 3] a brown iris in the light of the white around it, for eyes that show none."""
    return (white * np.where(t < 0.42, 0.08, 0.32)[..., None] * np.array([1.1, 0.85, 0.65])).astype(np.float32)


def _ring_means(table: FloatArray, known: NDArray[np.bool_]) -> FloatArray:  # [_RADII, 1, 3]
    count = known.sum(1)
    means = (table * known[..., None]).sum(1) / np.maximum(count, 1)[:, None]
    good = np.nonzero(count >= 4)[0]
    if not len(good):
        return np.broadcast_to(table.reshape(-1, 3).mean(0), (_RADII, 1, 3)).astype(np.float32)
    filled = np.stack([np.interp(np.arange(_RADII), good, means[good, c]) for c in range(3)], -1)
    return filled[:, None].astype(np.float32)


def _blur_around(table: FloatArray, size: float) -> FloatArray:
    """Gaussian blur over angles (wrapping round) and, four times weaker, over radii."""
    pad = round(3 * size) + 1
    wide = np.concatenate([table[:, -pad:], table, table[:, :pad]], 1)
    blurred = cv2.GaussianBlur(wide, (0, 0), size, sigmaY=size / 4)
    return np.asarray(blurred, np.float32).reshape(wide.shape)[:, pad:-pad]


def _bilinear_polar(table: FloatArray, t: FloatArray, angle: FloatArray) -> FloatArray:
    rows = np.clip(t / _RIM * _RADII - 0.5, 0, _RADII - 1).astype(np.float32)
    wide = np.concatenate([table, table[:, :1]], 1)
    columns = (np.mod(angle, 2 * np.pi) / (2 * np.pi) * _ANGLES).astype(np.float32)
    sampled = cv2.remap(wide, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.float32).reshape(*t.shape, table.shape[-1])


def _sclera(
    photo: FloatArray,
    lit: FloatArray,
    normals: FloatArray,
    seen: NDArray[np.bool_],
    unit: float,
    fallback: FloatArray,
) -> FloatArray:
    """[h, w, 3] the white of the eye everywhere: a slope across the eye, plus what the seen part differs from it."""
    if seen.sum() < 16:
        return np.broadcast_to(fallback, lit.shape).astype(np.float32)
    x = normals[..., 0]
    low, high = np.quantile(x[seen], [0.03, 0.97])
    x = np.clip(x, low, high)
    features = np.stack([np.ones_like(x), x], -1)
    rows, colours = features[seen], lit[seen]
    light = colours.mean(1)
    # Vessels, lashes and shadows are darker than the white, reflections brighter.
    keep = (light >= np.quantile(light, 0.2)) & (light <= np.quantile(light, 0.92))
    ridge = np.diag([0.0, 0.5]) * keep.sum() * 0.05
    solution = np.linalg.solve(rows[keep].T @ rows[keep] + ridge, rows[keep].T @ colours[keep])
    fit = (features @ solution).astype(np.float32)
    size = max(1.0, 2.0 * unit)
    weight = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), size)[..., None]
    rest = cv2.GaussianBlur(np.clip(lit - fit, -25, 15) * seen[..., None].astype(np.float32), (0, 0), size)
    # Where the lid's shadow was measured too dark, taking it away would make the white glow.
    brightest = np.quantile(photo[seen], 0.9, axis=0)
    white = fit + rest / (weight + 0.15)
    white *= np.minimum(1, np.quantile(photo[seen], 0.6, axis=0) / np.maximum(np.median(white[seen], 0), 1))
    white = np.clip(white, 0.5 * np.median(colours[keep], 0), brightest)
    # A handful of pixels tells little about colour.
    trust = min(1.0, seen.sum() / 60)
    return (fallback + trust * (white - fallback)).astype(np.float32)


def _white_part(photo: FloatArray, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without what is much redder than most: the inner corner's flesh and lid rims."""
    if not seen.any():
        return seen
    red = photo[..., 0] / np.maximum(photo[..., 1:].mean(-1), 4)
    return seen & (red < 1.15 * np.quantile(red[seen], 0.35))


def _fallback_white(photo: FloatArray, above: FloatArray, below: FloatArray, unit: float) -> FloatArray:
    """[3] a greyish white nearly as bright as the skin around, for eyes that show none."""
    inside = np.minimum(above, below)
    around = photo[inside < -3 * unit]
    skin = np.median(around, 0) if len(around) else np.full(3, 128.0)
    level = float(skin.mean())
    eye = photo[inside > 0]
    if len(eye):  # eyes in deep shade have no bright white
        level = min(level, 1.3 * float(np.quantile(eye.mean(1), 0.95)))
    # A third of the skin's tint is the light's.
    return ((skin / max(float(skin.mean()), 1.0)) ** 0.35 * min(200.0, 0.95 * level)).astype(np.float32)


def _shadow_amount(
    photo: FloatArray, normals: FloatArray, above: FloatArray, seen: NDArray[np.bool_], unit: float
) -> float:
    """The lid's shadow that leaves the most even white."""
    if seen.sum() < 30:
        return 0.3
    x = normals[seen][:, 0]
    features = np.stack([np.ones_like(x), x, x * x], -1)
    errors = []
    for amount in _SHADOWS:
        light = np.log(np.maximum(photo[seen].mean(1), 4) / lid_shadow(above[seen], float(amount), unit))
        _, residual, *_ = np.linalg.lstsq(features, light, rcond=None)
        errors.append(float(residual[0]) if len(residual) else 0.0)
    return float(_SHADOWS[int(np.argmin(errors))])


def _lid_distances(opening: EyeOpening, points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distances below the upper and above the lower lid (px, negative outside), and s, of positions [..., 2]."""
    local = opening.local(points)
    s, v = local[..., 0], local[..., 1]
    grid = np.linspace(0, 1, STEPS)
    upper, lower = np.interp(s, grid, opening.upper), np.interp(s, grid, opening.lower)
    return (v - upper).astype(np.float32), (lower - v).astype(np.float32), s


def _soft_inside(mask: NDArray[np.bool_], size: float) -> FloatArray:
    """1 well inside of a mask, falling to 0 at its border."""
    distance = np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3), np.float32)
    return _smoothstep(distance / (1.5 * size))


def _smoothstep(t: FloatArray) -> FloatArray:
    t = np.clip(t, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _sample(picture: FloatArray, at: FloatArray) -> FloatArray:
    """A picture at [h, w, 2] (x, y), pixel centres at integers, 0 outside."""
    return np.asarray(cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR), np.float32)
