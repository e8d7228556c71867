"""Per-pixel colours of the photo avatar, compiled: what the driven mesh shows of the photo's skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderers.compiled import kernel

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class View:
    """What is drawn: pixel (row, column) lies at (left, top) + (column + 0.5, row + 0.5) / samples in the picture."""

    left: int
    top: int
    samples: int


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
    maps: FloatArray,  # [F, 3, 3] affine_maps of (x, y) px in the photo's crop and of the factor on its colours
    skin: NDArray[np.uint8],  # [2h - 1, 2w - 1, 3] the photo's skin on the half grid (`renderers.half_grid`)
    face_mask: FloatArray,  # [h, w] of PhotoLayers
) -> NDArray[np.uint8]:  # [h, w, 4]
    """Premultiplied colour and coverage of every pixel, 0..255; 0 where there is no mesh."""
    out = np.zeros((*face_index.shape, 4), np.uint8)
    _shade(
        face_index,
        (np.float32(view.left), np.float32(view.top), np.float32(1 / view.samples)),
        maps,
        skin,
        face_mask,
        out,
    )
    return out


def composite(base: NDArray[np.uint8], overlay: NDArray[np.uint8], top: int, left: int) -> None:
    """Put premultiplied `overlay` [h, w, 4] over `base` [H, W, 3] in place, its corner at (`top`, `left`)."""
    _composite(base[top : top + overlay.shape[0], left : left + overlay.shape[1]], overlay)


# numba promotes float32 with integer literals to float64, which is slower: spell the constants out.
_ZERO, _HALF, _ONE, _TWO, _FINE = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2), np.float32(128)
_WHITE = np.float32(255)


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
def _shade(face_index, view, maps, skin, face_mask, out):  # type: ignore[no-untyped-def]
    left, top, step = view
    for row in range(face_index.shape[0]):
        py = top + (np.float32(row) + _HALF) * step
        for column in range(face_index.shape[1]):
            f = face_index[row, column]
            if f < 0:
                continue
            px = left + (np.float32(column) + _HALF) * step
            x, y = _at(maps, f, 0, px, py), _at(maps, f, 1, px, py)
            alpha = _mask(face_mask, x, y)
            if alpha <= 0:
                continue
            red, green, blue = _sample(skin, x, y)
            gain = _at(maps, f, 2, px, py)
            out[row, column, 0] = np.uint8(min(red * gain, _WHITE) * alpha + _HALF)
            out[row, column, 1] = np.uint8(min(green * gain, _WHITE) * alpha + _HALF)
            out[row, column, 2] = np.uint8(min(blue * gain, _WHITE) * alpha + _HALF)
            out[row, column, 3] = np.uint8(np.float32(255) * alpha + _HALF)


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
