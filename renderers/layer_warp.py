"""Moves the person of a photo over its background, along a coarse flow."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from renderers.background import Layers
from renderers.beyond import continue_beyond
from renderers.half_grid import half_grid
from renderers.photo_kernels import composite
from renderers.surround import FloatArray, Grid

Image = NDArray[np.uint8]

# Flows below this do not count as motion, px.
_STILL = 0.03
# Strips of this many rows of nodes are drawn at a time, each as wide as its own motion.
_STRIP = 4
# Crops with more pixels than this are sampled without the half grid: at that size nobody sees it, and it needs four
# times the memory.
_LARGE_PX = 4_000_000


class LayerWarp:
    """Draws a photo whose person moves.

    Args:
        photo: [h, w, 3] uint8.
        layers: the photo taken apart.
        grid: nodes of the flow.
        reach: how far the person may move beyond the photo's border, px.
    """

    def __init__(self, photo: Image, layers: Layers, grid: Grid, reach: float) -> None:
        self._photo, self._background, self._grid = photo, layers.background, grid
        self._scale = 1 if photo.shape[0] * photo.shape[1] > _LARGE_PX else 2
        self._pad = min(1 + round(reach), *(n - 1 for n in photo.shape[:2]))
        person = continue_beyond(layers.person, self._pad)
        self._person = person if self._scale == 1 else half_grid(person)
        rows, columns = (s - 2 * grid.margin for s in grid.shape)
        size = columns * grid.spacing, rows * grid.spacing
        shown = np.zeros((size[1], size[0]), np.uint8)
        shown[: photo.shape[0], : photo.shape[1]] = layers.person[..., 3] > 0
        self._shown = np.ascontiguousarray(shown.reshape(rows, grid.spacing, columns, grid.spacing).max((1, 3)))
        self._nodes = grid.points() + np.float32(self._pad - 0.5)  # OpenCV counts from pixels' centres
        # Fresh memory costs more than the work in it.
        strip = (_STRIP + 2) * grid.spacing * (columns + 2) * grid.spacing
        self._maps, self._moved = np.empty(2 * strip, np.float32), np.empty(4 * strip, np.uint8)

    def __call__(self, flow: FloatArray) -> Image:
        """A new frame [h, w, 3].

        Args:
            flow: [gh, gw, 2] px, where the person at each node comes from, minus the node.
        """
        out = self._photo.copy()
        m = self._grid.margin
        size = np.abs(flow[m:-m, m:-m]).max(-1)
        near = 2 * int(np.ceil(size.max() / self._grid.spacing)) + 1
        moving = (size > _STILL) & (cv2.dilate(self._shown, np.ones((near, near), np.uint8)) > 0)
        # Pixels between a node that moves and one that does not move too.
        moving = cv2.dilate(moving.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        for first in range(0, len(moving), _STRIP):
            columns = np.flatnonzero(moving[first : first + _STRIP].any(0))
            if len(columns):
                self._draw(out, flow, first, min(first + _STRIP, len(moving)), int(columns[0]), int(columns[-1]) + 1)
        return out

    def _draw(self, out: Image, flow: FloatArray, top: int, bottom: int, left: int, right: int) -> None:
        """The blocks of nodes in rows top..bottom and columns left..right."""
        step, m = self._grid.spacing, self._grid.margin
        window = slice(top + m - 1, bottom + m + 1), slice(left + m - 1, right + m + 1)
        # Places are as linear between nodes as flows are.
        nodes = (self._nodes[window] + flow[window]) * np.float32(self._scale)
        rows, columns = nodes.shape[0] * step, nodes.shape[1] * step
        maps = self._maps[: 2 * rows * columns].reshape(rows, columns, 2)
        cv2.resize(nodes, (columns, rows), maps, interpolation=cv2.INTER_LINEAR)
        y, x = top * step, left * step
        height, width = min(bottom * step, out.shape[0]) - y, min(right * step, out.shape[1]) - x
        moved = self._moved[: 4 * height * width].reshape(height, width, 4)
        cv2.remap(  # type: ignore[call-overload]  # the stubs do not know that one map can hold both axes
            self._person,
            maps[step : step + height, step : step + width],
            None,
            cv2.INTER_LINEAR,
            moved,
            borderMode=cv2.BORDER_REPLICATE,
        )
        here = slice(y, y + height), slice(x, x + width)
        out[here] = self._background[here]
        composite(out, moved, y, x)
