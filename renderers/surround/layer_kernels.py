"""Moves the person of a photo over its background, along a coarse flow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.compiled import kernel
from renderers.photo.beyond_border import continue_beyond
from renderers.photo.fill_behind import Layers
from renderers.pixels.half_grid import half_grid
from renderers.pixels.row_sampler import CHUNK, PLACES, pixel_pairs, read_row, row_buffers
from renderers.surround.grid import FloatArray, Grid

Image = NDArray[np.uint8]

# Flows below this do not count as motion, px.
_STILL = 0.01
# Crops with more pixels than this are sampled without the half grid: at that size nobody sees it, and it needs four
# times the memory.
_LARGE_PX = 4_000_000


@dataclass(frozen=True, eq=False)
class LayersState:
    """What is kept of a photo taken apart.

    Attributes:
        person: [H, W, 4] uint8, premultiplied, continued by `pad` px beyond the photo's border.
        background: [h, w, 3] uint8.
        grid: nodes of the flow.
        scale: samples of `person` per pixel and axis: 2 on the half grid.
        pad: px.
    """

    person: Image
    background: Image
    grid: Grid
    scale: int
    pad: int

    @classmethod
    def of(cls, layers: Layers, grid: Grid, reach: float) -> LayersState:
        """From the photo's layers, whose person may move `reach` px beyond the border."""
        height, width = layers.background.shape[:2]
        scale = 1 if height * width > _LARGE_PX else 2
        pad = min(1 + round(reach), height - 1, width - 1)
        person = continue_beyond(layers.person, pad)
        person = np.ascontiguousarray(person if scale == 1 else half_grid(person))
        return cls(person, layers.background, grid, scale, pad)


class LayerWarp:
    """Draws a photo whose person moves.

    Args:
        photo: [h, w, 3] uint8.
        layers: the photo taken apart.
        grid: nodes of the flow.
        reach: how far the person may move beyond the photo's border, px.

    Attributes:
        state: what is drawn, by this or by `renderers.batched.surround`.
    """

    def __init__(self, photo: Image, layers: Layers, grid: Grid, reach: float) -> None:
        self.state = LayersState.of(layers, grid, reach)
        self._photo = photo
        rows, columns = (s - 2 * grid.margin for s in grid.shape)
        size = columns * grid.spacing, rows * grid.spacing
        shown = np.zeros((size[1], size[0]), np.uint8)
        shown[: photo.shape[0], : photo.shape[1]] = layers.person[..., 3] > 0
        self._shown = np.ascontiguousarray(shown.reshape(rows, grid.spacing, columns, grid.spacing).max((1, 3)))
        self._nodes = grid.points() + np.float32(self.state.pad - 0.5)  # places count from pixels' centres

    def __call__(self, flow: FloatArray) -> Image:
        """A new frame [h, w, 3].

        Args:
            flow: [gh, gw, 2] px, where the person at each node comes from, minus the node.
        """
        out, state = self._photo.copy(), self.state
        # Places are as linear between nodes as flows are.
        places = (self._nodes + flow) * np.float32(state.scale * PLACES)
        size, person = state.person.shape[:2], pixel_pairs(state.person)
        _draw(out, person, size, state.background, places, self._moving(flow), state.grid.spacing)
        return out

    def _moving(self, flow: FloatArray) -> NDArray[np.uint8]:
        """[rows, columns] not 0 where a block of pixels is to be drawn; each has its node in its middle."""
        m = self.state.grid.margin
        size = np.abs(flow[m:-m, m:-m]).max(-1)
        near = 2 * int(np.ceil(size.max() / self.state.grid.spacing)) + 1
        moving = (size > _STILL) & (cv2.dilate(self._shown, np.ones((near, near), np.uint8)) > 0)
        # Pixels between a node that moves and one that does not move too.
        return np.asarray(cv2.dilate(moving.astype(np.uint8), np.ones((3, 3), np.uint8)), np.uint8)


@kernel
def _draw(out, person, size, background, places, moving, step):  # type: ignore[no-untyped-def]
    """Draw the moving blocks [rows, columns] of `step` x `step` pixels, each run of them in a row at a time.

    Args:
        out: [h, w, 3] uint8, changed in place.
        person, size: see `read_row`.
        background: [h, w, 3] uint8.
        places: [gh, gw, 2] float32, the nodes' places in `person`; linear in between.
        moving: [rows, columns] which blocks.
        step: pixels between nodes.
    """
    margin = (places.shape[0] - moving.shape[0]) // 2
    x, y = np.empty(out.shape[1], np.float32), np.empty(out.shape[1], np.float32)
    nodes, buffers = np.empty((places.shape[1], 2), np.float32), row_buffers()
    for block in range(moving.shape[0]):
        left = 0
        while left < moving.shape[1]:
            right = left
            while right < moving.shape[1] and moving[block, right] != 0:
                right += 1
            first, last = left * step, min(right * step, out.shape[1])
            if first < last:
                window = margin + left - 1, margin + right + 1
                for row in range(block * step, min((block + 1) * step, out.shape[0])):
                    _nodes_of_row(places, row, step, margin, window, nodes)
                    _spread(nodes[window[0] : window[1]], step, x, y, last - first)
                    for start in range(first, last, CHUNK):
                        end = min(start + CHUNK, last)
                        line = read_row(
                            person, size, x[start - first : end - first], y[start - first : end - first], buffers
                        )
                        _cover(line, background[row, start:end], out[row, start:end])
            left = right + 1


@kernel
def _nodes_of_row(places, row, step, margin, window, nodes):  # type: ignore[no-untyped-def]
    """The places of a pixel row's points above or below the nodes of a window of columns."""
    above = margin + (row - step // 2) // step if row >= step // 2 else margin - 1
    share = np.float32((row + 0.5) / step - 0.5 - (above - margin))
    for node in range(window[0], window[1]):
        for k in range(2):
            upper = places[above, node, k]
            nodes[node, k] = upper + share * (places[above + 1, node, k] - upper)


@kernel
def _spread(nodes, step, x, y, count):  # type: ignore[no-untyped-def]
    """The places of `count` pixels, the first of which is half a block after the middle of the first node's block."""
    half, per_pixel = step // 2, np.float32(1) / np.float32(step)
    inside = np.float32(0.5 * (1 - step % 2))
    for cell in range(nodes.shape[0] - 1):
        # Between two nodes; `inside` the first pixel's distance from the first of them.
        first = cell * step - (step - half)
        x0, y0 = nodes[cell, 0], nodes[cell, 1]
        dx, dy = (nodes[cell + 1, 0] - x0) * per_pixel, (nodes[cell + 1, 1] - y0) * per_pixel
        for pixel in range(max(first, 0), min(first + step, count)):
            along = np.float32(pixel - first) + inside
            x[pixel] = x0 + along * dx
            y[pixel] = y0 + along * dy


@kernel
def _cover(line, background, out):  # type: ignore[no-untyped-def]
    """Premultiplied RGBA pixels [n] over a background [n, 3], written to `out` [n, 3]."""
    # As if all were opaque, which is vector code; then the few that are not.
    for i in range(line.shape[0]):
        out[i, 0] = np.uint8(line[i])
        out[i, 1] = np.uint8(line[i] >> np.uint32(8))
        out[i, 2] = np.uint8(line[i] >> np.uint32(16))
    for i in range(line.shape[0]):
        rest = np.int32(255) - np.int32(line[i] >> np.uint32(24))
        if rest > 0:
            for k in range(3):
                out[i, k] = min(255, np.int32(out[i, k]) + (np.int32(background[i, k]) * rest + 127) // 255)
