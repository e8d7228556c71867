"""A smooth warp of the photo around the face: hair, ears, neck and background follow the head, shoulders stay.

On a coarse grid over the photo, a node's displacement is what a rigid head at the node's depth would do, fading with
the distance from the head, plus a screened harmonic extension of what the driven face does at its border (Jacobson et
al., "Bounded Biharmonic Weights", 2011, section 2, discusses the choice; harmonic weights suffice for a few
millimetres).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.sparse.linalg import splu

from renderers.compiled import kernel

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class SurroundOptions:
    """Reach of the warp, in units of the face's height (chin to hairline).

    Attributes:
        nodes: grid nodes per face height.
        expression_reach: how soon the pull of the skin's motion fades around the face.
        expression_end: where it has ended; beyond, a head that does not turn leaves the photo alone.
        hair_reach: how far above and beside the face things still move fully with the head.
        fade: width of the zone in which that falls to zero.
        border: width of the zone at the photo's edges in which everything comes to rest.
        neck_reach: how far below the chin the head's motion fades out.
    """

    nodes: int = 24
    expression_reach: float = 0.10
    expression_end: float = 0.32
    hair_reach: float = 0.34
    fade: float = 0.45
    border: float = 0.12
    neck_reach: float = 0.55


@dataclass(frozen=True)
class Grid:
    """Nodes over the crop: `x` [gw] and `y` [gh] in pixels."""

    x: FloatArray
    y: FloatArray

    @classmethod
    def over(cls, width: int, height: int, spacing: float) -> Grid:
        """An even grid whose border nodes lie on the crop's border."""
        return cls(
            np.linspace(0, width, max(4, round(width / spacing) + 1), dtype=np.float32),
            np.linspace(0, height, max(4, round(height / spacing) + 1), dtype=np.float32),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self.y), len(self.x)

    def points(self) -> FloatArray:
        """[gh, gw, 2] px."""
        return np.stack(np.meshgrid(self.x, self.y), -1)


def rigid_weight(
    grid: Grid, inside: NDArray[np.bool_], chin_y: float, face: float, options: SurroundOptions
) -> FloatArray:
    """[gh, gw] 0..1: how much a node moves rigidly with the head.

    Args:
        grid: the nodes.
        inside: [gh, gw] nodes on the face.
        chin_y: picture row of the chin, px; below it the neck takes the motion up.
        face: the face's height, px.
        options: reach of the warp.
    """
    weight = np.clip(1 - (_distance(grid, inside) / face - options.hair_reach) / options.fade, 0, 1)
    below = np.clip(1 - (grid.y - chin_y) / (options.neck_reach * face), 0, 1)[:, None]
    edge = np.minimum(*(np.minimum(axis, axis[-1] - axis)[s] for axis, s in ((grid.x, (None,)), (grid.y, (..., None)))))
    return _smoothstep(np.minimum(np.minimum(weight, below), np.clip(edge / (options.border * face), 0, 1)))


def expression_weight(grid: Grid, inside: NDArray[np.bool_], face: float, options: SurroundOptions) -> FloatArray:
    """[gh, gw] 1 on the face, falling to exactly 0 at `expression_end`; arguments as for `rigid_weight`."""
    return _smoothstep(np.clip(2 * (1 - _distance(grid, inside) / face / options.expression_end), 0, 1))


def _distance(grid: Grid, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    sampling = float(grid.y[1] - grid.y[0]), float(grid.x[1] - grid.x[0])
    return distance_transform_edt(~inside, sampling=sampling)


def _smoothstep(x: NDArray[np.floating]) -> FloatArray:
    return (x * x * (3 - 2 * x)).astype(np.float32)


class HarmonicExtension:
    """Extends values at fixed nodes to all nodes: (Laplace - screening) u = 0 outside, u = 0 on the crop's border.

    Args:
        fixed: [gh, gw] nodes whose values are given.
        screening: (spacing / reach)^2, how soon the extension fades.
    """

    def __init__(self, fixed: NDArray[np.bool_], screening: float) -> None:
        rows, columns = fixed.shape
        index = np.arange(rows * columns).reshape(fixed.shape)
        pairs = np.concatenate(
            [
                np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1),
                np.stack([index[:-1].ravel(), index[1:].ravel()], 1),
            ]
        )
        pairs = np.concatenate([pairs, pairs[:, ::-1]])
        adjacency = sparse.coo_matrix((np.ones(len(pairs)), pairs.T), (index.size, index.size)).tocsr()
        border = np.zeros_like(fixed)
        border[[0, -1]] = border[:, [0, -1]] = True
        free = np.flatnonzero((~fixed & ~border).ravel())
        self._free, self._shape = free, fixed.shape
        # Only the fixed nodes next to free ones matter.
        rim = np.flatnonzero(fixed.ravel() & (np.asarray(adjacency[:, free].sum(1)).ravel() > 0))
        self.rim = rim
        system = sparse.diags(np.full(len(free), 4.0 + screening)) - adjacency[np.ix_(free, free)]
        self._weights = splu(system.tocsc()).solve(adjacency[np.ix_(free, rim)].toarray()).astype(np.float32)

    def __call__(self, values: FloatArray) -> FloatArray:  # [rim, C] -> [gh, gw, C]
        """Values at `rim` (flat node indices) to all nodes; nodes that are neither free nor on the rim stay 0."""
        result = np.zeros((self._shape[0] * self._shape[1], values.shape[1]), np.float32)
        result[self._free] = self._weights @ values
        result[self.rim] = values
        return result.reshape(*self._shape, values.shape[1])


