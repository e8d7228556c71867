"""Per-pixel colours of the photo avatar, compiled: each pixel of the driven mesh is coloured by its part's rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderers.compiled import kernel

FloatArray = NDArray[np.float32]

# Vertex attributes of the mouth's inside: arc length on the dental arch (mm), height on the tooth (0 gums, 1 edge),
# light (0..1), depth behind the lips (mm).
ATTRIBUTES = 4
# Light falls off behind the lips with these depths, mm.
TEETH_DEPTH, TONGUE_DEPTH, CAVITY_DEPTH = 45.0, 18.0, 22.0


@dataclass(frozen=True)
class MouthColours:
    """Colours in the photo's light, [3] float32 0..255; arc lengths of the gaps between teeth, [N] float32 mm."""

    teeth: FloatArray
    gums: FloatArray
    tongue: FloatArray
    cavity: FloatArray
    upper_gaps: FloatArray
    lower_gaps: FloatArray


@dataclass(frozen=True)
class Pictures:
    """The photo's layers on the half grid (`renderers.half_grid`), [2h - 1, 2w - 1, 3] uint8 each."""

    skin: NDArray[np.uint8]
    eye: NDArray[np.uint8]
    mouth: NDArray[np.uint8]


@dataclass(frozen=True)
class View:
    """What is drawn: pixel (row, column) lies at (left, top) + (column + 0.5, row + 0.5) / samples in the picture.

    `mouth_light` 0..1 is the light that the opening lets in.
    """

    left: int
    top: int
    samples: int
    mouth_light: float = 1.0


def affine_maps(
    pixels: FloatArray,  # [V, 2]
    triangles: NDArray[np.int32],  # [F, 3]
    values: FloatArray,  # [V, C]
) -> FloatArray:  # [F, 3, C]
    """For each triangle, values as c + x dx + y dy of the position (x, y) in the picture, px; rows c, dx, dy.

    Within one triangle of a few millimetres, perspective changes the interpolation by less than a hundredth of a pixel.
    """
    maps = np.zeros((len(triangles), 3, values.shape[1]), np.float32)
    _affine_maps(pixels, triangles, values, maps)
    return maps


def shade(
    face_index: NDArray[np.int32],  # [h, w], -1: none
    view: View,
    kinds: NDArray[np.int32],  # [F] renderers.kinds.Kind
    maps: FloatArray,  # [F, 3, 2 + ATTRIBUTES] affine_maps of (x, y) px in the photo's crop and the mouth's attributes
    pictures: Pictures,
    masks: tuple[FloatArray, FloatArray],  # [h, w] face_mask and mouth_mask of PhotoLayers
    mouth: MouthColours,
) -> NDArray[np.uint8]:  # [h, w, 4]
    """Premultiplied colour and coverage of every pixel, 0..255; 0 where there is no mesh."""
    out = np.zeros((*face_index.shape, 4), np.uint8)
    _shade(
        face_index,
        (np.float32(view.left), np.float32(view.top), np.float32(1 / view.samples), np.float32(view.mouth_light)),
        kinds,
        maps,
        (pictures.skin, pictures.eye, pictures.mouth),
        masks,
        (mouth.teeth, mouth.gums, mouth.tongue, mouth.cavity),
        (mouth.upper_gaps, mouth.lower_gaps),
        out,
    )
    return out


def composite(base: NDArray[np.uint8], overlay: NDArray[np.uint8], top: int, left: int) -> None:
    """Put premultiplied `overlay` [h, w, 4] over `base` [H, W, 3] in place, its corner at (`top`, `left`)."""
    _composite(base[top : top + overlay.shape[0], left : left + overlay.shape[1]], overlay)


# numba promotes float32 with integer literals to float64, which is slower: spell the constants out.
_ZERO, _HALF, _ONE, _TWO, _FINE = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2), np.float32(128)


@kernel
def _mask(mask, x, y):  # type: ignore[no-untyped-def]
    """A smooth [h, w] mask at the pixel that holds (x, y), continued at its border."""
    column, row = min(max(int(x), 0), mask.shape[1] - 1), min(max(int(y), 0), mask.shape[0] - 1)
    return mask[row, column]


@kernel
def _sample(fine, x, y):  # type: ignore[no-untyped-def]
    """The picture of the half grid `fine` [2h - 1, 2w - 1, 3] uint8 at (x, y) px, continued at its border, 0..255."""
    x = min(max(_TWO * x - _ONE, _ZERO), np.float32(fine.shape[1] - 1))
    y = min(max(_TWO * y - _ONE, _ZERO), np.float32(fine.shape[0] - 1))
    c, r = min(int(x), fine.shape[1] - 2), min(int(y), fine.shape[0] - 2)
    ax, ay = np.int32((x - np.float32(c)) * _FINE + _HALF), np.int32((y - np.float32(r)) * _FINE + _HALF)
    bx, by = np.int32(128) - ax, np.int32(128) - ay
    w00, w01, w10, w11 = bx * by, ax * by, bx * ay, ax * ay
    scale = np.float32(1 / 16384)
    red = w00 * fine[r, c, 0] + w01 * fine[r, c + 1, 0] + w10 * fine[r + 1, c, 0] + w11 * fine[r + 1, c + 1, 0]
    green = w00 * fine[r, c, 1] + w01 * fine[r, c + 1, 1] + w10 * fine[r + 1, c, 1] + w11 * fine[r + 1, c + 1, 1]
    blue = w00 * fine[r, c, 2] + w01 * fine[r, c + 1, 2] + w10 * fine[r + 1, c, 2] + w11 * fine[r + 1, c + 1, 2]
    return np.float32(red) * scale, np.float32(green) * scale, np.float32(blue) * scale


