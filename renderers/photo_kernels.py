"""Per-pixel colours of the photo avatar, compiled: each pixel of the driven mesh is coloured by its part's rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderers.compiled import kernel
from renderers.rasterize_numba import FragmentArrays

FloatArray = NDArray[np.float32]

# Vertex attributes of the mouth's inside: arc length on the dental arch (mm), height on the tooth (0 gums, 1 edge),
# light (0..1), depth behind the lips (mm).
ATTRIBUTES = 4
# Light falls off behind the lips with these depths, mm.
TEETH_DEPTH, TONGUE_DEPTH, CAVITY_DEPTH = 45.0, 26.0, 11.0


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


def shade(
    fragments: FragmentArrays,
    triangles: NDArray[np.int32],  # [F, 3]
    kinds: NDArray[np.int32],  # [F] renderers.kinds.Kind
    source: FloatArray,  # [V, 2] px in the photo's crop
    attributes: FloatArray,  # [V, ATTRIBUTES]
    pictures: Pictures,
    masks: tuple[FloatArray, FloatArray],  # [h, w] face_mask and mouth_mask of PhotoLayers
    mouth: MouthColours,
) -> FloatArray:  # [h, w, 4]
    """Premultiplied colour (0..255) and coverage (0..1) of every pixel; 0 where there is no mesh."""
    out = np.zeros((*fragments.face_index.shape, 4), np.float32)
    _shade(
        fragments.face_index,
        fragments.barycentric,
        triangles,
        kinds,
        source,
        attributes,
        (pictures.skin, pictures.eye, pictures.mouth),
        masks,
        (mouth.teeth, mouth.gums, mouth.tongue, mouth.cavity),
        (mouth.upper_gaps, mouth.lower_gaps),
        out,
    )
    return out


def composite(base: NDArray[np.uint8], overlay: FloatArray, top: int, left: int) -> None:
    """Put premultiplied `overlay` [h, w, 4] over `base` [H, W, 3] in place, its corner at (`top`, `left`)."""
    _composite(base[top : top + overlay.shape[0], left : left + overlay.shape[1]], overlay)


@kernel
def _bilinear(image, x, y):  # type: ignore[no-untyped-def]
    """A [h, w] picture at (x, y) px, continued at its border."""
    height, width = image.shape
    x, y = x - 0.5, y - 0.5
    column, row = math.floor(x), math.floor(y)
    fx, fy = x - column, y - row
    c0, c1 = min(max(int(column), 0), width - 1), min(max(int(column) + 1, 0), width - 1)
    r0, r1 = min(max(int(row), 0), height - 1), min(max(int(row) + 1, 0), height - 1)
    top = image[r0, c0] * (1 - fx) + image[r0, c1] * fx
    return top * (1 - fy) + (image[r1, c0] * (1 - fx) + image[r1, c1] * fx) * fy


@kernel
def _sample(fine, x, y):  # type: ignore[no-untyped-def]
    """The picture of the half grid `fine` [2h - 1, 2w - 1, 3] uint8 at (x, y) px, continued at its border, 0..255."""
    height, width = fine.shape[0], fine.shape[1]
    x = min(max(2 * x - 1, np.float32(0)), np.float32(width - 1))
    y = min(max(2 * y - 1, np.float32(0)), np.float32(height - 1))
    c, r = min(int(x), width - 2), min(int(y), height - 2)
    fx, fy = x - np.float32(c), y - np.float32(r)
    a, b, d, e = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    red = a * fine[r, c, 0] + b * fine[r, c + 1, 0] + d * fine[r + 1, c, 0] + e * fine[r + 1, c + 1, 0]
    green = a * fine[r, c, 1] + b * fine[r, c + 1, 1] + d * fine[r + 1, c, 1] + e * fine[r + 1, c + 1, 1]
    blue = a * fine[r, c, 2] + b * fine[r, c + 1, 2] + d * fine[r + 1, c, 2] + e * fine[r + 1, c + 1, 2]
    return red, green, blue


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
    return (1 - 0.24 * line) * edge * rounded, gums


@kernel
def _shade(face_index, barycentric, triangles, kinds, source, attributes, photos, masks, colours, gaps, out):  # type: ignore[no-untyped-def]
    skin, eye, inside = photos
    face_mask, mouth_mask = masks
    teeth, gums, tongue, cavity = colours
    for row in range(face_index.shape[0]):
        for column in range(face_index.shape[1]):
            f = face_index[row, column]
            if f < 0:
                continue
            a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
            wa, wb, wc = barycentric[row, column, 0], barycentric[row, column, 1], barycentric[row, column, 2]
            x = wa * source[a, 0] + wb * source[b, 0] + wc * source[c, 0]
            y = wa * source[a, 1] + wb * source[b, 1] + wc * source[c, 1]
            kind = kinds[f]
            alpha = 1.0
            if kind <= 1:  # skin and eyes come from the photo
                alpha = _bilinear(face_mask, x, y)
                if alpha <= 0:
                    continue
                if kind == 0:
                    red, green, blue = _sample(skin, x, y)
                else:
                    red, green, blue = _sample(eye, x, y)
            else:
                arc = wa * attributes[a, 0] + wb * attributes[b, 0] + wc * attributes[c, 0]
                height = wa * attributes[a, 1] + wb * attributes[b, 1] + wc * attributes[c, 1]
                light = wa * attributes[a, 2] + wb * attributes[b, 2] + wc * attributes[c, 2]
                depth = max(0.0, wa * attributes[a, 3] + wb * attributes[b, 3] + wc * attributes[c, 3])
                if kind == 4:
                    shade = math.exp(-depth / CAVITY_DEPTH)
                    red, green, blue = cavity[0] * shade, cavity[1] * shade, cavity[2] * shade
                elif kind == 5:
                    shade = light * math.exp(-depth / TONGUE_DEPTH)
                    red, green, blue = tongue[0] * shade, tongue[1] * shade, tongue[2] * shade
                else:
                    enamel, gum = _tooth(arc, height, gaps[kind - 2])
                    shade = light * math.exp(-depth / TEETH_DEPTH)
                    bright = enamel * (1 - gum) * shade
                    red = teeth[0] * bright + gums[0] * gum * shade
                    green = teeth[1] * bright + gums[1] * gum * shade
                    blue = teeth[2] * bright + gums[2] * gum * shade
                    if kind == 2:
                        shown = _bilinear(mouth_mask, x, y)
                        if shown > 0:
                            own_red, own_green, own_blue = _sample(inside, x, y)
                            red += shown * (own_red - red)
                            green += shown * (own_green - green)
                            blue += shown * (own_blue - blue)
            out[row, column, 0] = red * alpha
            out[row, column, 1] = green * alpha
            out[row, column, 2] = blue * alpha
            out[row, column, 3] = alpha


@kernel
def _composite(base, overlay):  # type: ignore[no-untyped-def]
    for row in range(overlay.shape[0]):
        for column in range(overlay.shape[1]):
            alpha = overlay[row, column, 3]
            if alpha > 0:
                for k in range(3):
                    value = overlay[row, column, k] + (1 - alpha) * base[row, column, k] + 0.5
                    base[row, column, k] = np.uint8(min(max(value, 0.0), 255.0))
