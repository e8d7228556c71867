"""Eyelids of a photo: their skin without lashes, and the strips of lashes that move with their edges."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.model.landmark_sets import LEFT_BROW, RIGHT_BROW
from renderers.eyes.opening import STEPS, EyeOpening

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# All lengths in 1/256 of the face's height. Within the first distance of an edge everything belongs to the lashes'
# strip, from the second one on nothing.
_STRIP = (3.5, 8.0)
# Where a lid's own colour is read: this far above the upper edge, and below the lower one.
_ABOVE, _BELOW = (7.0, 15.0), (6.0, 16.0)
# Differences of as many grey levels are rounding.
_SAME = 2
_DARKEST = 0.06
# How far above an upper lid's edge skin is taken for what it unfolds: at most, at least, and of the gap to the brow.
_REACH, _LEAST_REACH, _TO_BROW = 14.0, 4.0, 0.75


@dataclass(frozen=True)
class LashStrips:
    """What lashes and rims make of bare lids and eyeballs: [h, w, 6] float32, factors 0..1 and addends 0..255 each.

    Attributes:
        upper: what moves with the upper lid's edge.
        lower: what moves with the lower one's, and the corners.
    """

    upper: FloatArray
    lower: FloatArray

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> LashStrips:
        """Strips that change nothing."""
        nothing = np.zeros((*shape, 6), np.float32)
        nothing[..., :3] = 1
        return cls(nothing, nothing)


def lash_strips(
    photo: Image, bare: Image, opening: EyeOpening, window: tuple[int, int, int, int], unit: float
) -> LashStrips:
    """What makes the photo of a picture of bare lids with an eyeball between them.

    Args:
        photo, bare: [h, w, 3] uint8 of the window.
        opening: the eye.
        window: left, top, right, bottom px.
        unit: 1/256 of the face's height, px.
    """
    above, below, s = _distances(opening, window)
    before, after = bare.astype(np.float32), photo.astype(np.float32)
    # Black divided by nearly black means nothing: the offset turns such factors to 1.
    differs = np.abs(after - before).max(-1, keepdims=True) > _SAME
    factor = np.where(differs, np.clip((after + 12) / (before + 12), _DARKEST, 1), 1)
    addend = np.where(differs, after - before * factor, 0)
    nearer = np.abs(below) / np.maximum(np.abs(above) + np.abs(below), 1e-3)
    share = np.clip((nearer - 0.35) / 0.3, 0, 1) * np.clip((s + 0.02) / 0.12, 0, 1)
    share = np.where(above < 0, np.clip((s + 0.02) / 0.12, 0, 1), share)[..., None]
    upper = np.concatenate([factor**share, addend * share], -1)
    lower = np.concatenate([factor ** (1 - share), addend * (1 - share)], -1)
    return LashStrips(np.ascontiguousarray(upper, np.float32), np.ascontiguousarray(lower, np.float32))


def bare_lids(skin: Image, openings: list[EyeOpening], unit: float) -> tuple[Image, Image]:
    """The skin picture with bare lids: lashes, their roots and their shadows give way to the lid's own colour.

    And the same blurred along the lids, for the skin that unfolds when they close: stretched, its structure would draw
    stripes.

    Args:
        skin: [h, w, 3] uint8 without open eyes.
        openings: the eyes in it.
        unit: 1/256 of the face's height, px.
    """
    result, plain = skin.copy(), skin.copy()
    for opening in openings:
        window = _around(opening, skin.shape, 26 * unit)
        if window is None:
            continue
        left, top, right, bottom = window
        above, below, s = _distances(opening, window)
        part = skin[top:bottom, left:right].astype(np.float32)
        far = np.maximum(-above, -below)  # distance from the opening, negative inside
        aside = np.maximum(np.maximum(-s, s - 1), 0) * opening.width_px
        far = (np.hypot(np.maximum(far, 0), aside) / unit).astype(np.float32)
        cover = 1 - _smoothstep((far - np.float32(_STRIP[0])) / np.float32(_STRIP[1] - _STRIP[0]))
        middle = (s > 0.05) & (s < 0.95)
        over = middle & (-above > _ABOVE[0] * unit) & (-above < _ABOVE[1] * unit)
        under = middle & (-below > _BELOW[0] * unit) & (-below < _BELOW[1] * unit)
        fill = _lid_colours(part, over, under, far, unit)
        result[top:bottom, left:right] = np.round(part + cover[..., None] * (fill - part)).astype(np.uint8)
        blurred = cv2.GaussianBlur(
            result[top:bottom, left:right], (0, 0), max(1.0, 5 * unit), sigmaY=max(0.6, 1.5 * unit)
        )
        plain[top:bottom, left:right] = blurred
    return result, plain


def _lid_colours(
    part: FloatArray, over: NDArray[np.bool_], under: NDArray[np.bool_], far: FloatArray, unit: float
) -> FloatArray:
    """[h, w, 3] smooth colours of bare skin, from what lies above and below the eye."""
    known = (far > _STRIP[1]).astype(np.float32)[..., None]
    size = max(1.0, 6 * unit)
    weight = cv2.GaussianBlur(known, (0, 0), size)[..., None]
    smooth = np.asarray(cv2.GaussianBlur(part * known, (0, 0), size) / np.maximum(weight, 1e-3), np.float32)
    reads = [_bright_mean(part[mask]) for mask in (over, under) if mask.sum() > 8]
    if not reads:
        return smooth
    # Above deep-set eyes there is shadow or brow; a closed lid comes forward into the light.
    flat = np.mean(reads, axis=0)
    return (0.45 * smooth + 0.55 * flat).astype(np.float32)


def _bright_mean(pixels: FloatArray) -> FloatArray:  # [N, 3] -> [3]
    light = pixels.mean(1)
    low, high = np.quantile(light, [0.4, 0.9])
    return pixels[(light >= low) & (light <= high)].mean(0)


def lid_reach(points: FloatArray, opening: EyeOpening, side: int, unit: float) -> np.float32:  # [478, 2] px
    """How far above the upper edge of the left (side 0) or the right eye (1) there is skin and no brow, px."""
    brow = opening.local(points[list((LEFT_BROW, RIGHT_BROW)[side])])
    above = (brow[:, 0] > 0.1) & (brow[:, 0] < 0.9)
    if not above.any():
        return np.float32(_LEAST_REACH * unit)
    edge = np.interp(brow[above, 0], np.linspace(0, 1, STEPS), opening.upper)
    return np.float32(np.clip(_TO_BROW * (edge - brow[above, 1]).min(), _LEAST_REACH * unit, _REACH * unit))


def skin_grain(photo: Image, opening: EyeOpening, unit: float) -> FloatArray:  # [G, G]
    """The fine structure of the skin below an eye, relative to its brightness; it can be tiled."""
    size = max(4, round(20 * unit))
    axes = opening.axes
    middle = axes[:2] + 0.5 * axes[2:4] + (float(opening.lower.max()) + 16 * unit) * axes[4:6]
    left, top = np.clip(np.round(middle - size / 2), 0, np.array(photo.shape[1::-1]) - size).astype(int)
    patch = photo[top : top + size, left : left + size].astype(np.float32).mean(-1)
    smooth = cv2.GaussianBlur(patch, (0, 0), max(0.8, 1.2 * unit))
    fine = np.clip(patch / np.maximum(smooth, 8) - 1, -0.08, 0.08)
    return np.ascontiguousarray(np.block([[fine, fine[:, ::-1]], [fine[::-1], fine[::-1, ::-1]]]), np.float32)


def _distances(opening: EyeOpening, window: tuple[int, int, int, int]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distances below the upper and above the lower lid, px, and s, of a window's pixels [h, w]."""
    left, top, right, bottom = window
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32) + np.float32(0.5)
    local = opening.local(np.stack([x, y], -1))
    grid = np.linspace(0, 1, STEPS)
    upper, lower = (np.interp(local[..., 0], grid, t) for t in (opening.upper, opening.lower))
    return (local[..., 1] - upper).astype(np.float32), (lower - local[..., 1]).astype(np.float32), local[..., 0]


def _around(opening: EyeOpening, shape: tuple[int, ...], margin: float) -> tuple[int, int, int, int] | None:
    axes = opening.axes
    ends = np.stack([axes[:2], axes[:2] + axes[2:4]])
    left, top = np.maximum(np.floor(ends.min(0) - margin), 0).astype(int)
    right, bottom = np.minimum(np.ceil(ends.max(0) + margin), (shape[1], shape[0])).astype(int)
    return (int(left), int(top), int(right), int(bottom)) if right > left and bottom > top else None


def _smoothstep(t: FloatArray) -> FloatArray:
    t = np.clip(t, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
