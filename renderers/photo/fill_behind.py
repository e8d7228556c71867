"""The photo in two layers: the person, and the background continued a little way behind them.

In real video the head moves over a background that stands still. The layers are made so that the person over the
background gives the photo back to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from renderers.pixels.region import scaled_size

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# Colours to fill in are taken this far from the person's outline, in multiples of the reach: nearer, hair shows.
_CLEAR = 0.06
# From what opacity on a pixel is of no use for the background, and from which on nothing of it is.
MIXED, _LOST = 0.02, 0.15
# Detail is what is finer than this, in multiples of the reach; where more than the second share of its gradients point
# the same way, it is no texture but a line.
_FINE, _LINE = 0.12, 0.35
# The rim is looked for where the reach is at most this, px.
_RIM_REACH_PX = 64.0
# Colours are continued at this many pixels along the longer side.
_CONTINUED_PX, _CONTINUED_FROM_PX = 240, 4
# Smooth continuations are made at this many pixels along the longer side.
_SMOOTH_PX = 320


@dataclass(frozen=True)
class Layers:
    """A photo taken apart.

    Attributes:
        background: [h, w, 3] uint8, the photo with its person filled in.
        person: [h, w, 4] uint8, colours premultiplied by the opacity, and the opacity, 0..255. Composed over
            `background` (`renderers.head.skin_kernels.composite`) they give the photo.
    """

    background: Image
    person: Image


def fill_behind(photo: Image, matte: FloatArray, reach: float) -> Image:
    """The background with the person replaced by what is probably behind them.

    Colours go on along their contours (Bertalmio, Bertozzi, Sapiro, "Navier-Stokes, Fluid Dynamics, and Image and Video
    Inpainting", 2001). Grain and leaves are mirrored at the outline, next to it; lines are not: they would meander.

    Args:
        photo: [h, w, 3] uint8.
        matte: [h, w] float32 0..1, the person's opacity.
        reach: how far the person may move, px.
    """
    hole = (matte > MIXED).astype(np.uint8)
    margin = max(1, round(_CLEAR * reach))
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    unknown = cv2.dilate(hole, ball).astype(bool)
    if unknown.all() or not unknown.any():
        return photo.copy()
    filled = _continue(photo, unknown) + _mirror_texture(photo, unknown, reach)
    lost = np.clip((matte - MIXED) / (_LOST - MIXED), 0, 1)[..., None]
    return np.clip(np.round(photo + (filled - photo) * lost), 0, 255).astype(np.uint8)


def _continue(photo: Image, unknown: NDArray[np.bool_]) -> FloatArray:
    """[h, w, 3] the photo's colours, and what they probably are where `unknown` [h, w]: nothing fine."""
    height, width = unknown.shape
    scale = min(1.0, _CONTINUED_PX / max(height, width))
    size = scaled_size((height, width), scale)
    small = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    hole = np.asarray(cv2.resize(unknown.astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 1e-3
    if hole.all():
        return fill_smoothly(photo, ~unknown)
    filled = cv2.inpaint(small, hole.astype(np.uint8), _CONTINUED_FROM_PX, cv2.INPAINT_NS)
    return np.asarray(cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def fill_small(photo: Image, known: NDArray[np.bool_], longest: int = _SMOOTH_PX) -> FloatArray:
    """`fill_smoothly` with at most `longest` pixels along the longer side: there is nothing fine in it."""
    height, width = known.shape
    scale = min(1.0, longest / max(height, width))
    size = scaled_size((height, width), scale)
    sure = np.asarray(cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 0.999
    if not sure.any():
        return fill_smoothly(photo, known)
    small = fill_smoothly(np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8), sure)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def fill_smoothly(photo: Image, known: NDArray[np.bool_]) -> FloatArray:
    """[h, w, 3] the photo where `known` [h, w], elsewhere a smooth mixture of the nearest known colours.

    Push-pull interpolation (Gortler et al., "The Lumigraph", 1996, section 3.4): averages over ever larger blocks fill
    what the finer level does not know.
    """
    first = np.asarray(photo * known[..., None], np.float32)
    levels: list[tuple[NDArray[np.floating], NDArray[np.floating]]] = [(first, known.astype(np.float32))]
    while min(levels[-1][1].shape) > 2 and (levels[-1][1] == 0).any():
        colour, weight = levels[-1]
        size = ((weight.shape[1] + 1) // 2, (weight.shape[0] + 1) // 2)
        colour = np.asarray(cv2.resize(cv2.blur(colour, (3, 3)), size, interpolation=cv2.INTER_AREA), np.float32)
        weight = np.asarray(cv2.resize(cv2.blur(weight, (3, 3)), size, interpolation=cv2.INTER_AREA), np.float32)
        # Beyond a full share there is nothing to gain.
        full = np.minimum(1, 4 * weight) / np.maximum(weight, 1e-6)
        levels.append((colour * full[..., None], weight * full))
    colour, weight = levels[-1]
    result = colour / np.maximum(weight, 1e-6)[..., None]
    if (weight == 0).any():
        result[weight == 0] = colour.sum((0, 1)) / max(float(weight.sum()), 1e-6)
    for colour, weight in reversed(levels[:-1]):
        size = weight.shape[1], weight.shape[0]
        coarse = cv2.resize(result, size, interpolation=cv2.INTER_CUBIC)
        result = colour + coarse * (1 - weight[..., None])
    return result.astype(np.float32)


def _mirror_texture(photo: Image, hole: NDArray[np.bool_], reach: float) -> FloatArray:
    """[h, w, 3] the fine detail beside the hole mirrored at its rim, fading inwards; lines left out."""
    height, width = hole.shape
    # Where the rim is, is known well enough at a smaller size.
    scale = min(1.0, _RIM_REACH_PX / max(reach, 1.0))
    small = scaled_size((height, width), scale)
    covered = cv2.resize(hole.astype(np.uint8), small, interpolation=cv2.INTER_NEAREST)
    if covered.all():
        return np.zeros((height, width, 3), np.float32)
    distance, labels = cv2.distanceTransformWithLabels(covered, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(covered == 0)
    nearest = np.zeros((int(labels.max()) + 1, 2), np.float32)
    nearest[labels[rows, columns]] = np.stack([(columns + 0.5) * width / small[0], (rows + 0.5) * height / small[1]], 1)
    rim = cv2.GaussianBlur(nearest[labels], (0, 0), max(0.8, 0.05 * scale * reach))
    weight = np.clip(1.5 - distance / max(scale * reach, 1.0), 0, 1)
    rim, weight = (cv2.resize(p, (width, height), interpolation=cv2.INTER_LINEAR) for p in (rim, weight))
    x = 2 * rim[..., 0] - np.arange(1, width + 1, dtype=np.float32)
    y = 2 * rim[..., 1] - np.arange(1, height + 1, dtype=np.float32)[:, None]
    size = 2 * max(1, round(_FINE * reach)) + 1
    fine = np.asarray(cv2.subtract(photo, cv2.blur(photo, (size, size)), dtype=cv2.CV_32F), np.float32)
    fine *= ((1 - _lines(photo, hole, reach)) * ~hole)[..., None]
    mirrored = cv2.remap(fine, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(mirrored * weight[..., None], np.float32)


def _lines(photo: Image, hole: NDArray[np.bool_], reach: float) -> FloatArray:
    """[h, w] 0..1, how far the picture's detail near each pixel outside the hole runs in one direction.

    The coherence of the structure tensor (Weickert, "Coherence-Enhancing Diffusion Filtering", 1999, section 2.2).
    """
    height, width = photo.shape[:2]
    scale = min(1.0, 24 / reach)
    size = scaled_size((height, width), scale)
    small = cv2.resize(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    # The person's own outline is a line too.
    covered = cv2.resize(hole.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    outside = cv2.dilate(covered, np.ones((5, 5), np.uint8)) == 0
    x, y = (cv2.Sobel(small, cv2.CV_32F, dx, 1 - dx) * outside for dx in (1, 0))
    sigma = max(4.0, 0.2 * scale * reach)
    xx, yy, xy = (cv2.GaussianBlur(p, (0, 0), sigma) for p in (x * x, y * y, x * y))
    coherence = np.hypot(xx - yy, 2 * xy) / (xx + yy + 1.0)
    share = np.clip((coherence - _LINE) / 0.3, 0, 1).astype(np.float32)
    return np.asarray(cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def split_layers(photo: Image, matte: FloatArray, background: Image) -> Layers:
    """The person in front of `background`, exactly.

    Where the photo is darker or brighter than the matte allows in front of this background, the opacity is raised.

    Args:
        photo: [h, w, 3] uint8.
        matte: [h, w] float32 0..1.
        background: [h, w, 3] uint8.
    """
    # Where photo and background are the same, there is no person to be seen; where the matte is 1, nothing else.
    full = matte >= 1
    differs = [photo[..., k] != background[..., k] for k in range(3)]
    mixed = ~full & ((matte >= MIXED) | differs[0] | differs[1] | differs[2])
    colour, behind = photo[mixed].T, background[mixed].T  # [3, N]
    darker = 1 - _smallest(colour / np.maximum(behind, np.float32(1)))
    brighter = 1 - _smallest((255 - colour) / np.maximum(255 - behind, np.float32(1)))
    opacity = np.maximum(matte[mixed], np.maximum(darker, brighter))
    alpha = np.ceil(np.clip(opacity, 0, 1) * 255).astype(np.int32)
    alpha[(_through(behind, alpha) > colour).any(0)] = 255
    person = np.zeros((*matte.shape, 4), np.uint8)
    person[full, :3], person[full, 3] = photo[full], 255
    person[mixed, :3] = (colour - _through(behind, alpha)).T
    person[mixed, 3] = alpha
    return Layers(background, person)


def _smallest(channels: NDArray[np.floating]) -> NDArray[np.floating]:  # [3, N] -> [N]
    return np.minimum(np.minimum(channels[0], channels[1]), channels[2])


def _through(background: Image, alpha: NDArray[np.int32]) -> NDArray[np.int32]:  # [3, N], [N] -> [3, N]
    """What of the background shows through; rounded as `renderers.head.skin_kernels.composite` does."""
    return (background.astype(np.int32) * (255 - alpha) + 127) // 255
