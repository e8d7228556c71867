"""Per-pixel colours of the photo avatar, compiled: what the driven mesh shows of the photo's skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.compiled import kernel
from renderers.pixels.half_grid import half_grid
from renderers.pixels.row_sampler import CHUNK, PLACES, pixel_pairs, read_row, row_buffers

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


def skin_layer(skin: NDArray[np.uint8], face_mask: FloatArray) -> NDArray[np.uint8]:
    """The photo's skin [h, w, 3] with its mask [h, w] 0..1 as opacity, on the half grid: [2h - 1, 2w - 1, 4]."""
    opacity = np.round(255 * face_mask).astype(np.uint8)
    return half_grid(np.concatenate([skin, opacity[..., None]], 2))


def shade(
    face_index: NDArray[np.int32],  # [h, w], -1: none
    view: View,
    maps: FloatArray,  # [F, 3, 3] affine_maps of (x, y) px in the photo's crop and of the factor on its colours
    skin: NDArray[np.uint8],  # [2h - 1, 2w - 1, 4] of `skin_layer`
) -> NDArray[np.uint8]:  # [h, w, 4]
    """Premultiplied colour and coverage of every pixel, 0..255; 0 where there is no mesh."""
    out = np.zeros(face_index.shape, np.uint32)
    corner = np.float32(view.left), np.float32(view.top), np.float32(1 / view.samples)
    _shade(face_index, corner, maps, pixel_pairs(skin), skin.shape[:2], out)
    return out.view(np.uint8).reshape(*face_index.shape, 4)


def composite(base: NDArray[np.uint8], overlay: NDArray[np.uint8], top: int, left: int) -> None:
    """Put premultiplied `overlay` [h, w, 4] over `base` [H, W, 3] in place, its corner at (`top`, `left`)."""
    _composite(base[top : top + overlay.shape[0], left : left + overlay.shape[1]], overlay)


# numba promotes float32 with integer literals to float64, which is slower: spell the constants out.
_ZERO, _HALF, _WHITE = np.float32(0), np.float32(0.5), np.float32(255)
_BYTE, _EIGHT, _SIXTEEN, _TWENTYFOUR = np.uint32(255), np.uint32(8), np.uint32(16), np.uint32(24)
# Half-grid samples lie half a pixel apart, the first in the middle of the first pixel.
_PER_PX, _FIRST = np.float32(2 * PLACES), np.float32(PLACES)


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
def _shade(face_index, view, maps, skin, size, out):  # type: ignore[no-untyped-def]
    x, y, gain = np.zeros(CHUNK, np.float32), np.zeros(CHUNK, np.float32), np.zeros(CHUNK, np.float32)
    buffers = row_buffers()
    for row in range(face_index.shape[0]):
        first, last = _covered(face_index[row])
        for start in range(first, last, CHUNK):
            end = min(start + CHUNK, last)
            count = end - start
            _locate(face_index[row, start:end], view, row, start, maps, x, y, gain)
            line = read_row(skin, size, x[:count], y[:count], buffers)
            _light(line, gain[:count], face_index[row, start:end], out[row, start:end])


@kernel
def _covered(faces):  # type: ignore[no-untyped-def]
    """From the first to behind the last pixel of a row with a triangle."""
    first, last = 0, faces.shape[0]
    while first < last and faces[first] < 0:
        first += 1
    while last > first and faces[last - 1] < 0:
        last -= 1
    return first, last


@kernel
def _locate(faces, view, row, column, maps, x, y, gain):  # type: ignore[no-untyped-def]
    """Where in `skin` the pixels from (`row`, `column`) on come from, and the factors on their colours."""
    left, top, step = view
    py = top + (np.float32(row) + _HALF) * step
    for i in range(faces.shape[0]):
        f = faces[i]
        if f >= 0:
            m = maps[f]
            px = left + (np.float32(column + i) + _HALF) * step
            x[i] = (m[0, 0] + m[1, 0] * px + m[2, 0] * py) * _PER_PX - _FIRST
            y[i] = (m[0, 1] + m[1, 1] * px + m[2, 1] * py) * _PER_PX - _FIRST
            gain[i] = m[0, 2] + m[1, 2] * px + m[2, 2] * py


@kernel
def _light(line, gain, faces, out):  # type: ignore[no-untyped-def]
    """Colours times factors, premultiplied, where there is a triangle."""
    for i in range(line.shape[0]):
        pixel, factor = line[i], gain[i]
        alpha = np.uint32(pixel >> _TWENTYFOUR) if faces[i] >= 0 else np.uint32(0)
        share = np.float32(np.int32(alpha)) / _WHITE
        red = min(np.float32(np.int32(pixel & _BYTE)) * factor, _WHITE) * share + _HALF
        green = min(np.float32(np.int32((pixel >> _EIGHT) & _BYTE)) * factor, _WHITE) * share + _HALF
        blue = min(np.float32(np.int32((pixel >> _SIXTEEN) & _BYTE)) * factor, _WHITE) * share + _HALF
        colours = np.uint32(np.int32(red)) | np.uint32(np.uint32(np.int32(green)) << _EIGHT)
        out[i] = colours | np.uint32(np.uint32(np.int32(blue)) << _SIXTEEN) | np.uint32(alpha << _TWENTYFOUR)


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