@kernel
def _tooth(arc, height, gaps):  # type: ignore[no-untyped-def]
    """Brightness of a tooth's enamel (dark in the gaps, rounded between them) and the share of gums, both 0..1."""
    distance = 100.0
    for i in range(gaps.shape[0]):
        distance = min(distance, abs(abs(arc) - gaps[i]))
    line = math.exp(-((distance / 0.25) ** 2))
    # Gums reach lower between the teeth; biting edges are a little translucent.
    gums = 1 / (1 + math.exp((height - 0.22 - 0.12 * math.exp(-((distance / 0.9) ** 2))) * 40))
    edge = 1 - 0.12 * max(0.0, height - 0.8) / 0.2
    rounded = 1 - 0.10 * math.exp(-distance / 0.9)
    return (1 - 0.15 * line) * edge * rounded, gums


@kernel
def _affine_maps(pixels, triangles, values, maps):  # type: ignore[no-untyped-def]
    for f in range(triangles.shape[0]):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        x, y = pixels[a, 0], pixels[a, 1]
        bx, by, cx, cy = pixels[b, 0] - x, pixels[b, 1] - y, pixels[c, 0] - x, pixels[c, 1] - y
        area = bx * cy - by * cx
        # A triangle seen edge-on covers no pixel.
        scale = 1 / area if abs(area) > 1e-9 else np.float32(0)
        for k in range(values.shape[1]):
            vb, vc = values[b, k] - values[a, k], values[c, k] - values[a, k]
            dx, dy = (vb * cy - vc * by) * scale, (vc * bx - vb * cx) * scale
            maps[f, 0, k] = values[a, k] - dx * x - dy * y
            maps[f, 1, k] = dx
            maps[f, 2, k] = dy


@kernel
def _at(maps, f, k, x, y):  # type: ignore[no-untyped-def]
    return maps[f, 0, k] + maps[f, 1, k] * x + maps[f, 2, k] * y


@kernel
def _shade(face_index, view, kinds, maps, photos, masks, colours, gaps, out):  # type: ignore[no-untyped-def]
    skin, eye, inside = photos
    face_mask, mouth_mask = masks
    left, top, step, mouth_light = view
    for row in range(face_index.shape[0]):
        py = top + (np.float32(row) + _HALF) * step
        for column in range(face_index.shape[1]):
            f = face_index[row, column]
            if f < 0:
                continue
            px = left + (np.float32(column) + _HALF) * step
            x, y = _at(maps, f, 0, px, py), _at(maps, f, 1, px, py)
            kind = kinds[f]
            alpha = _ONE
            if kind <= 1:  # skin and eyes come from the photo
                alpha = _mask(face_mask, x, y)
                if alpha <= 0:
                    continue
                # Two calls: choosing the array first would count references for every pixel.
                if kind == 0:
                    red, green, blue = _sample(skin, x, y)
                else:
                    red, green, blue = _sample(eye, x, y)
            else:
                red, green, blue = _mouth(maps, f, kind, px, py, colours, gaps)
                if kind == 2:
                    shown = _mask(mouth_mask, x, y)
                    if shown > 0:
                        own_red, own_green, own_blue = _sample(inside, x, y)
                        red += shown * (own_red - red)
                        green += shown * (own_green - green)
                        blue += shown * (own_blue - blue)
                red, green, blue = red * mouth_light, green * mouth_light, blue * mouth_light
            out[row, column, 0] = np.uint8(red * alpha + _HALF)
            out[row, column, 1] = np.uint8(green * alpha + _HALF)
            out[row, column, 2] = np.uint8(blue * alpha + _HALF)
            out[row, column, 3] = np.uint8(np.float32(255) * alpha + _HALF)


@kernel
def _mouth(maps, f, kind, px, py, colours, gaps):  # type: ignore[no-untyped-def]
    """Shaded teeth (kind 2 upper, 3 lower), cavity (4) and tongue (5) at a position in the picture."""
    teeth, gums, tongue, cavity = colours
    light, depth = _at(maps, f, 4, px, py), max(_ZERO, _at(maps, f, 5, px, py))
    if kind == 4:
        shade = math.exp(-depth / CAVITY_DEPTH)
        return cavity[0] * shade, cavity[1] * shade, cavity[2] * shade
    if kind == 5:
        shade = light * math.exp(-depth / TONGUE_DEPTH)
        return tongue[0] * shade, tongue[1] * shade, tongue[2] * shade
    enamel, gum = _tooth(_at(maps, f, 2, px, py), _at(maps, f, 3, px, py), gaps[kind - 2])
    shade = light * math.exp(-depth / TEETH_DEPTH)
    bright, pink = enamel * (1 - gum) * shade, gum * shade
    return (
        teeth[0] * bright + gums[0] * pink,
        teeth[1] * bright + gums[1] * pink,
        teeth[2] * bright + gums[2] * pink,
    )


@kernel
def _composite(base, overlay):  # type: ignore[no-untyped-def]
    for row in range(overlay.shape[0]):
        for column in range(overlay.shape[1]):
            alpha = np.int32(overlay[row, column, 3])
            if alpha == 255:
                for k in range(3):
                    base[row, column, k] = overlay[row, column, k]
            elif alpha > 0:
                for k in range(3):
                    under = (np.int32(base[row, column, k]) * (255 - alpha) + 127) // 255
                    base[row, column, k] = min(255, overlay[row, column, k] + under)
