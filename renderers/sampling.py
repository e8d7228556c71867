"""Reading pictures between their pixels, and drawing a mesh with a picture as its texture.

`sample_picture` is the differentiable definition in torch; `draw_textured` does the same in one fast pass for
inference. Positions are in pixels with centres at half-integers; outside, the picture continues with its border pixels.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from renderers.compiled import kernel
from renderers.rasterize_numba import FragmentArrays

Filter = Literal["linear", "cubic"]
Pixels = TypeVar("Pixels", np.uint8, np.float32)
# In compiled code a Python number would turn float32 arithmetic into float64.
ZERO, HALF, ONE, TWO, THREE, FOUR, FIVE, MAXIMUM = (np.float32(x) for x in (0, 0.5, 1, 2, 3, 4, 5, 255))


def sample_picture(
    picture: Tensor,  # [H, W, C] floating
    points: Tensor,  # [..., 2]: x, y in pixels
    kind: Filter = "linear",
) -> Tensor:  # [..., C]
    """Values of a picture at any positions, differentiable with respect to both.

    "linear" mixes the nearest 2 x 2 pixels; "cubic" 4 x 4 with Catmull-Rom's weights, which is sharper and can
    overshoot.
    """
    height, width, _ = picture.shape
    corner = (points.detach() - 0.5).floor()
    fraction = points - 0.5 - corner
    weights, first = (_cubic(fraction), -1) if kind == "cubic" else (torch.stack([1 - fraction, fraction]), 0)
    column, row = corner.long().unbind(-1)
    result = picture.new_zeros(*points.shape[:-1], picture.shape[-1])
    for i, weight_y in enumerate(weights[..., 1]):
        for j, weight_x in enumerate(weights[..., 0]):
            y = (row + first + i).clamp(0, height - 1)
            x = (column + first + j).clamp(0, width - 1)
            result = result + (weight_x * weight_y)[..., None] * picture[y, x]
    return result


def _cubic(t: Tensor) -> Tensor:  # [...] in 0..1 -> [4, ...]
    """Catmull-Rom's weights of the pixels at -1, 0, 1 and 2 for a position t pixels after the one at 0."""
    return torch.stack(
        [
            ((2 - t) * t - 1) * t / 2,
            ((3 * t - 5) * t * t + 2) / 2,
            ((4 - 3 * t) * t + 1) * t / 2,
            (t - 1) * t * t / 2,
        ]
    )


def draw_textured(
    fragments: FragmentArrays,
    triangles: NDArray[np.int32],  # [F, 3]
    source_px: NDArray[np.float32],  # [V, 2]: x, y of each vertex in the picture
    picture: NDArray[np.uint8] | NDArray[np.float32],  # [Hs, Ws, C]
    out: NDArray[Pixels],  # [H, W, C]
    kind: Filter = "linear",
) -> NDArray[Pixels]:  # [H, W, C]
    """Draw the visible mesh with `picture` as its texture into `out`; other pixels of `out` stay as they are.

    Args:
        fragments: which triangle each pixel of `out` shows.
        triangles: vertex indices.
        source_px: where each vertex is in `picture`, interpolated perspective-correctly in between.
        picture: uint8 or float32, any number of channels.
        out: uint8 (values are rounded and clipped to 0..255) or float32, C-contiguous.
        kind: see `sample_picture`.

    Returns:
        `out`.
    """
    if out.shape != (*fragments.face_index.shape, picture.shape[2]):
        expected = (*fragments.face_index.shape, picture.shape[2])
        raise ValueError(f"out has the shape {out.shape}, expected {expected}")
    draw = _draw_cubic if kind == "cubic" else _draw_linear
    draw(fragments.face_index, fragments.barycentric, triangles, source_px, picture, out, out.dtype == np.uint8)
    return out


@kernel
def _position(barycentric, i, j, triangles, f, source_px):  # type: ignore[no-untyped-def]
    """Column, row and fractions of the pixel at or before the interpolated position."""
    x, y = -HALF, -HALF
    for k in range(3):
        vertex = triangles[f, k]
        x += barycentric[i, j, k] * source_px[vertex, 0]
        y += barycentric[i, j, k] * source_px[vertex, 1]
    column, row = int(np.floor(x)), int(np.floor(y))
    return column, row, x - np.float32(column), y - np.float32(row)


@kernel
def _clamp(index, length):  # type: ignore[no-untyped-def]
    return min(max(index, 0), length - 1)


@kernel
def _draw_linear(face_index, barycentric, triangles, source_px, picture, out, quantize):  # type: ignore[no-untyped-def]
    height, width, channels = out.shape
    source_height, source_width = picture.shape[:2]
    for i in range(height):
        for j in range(width):
            f = face_index[i, j]
            if f < 0:
                continue
            column, row, tx, ty = _position(barycentric, i, j, triangles, f, source_px)
            x0, x1 = _clamp(column, source_width), _clamp(column + 1, source_width)
            y0, y1 = _clamp(row, source_height), _clamp(row + 1, source_height)
            sx, sy = ONE - tx, ONE - ty
            for k in range(channels):
                above = sx * np.float32(picture[y0, x0, k]) + tx * np.float32(picture[y0, x1, k])
                below = sx * np.float32(picture[y1, x0, k]) + tx * np.float32(picture[y1, x1, k])
                value = sy * above + ty * below
                out[i, j, k] = min(max(value + HALF, ZERO), MAXIMUM) if quantize else value


@kernel
def _cubic_weights(t):  # type: ignore[no-untyped-def]
    """`_cubic` for one float32."""
    half, square = HALF * t, t * t
    return (
        half * (TWO * t - square - ONE),
        HALF * (square * (THREE * t - FIVE) + TWO),
        half * (FOUR * t - THREE * square + ONE),
        half * (square - t),
    )


@kernel
def _draw_cubic(face_index, barycentric, triangles, source_px, picture, out, quantize):  # type: ignore[no-untyped-def]
    height, width, channels = out.shape
    source_height, source_width = picture.shape[:2]
    for i in range(height):
        for j in range(width):
            f = face_index[i, j]
            if f < 0:
                continue
            column, row, tx, ty = _position(barycentric, i, j, triangles, f, source_px)
            weights_x, weights_y = _cubic_weights(tx), _cubic_weights(ty)
            for k in range(channels):
                value = ZERO
                for m in range(4):
                    y = _clamp(row - 1 + m, source_height)
                    mixed = ZERO
                    for n in range(4):
                        mixed += weights_x[n] * np.float32(picture[y, _clamp(column - 1 + n, source_width), k])
                    value += weights_y[m] * mixed
                out[i, j, k] = min(max(value + HALF, ZERO), MAXIMUM) if quantize else value