def inverse_flow(displacement: FloatArray, grid: Grid, iterations: int = 4) -> FloatArray:
    """[gh, gw, 2] where each *target* node comes from, minus the node, for a forward `displacement` of source nodes.

    Fixed-point iteration of f(x) = -u(x + f(x)); it converges because the warp stretches by much less than one.
    """
    scale = np.array([1 / (grid.x[1] - grid.x[0]), 1 / (grid.y[1] - grid.y[0])], np.float32)
    rows, columns = grid.shape
    base = np.stack(np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)), -1)
    flow = -displacement
    for _ in range(iterations):
        at = base + flow * scale
        there = cv2.remap(displacement, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        flow = -np.asarray(there, np.float32)
    return flow


def warp(
    fine: NDArray[np.uint8],
    flow: FloatArray,
    grid: Grid,
    out: NDArray[np.uint8],
    covered: NDArray[np.uint8] | None = None,
    threshold: float = 0.06,
) -> None:
    """Write the picture pulled along `flow` into `out`; pixels that move by less than `threshold` are left as they are.

    Args:
        fine: [2h - 1, 2w - 1, 3] `half_grid` of the picture.
        flow: [gh, gw, 2] px, see `inverse_flow`.
        grid: the flow's nodes; they span the picture.
        out: [h, w, 3] uint8, the unmoved picture on entry.
        covered: [h, w] uint8, not 0 where the picture need not be moved, because something is drawn over it.
        threshold: px.
    """
    moving = np.maximum(np.abs(flow[..., 0]), np.abs(flow[..., 1])) > threshold
    if not moving.any():
        return
    rows, columns = np.flatnonzero(moving.any(1)), np.flatnonzero(moving.any(0))
    top = int(grid.y[max(0, rows[0] - 1)])
    bottom = int(np.ceil(grid.y[min(len(grid.y) - 1, rows[-1] + 1)]))
    left = int(grid.x[max(0, columns[0] - 1)])
    right = int(np.ceil(grid.x[min(len(grid.x) - 1, columns[-1] + 1)]))
    if covered is None:
        covered = np.zeros(out.shape[:2], np.uint8)
    _warp(fine, covered, flow.astype(np.float32), out, top, bottom, left, right, np.float32(threshold))


@kernel
def _warp(fine, covered, flow, out, top, bottom, left, right, threshold):  # type: ignore[no-untyped-def]
    """Bilinear flow, bilinear picture; weights in 1/128 so that the colours stay integers.

    The flow is interpolated down once for each row of pixels, then along it.
    """
    height, width = out.shape[0], out.shape[1]
    last_column, last_row = np.float32(fine.shape[1] - 1), np.float32(fine.shape[0] - 1)
    grid_rows, grid_columns = flow.shape[0], flow.shape[1]
    row_step, column_step = np.float32((grid_rows - 1) / height), np.float32((grid_columns - 1) / width)
    # numba promotes float32 with integer literals to float64, which is slower.
    zero, half, two, fine_steps = np.float32(0), np.float32(0.5), np.float32(2), np.float32(128)
    line = np.empty((grid_columns, 2), np.float32)
    for row in range(top, bottom):
        gy = (np.float32(row) + half) * row_step
        g = min(int(gy), grid_rows - 2)
        fy = gy - np.float32(g)
        still = True
        for i in range(grid_columns):
            line[i, 0] = flow[g, i, 0] + (flow[g + 1, i, 0] - flow[g, i, 0]) * fy
            line[i, 1] = flow[g, i, 1] + (flow[g + 1, i, 1] - flow[g, i, 1]) * fy
            still = still and abs(line[i, 0]) < threshold and abs(line[i, 1]) < threshold
        if still:
            continue
        for column in range(left, right):
            gx = (np.float32(column) + half) * column_step
            h = min(int(gx), grid_columns - 2)
            fx = gx - np.float32(h)
            dx = line[h, 0] + (line[h + 1, 0] - line[h, 0]) * fx
            dy = line[h, 1] + (line[h + 1, 1] - line[h, 1]) * fx
            if abs(dx) < threshold and abs(dy) < threshold:
                continue
            x = min(max(two * (np.float32(column) + dx), zero), last_column)
            y = min(max(two * (np.float32(row) + dy), zero), last_row)
            c, r = min(int(x), fine.shape[1] - 2), min(int(y), fine.shape[0] - 2)
            if covered[r >> 1, c >> 1]:
                continue
            ax = np.int32((x - np.float32(c)) * fine_steps + half)
            ay = np.int32((y - np.float32(r)) * fine_steps + half)
            bx, by = np.int32(128) - ax, np.int32(128) - ay
            w00, w01, w10, w11 = bx * by, ax * by, bx * ay, ax * ay
            for k in range(3):
                upper = w00 * fine[r, c, k] + w01 * fine[r, c + 1, k]
                lower = w10 * fine[r + 1, c, k] + w11 * fine[r + 1, c + 1, k]
                out[row, column, k] = (upper + lower + 8192) >> 14
