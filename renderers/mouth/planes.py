"""A painted mouth as planes of one size: what the network sees, and what its fields are applied to while it learns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.compiled import kernel
from renderers.mouth.canvas import MATERIALS, OWN, Canvas, Palette

FloatArray = NDArray[np.float32]

# Per material its share and its colour; then light and depth, both weighted by the opening's share.
PLANES = 4 * MATERIALS + 2
# Colours of the photo that hold for every frame: skin, lips, teeth, and the teeth's brightness itself.
CONTEXT = 10
DEPTH_MM = 30.0


@dataclass(frozen=True)
class MouthContext:
    """One photo's colours.

    Attributes:
        colours: [CONTEXT] float32 about 0..1: skin, lips and teeth over the teeth's brightness, and that over 255.
        white: the teeth's brightness, 0..255.
    """

    colours: FloatArray
    white: float

    @classmethod
    def of(cls, skin_rgb: FloatArray, palette: Palette, white: float) -> MouthContext:
        """From the skin's [3] colour, 0..255, and the mouth's palette."""
        parts = [skin_rgb / white, palette.lips / white, palette.teeth / white, np.array([white / 255])]
        return cls(np.concatenate(parts).astype(np.float32), white)


def mouth_planes(canvas: Canvas, rows: tuple[int, int], white: float, scale: int) -> FloatArray:
    """[PLANES, H / scale, W / scale] averages over squares of the canvas.

    Args:
        canvas: a painted mouth of `scale` pixels per cell.
        rows: the painted ones.
        white: brightness of the teeth, by which colours are divided.
        scale: the squares' pixels along a side; as many as a cell has: [PLANES, HEIGHT, WIDTH].
    """
    height, width = canvas.cover.shape
    planes = np.zeros((height // scale, width // scale, PLANES), np.float32)
    _gather(
        (canvas.material, canvas.base, canvas.own, canvas.shown, canvas.cover, canvas.light, canvas.depth),
        rows,
        scale,
        np.float32(1 / white),
        planes,
    )
    return np.ascontiguousarray(planes.transpose(2, 0, 1) * np.float32(1 / scale**2))


@kernel
def _gather(canvas, rows, scale, per_white, planes):  # type: ignore[no-untyped-def]
    material, base, own, shown, cover, light, depth = canvas
    for row in range(rows[0], rows[1]):
        for column in range(material.shape[1]):
            share = cover[row, column]
            if share <= 0:
                continue
            cell = planes[row // scale, column // scale]
            part = share * shown[row, column]
            first, second = 4 * material[row, column], 4 * OWN
            cell[first] += share - part
            cell[second] += part
            for k in range(3):
                cell[first + 1 + k] += (share - part) * base[row, column, k] * per_white
                cell[second + 1 + k] += part * own[row, column, k] * per_white
            cell[4 * MATERIALS] += share * light[row, column]
            cell[4 * MATERIALS + 1] += share * depth[row, column] / np.float32(DEPTH_MM)
