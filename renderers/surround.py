"""A smooth warp of the photo around the face: hair, ears, neck and background follow the head, shoulders stay.

On a coarse grid over the photo, a node's displacement is what a rigid head at the node's depth would do, fading with the
distance from the head, plus a screened harmonic extension of what the driven face does at its border (Jacobson et al.,
"Bounded Biharmonic Weights", 2011, section 2, discusses the choice; harmonic weights suffice for a few millimetres).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.sparse.linalg import splu

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class SurroundOptions:
    """Reach of the warp, in units of the face's height (chin to hairline).

    Attributes:
        nodes: grid nodes per face height.
        expression_reach: how far the skin's motion pulls on what is around the face.
        hair_reach: how far above and beside the face things still move fully with the head.
        fade: width of the zone in which that falls to zero.
        neck_reach: how far below the chin the head's motion fades out.
    """

    nodes: int = 24
    expression_reach: float = 0.16
    hair_reach: float = 0.42
    fade: float = 0.75
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
    spacing = float(grid.x[1] - grid.x[0]), float(grid.y[1] - grid.y[0])
    distance = distance_transform_edt(~inside, sampling=(spacing[1], spacing[0])) / face
    weight = np.clip(1 - (distance - options.hair_reach) / options.fade, 0, 1)
    below = np.clip(1 - (grid.y - chin_y) / (options.neck_reach * face), 0, 1)[:, None]
    weight = np.minimum(weight, below)
    return (weight * weight * (3 - 2 * weight)).astype(np.float32)


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
        flow = -cv2.remap(displacement, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return flow


def warp(image: NDArray[np.uint8], flow: FloatArray, grid: Grid, threshold: float = 0.02) -> NDArray[np.uint8]:
    """The picture pulled along `flow` (see `inverse_flow`); rows and columns that do not move are copied unchanged.

    Args:
        image: [h, w, 3] uint8.
        flow: [gh, gw, 2] px.
        grid: the flow's nodes; they span the image.
        threshold: displacements below this many pixels count as none.
    """
    result = image.copy()
    moving = np.abs(flow).max(-1) > threshold
    if not moving.any():
        return result
    height, width = image.shape[:2]
    rows, columns = np.flatnonzero(moving.any(1)), np.flatnonzero(moving.any(0))
    top = int(grid.y[max(0, rows[0] - 1)])
    bottom = int(np.ceil(grid.y[min(len(grid.y) - 1, rows[-1] + 1)]))
    left = int(grid.x[max(0, columns[0] - 1)])
    right = int(np.ceil(grid.x[min(len(grid.x) - 1, columns[-1] + 1)]))
    x = np.arange(left, right, dtype=np.float32) + 0.5
    y = np.arange(top, bottom, dtype=np.float32) + 0.5
    to_columns = (x / width * (len(grid.x) - 1))[None].repeat(len(y), 0)
    to_rows = (y / height * (len(grid.y) - 1))[:, None].repeat(len(x), 1)
    dense = cv2.remap(flow, to_columns, to_rows, cv2.INTER_LINEAR)
    dense[np.abs(dense).max(-1) < threshold] = 0
    map_x, map_y = dense[..., 0] + (x[None] - 0.5), dense[..., 1] + (y[:, None] - 0.5)
    result[top:bottom, left:right] = cv2.remap(image, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return result
