"""Grids of a smooth warp of the photo around the face: hair, ears and neck follow the head, shoulders partly.

A node of the grid goes where a rigid head (or the body) of the node's depth takes it, plus a screened harmonic
extension of what the driven face does at its border (Jacobson et al., "Bounded Biharmonic Weights", 2011, section 2,
discusses the choice; harmonic weights suffice for a few millimetres). Where the face would slide over what lies beside
it, that is pushed together instead, so that the warp never folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import SuperLU, splu

from face3d.compiled import kernel

FloatArray = NDArray[np.float32]

# A triangle of the grid that keeps less than this share of its area is relaxed, in at most so many rounds.
LEAST_AREA, RELAXATIONS = 0.05, 12
# Nodes stay at least this many spacings farther out than the ones before them.
LEAST_STEP = 0.25


@dataclass(frozen=True)
class SurroundOptions:
    """Reach of the warp, in units of the face's height (chin to hairline), and what the body does.

    Attributes:
        nodes: grid nodes per face height.
        expression_reach: how soon the pull of the skin's motion fades around the face.
        expression_end: where it has ended; beyond, a head that does not turn leaves the photo alone.
        hair_reach: how far above and beside the face things still move fully with the head, where nothing is known of
            the person's outline.
        fade: width of the zone in which that falls to zero.
        border: width of the zone at the crop's edges inside the photo in which everything comes to rest.
        neck_start: how far above the chin's height the head's motion begins to fade.
        neck_reach: over how much it fades out.
        shoulder_lift: how much higher that begins beside the chin. All three after the optical flow of GRID.
        body_share: how much of the head's small shifts along (x, y, z) the shoulders follow. In GRID, people whose
            heads sway by 3 to 7 mm move their shoulders by 0.36 of it sideways and by less up and down.
        neck_mm: shifts larger than a bending neck gives, this much, are the body's: the shoulders follow.
        lean_mm: a shift along (x, y, z) counts fully when it is much larger than this. In fits of GRID, hair follows
            hardly any of the usual millimetres up and down and none of the 5 to 13 mm along the line of sight: such
            shifts are the fit's way to follow a face that opens its mouth.
    """

    nodes: int = 24
    expression_reach: float = 0.10
    expression_end: float = 0.32
    hair_reach: float = 0.34
    fade: float = 0.45
    border: float = 0.5
    neck_start: float = 0.1
    neck_reach: float = 0.55
    shoulder_lift: float = 0.5
    body_share: tuple[float, float, float] = (0.36, 0.15, 0.1)
    neck_mm: float = 40.0
    lean_mm: tuple[float, float, float] = (0.001, 4.0, 25.0)


@dataclass(frozen=True)
class Grid:
    """Nodes over a crop and a margin around it.

    Node (row, column) lies at ``(index - margin + 0.5) * spacing`` px: node m is the middle of the crop's first block
    of `spacing` pixels, as `cv2.resize` counts.

    Attributes:
        spacing: pixels between nodes.
        shape: (rows, columns).
        margin: nodes outside the crop on each side.
    """

    spacing: int
    shape: tuple[int, int]
    margin: int

    @classmethod
    def over(cls, width: int, height: int, spacing: float, margin: int = 3) -> Grid:
        """A grid over a crop of this size; `spacing` is rounded to whole pixels."""
        step = max(2, round(spacing))
        return cls(step, (-(-height // step) + 2 * margin, -(-width // step) + 2 * margin), margin)

    @property
    def x(self) -> FloatArray:
        """[columns] px."""
        return ((np.arange(self.shape[1]) - self.margin + 0.5) * self.spacing).astype(np.float32)

    @property
    def y(self) -> FloatArray:
        """[rows] px."""
        return ((np.arange(self.shape[0]) - self.margin + 0.5) * self.spacing).astype(np.float32)

    def points(self) -> FloatArray:
        """[rows, columns, 2] px."""
        return np.stack(np.meshgrid(self.x, self.y), -1)

    def index(self, x: float, y: float) -> tuple[int, int]:
        """(row, column) of the node nearest to a point, px."""
        row, column = (round(float(v) / self.spacing - 0.5) + self.margin for v in (y, x))
        return min(max(row, 0), self.shape[0] - 1), min(max(column, 0), self.shape[1] - 1)


def smoothstep(x: NDArray[np.floating]) -> FloatArray:
    """3 x^2 - 2 x^3 for x in 0..1."""
    return (x * x * (3 - 2 * x)).astype(np.float32)


def near_weight(grid: Grid, inside: NDArray[np.bool_], face: float, options: SurroundOptions) -> FloatArray:
    """[gh, gw] 0..1: 1 near the face, 0 far from it.

    Args:
        grid: the nodes.
        inside: [gh, gw] nodes on the face.
        face: the face's height, px.
        options: reach of the warp.
    """
    return smoothstep(np.clip(1 - (_distance(grid, inside) / face - options.hair_reach) / options.fade, 0, 1))


def expression_weight(grid: Grid, inside: NDArray[np.bool_], face: float, options: SurroundOptions) -> FloatArray:
    """[gh, gw] 1 on the face, falling to exactly 0 at `expression_end`; arguments as for `near_weight`."""
    return smoothstep(np.clip(2 * (1 - _distance(grid, inside) / face / options.expression_end), 0, 1))


def border_weight(grid: Grid, width: int, height: int, held: tuple[bool, bool, bool, bool], zone: float) -> FloatArray:
    """[gh, gw] 0 at and beyond the crop's `held` sides, 1 from `zone` px inside on.

    Args:
        grid: the nodes.
        width: of the crop, px.
        height: of the crop, px.
        held: which of the (left, top, right, bottom) sides must not move.
        zone: px.
    """
    x, y = grid.x[None] + 0 * grid.y[:, None], grid.y[:, None] + 0 * grid.x[None]
    distances = [d for d, hold in zip((x, y, width - x, height - y), held, strict=True) if hold]
    if not distances:
        return np.ones(grid.shape, np.float32)
    return smoothstep(np.clip((np.min(distances, 0) - grid.spacing) / zone, 0, 1))


def _distance(grid: Grid, inside: NDArray[np.bool_]) -> FloatArray:
    """[gh, gw] to the nearest node inside, px."""
    nodes = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(nodes * np.float32(grid.spacing), np.float32)


def _neighbours(shape: tuple[int, int]) -> sparse.csr_matrix:
    """[N, N] 1 for nodes next to each other along an axis."""
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    pairs = np.concatenate(
        [
            np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1),
            np.stack([index[:-1].ravel(), index[1:].ravel()], 1),
        ]
    )
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    return sparse.coo_matrix((np.ones(len(pairs)), pairs.T), (index.size, index.size)).tocsr()


def _factorise(system: sparse.spmatrix) -> SuperLU:
    """Of a symmetric and positive definite matrix: no pivoting is needed, and an ordering for such saves half."""
    return splu(system.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})


def harmonic_fill(values: NDArray[np.floating], fixed: NDArray[np.bool_], screening: float) -> NDArray[np.float64]:
    """[gh, gw] `values` where `fixed`, elsewhere the solution of (Laplace - screening) u = 0."""
    adjacency, free = _neighbours(fixed.shape), np.flatnonzero(~fixed.ravel())
    result = np.asarray(values, np.float64).ravel().copy()
    degree = np.asarray(adjacency.sum(1)).ravel()
    system = sparse.diags(degree[free] + screening) - adjacency[np.ix_(free, free)]
    known = np.flatnonzero(fixed.ravel())
    result[free] = _factorise(system).solve(adjacency[np.ix_(free, known)] @ result[known])
    return result.reshape(fixed.shape)


@dataclass(frozen=True, eq=False)
class HarmonicExtension:
    """Extends values at fixed nodes to all nodes: (Laplace - screening) u = 0 outside, u = 0 on the grid's border.

    Attributes:
        shape: (rows, columns) of the grid.
        free: [N] flat indices of the nodes whose values are found.
        rim: [R] those of the given nodes next to them; the others do not matter.
        weights: [N, R] float32, of the given values in those that are found.
    """

    shape: tuple[int, int]
    free: NDArray[np.intp]
    rim: NDArray[np.intp]
    weights: FloatArray

    @classmethod
    def of(cls, fixed: NDArray[np.bool_], screening: float) -> HarmonicExtension:
        """From the nodes [gh, gw] whose values are given; `screening`: (spacing / reach)^2, how soon it fades."""
        adjacency = _neighbours(fixed.shape)
        border = np.zeros_like(fixed)
        border[[0, -1]] = border[:, [0, -1]] = True
        free = np.flatnonzero((~fixed & ~border).ravel())
        rim = np.flatnonzero(fixed.ravel() & (np.asarray(adjacency[:, free].sum(1)).ravel() > 0))
        system = sparse.diags(np.full(len(free), 4.0 + screening)) - adjacency[np.ix_(free, free)]
        weights = _factorise(system).solve(adjacency[np.ix_(free, rim)].toarray()).astype(np.float32)
        return cls((fixed.shape[0], fixed.shape[1]), free, rim, weights)

    def __call__(self, values: FloatArray) -> FloatArray:  # [rim, C] -> [gh, gw, C]
        """Values at `rim` (flat node indices) to all nodes; nodes that are neither free nor on the rim stay 0."""
        result = np.zeros((self.shape[0] * self.shape[1], values.shape[1]), np.float32)
        result[self.free] = self.weights @ values
        result[self.rim] = values
        return result.reshape(*self.shape, values.shape[1])


def unfold(targets: FloatArray, grid: Grid, centre: tuple[int, int], least: float = LEAST_STEP) -> FloatArray:
    """[gh, gw, 2] the nodes' new places, pushed outwards where they would pass each other.

    Seen from the node `centre` (row, column), each node of a row stays at least `least` spacings farther out than the
    one before, and likewise in each column.
    """
    result = targets.copy()
    for axis, middle, component in ((1, centre[1], 0), (0, centre[0], 1)):
        place = np.moveaxis(result[..., component], axis, 0)  # a view: node, line
        ramp = (np.arange(len(place), dtype=np.float32) - middle)[:, None] * np.float32(least * grid.spacing)
        excess = place - ramp
        excess[middle:] = np.maximum.accumulate(excess[middle:], 0)
        excess[middle::-1] = np.minimum.accumulate(excess[middle::-1], 0)
        place[:] = excess + ramp
    return _relax(result, grid)


def triangle_areas(places: FloatArray) -> FloatArray:
    """[gh - 1, gw - 1, 2] signed areas of the upper left and the lower right triangle of each quad, doubled, px^2."""

    def cross(origin: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
        a, b = first - origin, second - origin
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]

    corner, right, down, far = places[:-1, :-1], places[:-1, 1:], places[1:, :-1], places[1:, 1:]
    return np.stack([cross(corner, right, down), cross(far, down, right)], -1)


def _relax(places: FloatArray, grid: Grid) -> FloatArray:
    """Smooth the few places where sheared triangles are still (nearly) turned over, until none is left."""
    for _ in range(RELAXATIONS):
        bad = triangle_areas(places).min(-1) < LEAST_AREA * grid.spacing**2
        if not bad.any():
            break
        around = cv2.dilate(np.pad(bad, ((0, 1), (0, 1))).astype(np.uint8), np.ones((4, 4), np.uint8), anchor=(2, 2))
        around[[0, -1]] = around[:, [0, -1]] = 0
        places = np.where(around[..., None] > 0, cv2.blur(places, (3, 3)), places)
    return places


def inverse_flow(targets: FloatArray, grid: Grid) -> FloatArray:
    """[gh, gw, 2] where the picture at each node comes from, minus the node, px.

    Args:
        targets: [gh, gw, 2] px, where each node goes. Between nodes the map is linear in triangles; it must not fold
            (`unfold`). What it does not reach comes from where the nearest node's displacement says.
        grid: the nodes.
    """
    flow = grid.points() - targets
    first = np.float32((0.5 - grid.margin) * grid.spacing)
    _invert((targets - first) / np.float32(grid.spacing), np.float32(grid.spacing), flow)
    return flow


@kernel
def _invert(place, spacing, flow):  # type: ignore[no-untyped-def]
    """For each triangle of nodes, moved to `place` (in units of nodes): where the nodes that it covers came from."""
    rows, columns = place.shape[0], place.shape[1]
    for r in range(rows - 1):
        for c in range(columns - 1):
            for half in range(2):
                # The quad's upper left and lower right triangle; (r0, c0) is the corner with the right angle.
                r0, c0, step = r + half, c + half, 1 - 2 * half
                x0, y0 = place[r0, c0, 0], place[r0, c0, 1]
                ax, ay = place[r0, c0 + step, 0] - x0, place[r0, c0 + step, 1] - y0
                bx, by = place[r0 + step, c0, 0] - x0, place[r0 + step, c0, 1] - y0
                area = ax * by - ay * bx
                if abs(area) < 1e-9:
                    continue
                left, right = x0 + min(0.0, ax, bx), x0 + max(0.0, ax, bx)
                top, bottom = y0 + min(0.0, ay, by), y0 + max(0.0, ay, by)
                for row in range(max(0, int(np.ceil(top))), min(rows - 1, int(np.floor(bottom))) + 1):
                    for column in range(max(0, int(np.ceil(left))), min(columns - 1, int(np.floor(right))) + 1):
                        dx, dy = column - x0, row - y0
                        u, v = (dx * by - dy * bx) / area, (ax * dy - ay * dx) / area
                        if u >= -1e-5 and v >= -1e-5 and u + v <= 1 + 1e-5:
                            flow[row, column, 0] = (c0 + step * u - column) * spacing
                            flow[row, column, 1] = (r0 + step * v - row) * spacing
