"""The look into the mouth in torch: `renderers.mouth.scene`, `.rim`, `.window` and `.anatomy` for batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from face3d.model.landmark_sets import INNER_LIPS
from renderers.batched.mesh import DrivenBatch
from renderers.batched.pictures import blur, gaussian_weights, pixel_centres
from renderers.mouth.anatomy import FLATTEN, MouthAnatomy
from renderers.mouth.kernels import BLURS_MM
from renderers.mouth.rim import LEAST_STEP, LEFT_CORNER, RIGHT_CORNER, RINGS
from renderers.mouth.scene import LIGHT_CELLS, RISE, SOFT_PX
from renderers.mouth.window import CELLS_PER_MM, CORNERS, HEIGHT, MIDDLES, WIDTH
from renderers.raster.rasterizer import Rasterizer
from renderers.raster.shading import vertex_normals


@dataclass(frozen=True)
class WindowBatch:
    """B windows; see `MouthWindow`.

    Attributes:
        turn: [B, 2, 2], shift: [B, 2]: crop pixels to cells.
        px_per_mm: [B].
    """

    turn: Tensor
    shift: Tensor
    px_per_mm: Tensor

    @classmethod
    def around(cls, points: Tensor, px_per_mm: Tensor) -> WindowBatch:  # [B, 478, 2], [B]
        """As `MouthWindow.around`."""
        right, left = (points[:, corner] for corner in CORNERS)
        middle = points[:, [*CORNERS, *MIDDLES]].mean(1)
        x, y = ((left - right) / (left - right).norm(dim=1, keepdim=True).clamp_min(1e-3)).unbind(1)
        scale = CELLS_PER_MM / px_per_mm
        turn = torch.stack([x, y, -y, x], 1).reshape(-1, 2, 2) * scale[:, None, None]
        return cls(turn, points.new_tensor([WIDTH / 2, HEIGHT / 2]) - (turn @ middle[..., None])[..., 0], px_per_mm)

    def to_cells(self, points: Tensor) -> Tensor:  # [B, N, 2] -> [B, N, 2]
        """Crop pixels to cells."""
        return points @ self.turn.transpose(1, 2) + self.shift[:, None]

    def to_crop(self, points: Tensor) -> Tensor:  # [B, N, 2] -> [B, N, 2]
        """Cells to crop pixels."""
        return (points - self.shift[:, None]) @ torch.linalg.inv(self.turn).transpose(1, 2)


@dataclass(frozen=True)
class SceneBatch:
    """B frames' mouths on canvases of H x W pixels; see `MouthScene`.

    Attributes:
        window: where the canvases lie.
        cover: [B, H, W] 0..1, the opening.
        rows: [B, 2] first and last + 1 row of the opening; equal when it is shut.
        vertices: [B, V', 3] canvas pixels, depth in mm.
        attributes: [B, V', ATTRIBUTES].
        visible: [B, H, W] triangle, -1: none.
        levels: [B, 3, h, w].
    """

    window: WindowBatch
    cover: Tensor
    rows: Tensor
    vertices: Tensor
    attributes: Tensor
    visible: Tensor
    levels: Tensor

    def open_pixels(self) -> Tensor:  # [B, H, W] bool
        """The pixels that are painted."""
        row = torch.arange(self.cover.shape[1], device=self.cover.device)
        inside = (row >= self.rows[:, :1]) & (row < self.rows[:, 1:])
        return inside[:, :, None] & (self.cover > 0)


class TorchMouthView:
    """`view_mouth` for batches.

    Args:
        anatomy: the inside's mesh.
        focal_px: the camera's.
        scale: canvas pixels per cell.
        rasterizer: finds what is visible.
        device: where to work.
    """

    def __init__(
        self, anatomy: MouthAnatomy, focal_px: float, scale: int, rasterizer: Rasterizer, device: torch.device
    ) -> None:
        def tensor(values: object) -> Tensor:
            return torch.as_tensor(values, device=device)

        self._focal, self._scale, self._rasterizer = focal_px, scale, rasterizer
        self.vertices, self.triangles = tensor(anatomy.vertices), tensor(anatomy.triangles).long()
        self._lower_teeth = tensor(anatomy.lower_teeth)
        self._static = tensor(anatomy.static)
        self._lip_corners, self._lip_weights = tensor(anatomy.lip_corners), tensor(anatomy.lip_weights)
        per_mm = CELLS_PER_MM / LIGHT_CELLS
        self._blurs = [gaussian_weights(blur * per_mm, device) for blur in BLURS_MM]

    def __call__(self, frame: DrivenBatch, inside: Tensor, points: Tensor) -> SceneBatch:
        """Look into B mouths.

        Args:
            frame: the driven mesh.
            inside: [B, V', 2] px in the crop, the inside's vertices.
            points: [B, 478, 2] px in the crop, the landmarks.
        """
        lips = (frame.camera[:, self._lip_corners, 2] * self._lip_weights).sum(-1)  # [B, 20] mm
        window = WindowBatch.around(points, self._focal / lips.mean(1))
        cells = window.to_cells(points)
        upper, lower = self._rims(cells)
        softness = (SOFT_PX * CELLS_PER_MM * self._scale / window.px_per_mm).clamp_min(1)
        cover = self._coverage(upper, lower, softness)
        inside_cells = window.to_cells(inside)
        camera = frame.camera[:, self.vertices]
        vertices = torch.cat([inside_cells * self._scale, camera[..., 2:]], -1)
        vertices[:, self._lower_teeth, 1] -= RISE * (lower - upper).clamp_min(0).amax(1, keepdim=True)
        visible = self._rasterizer.rasterize(vertices, self.triangles, (HEIGHT * self._scale, WIDTH * self._scale))
        facing = (-vertex_normals(camera, self.triangles)[..., 2]).clamp(0, 1)
        depth = camera[..., 2] - _parabola(cells[:, list(INNER_LIPS), 0], lips, inside_cells[..., 0])
        static = self._static.expand(len(cells), -1, -1)
        attributes = torch.cat([static, facing[..., None], depth[..., None]], -1)
        rows = self._rows(upper, lower, softness)
        return SceneBatch(window, cover, rows, vertices, attributes, visible.pix_to_face, self._levels(cover))

    def _rims(self, cells: Tensor) -> tuple[Tensor, Tensor]:  # [B, 478, 2] -> 2 x [B, W] rows
        x = (torch.arange(WIDTH * self._scale, device=cells.device) + 0.5) / self._scale
        upper, lower = (_rim(cells[:, [RIGHT_CORNER, *ring, LEFT_CORNER]], x) for ring in RINGS)
        outside = (x <= cells[:, RIGHT_CORNER, :1]) | (x >= cells[:, LEFT_CORNER, :1])
        return upper * self._scale, torch.where(outside, upper, lower) * self._scale

    def _coverage(self, upper: Tensor, lower: Tensor, softness: Tensor) -> Tensor:  # [B, H, W]
        rows = (torch.arange(HEIGHT * self._scale, device=upper.device) + 0.5)[:, None]
        softness = softness[:, None, None]
        high = torch.minimum(rows + softness / 2, lower[:, None])
        low = torch.maximum(rows - softness / 2, upper[:, None])
        return ((high - low) / softness).clamp(0, 1)

    def _rows(self, upper: Tensor, lower: Tensor, softness: Tensor) -> Tensor:  # [B, 2]
        shown = lower > upper
        first = torch.where(shown, upper, torch.inf).amin(1) - softness
        last = torch.where(shown, lower, -torch.inf).amax(1) + softness
        limit = HEIGHT * self._scale
        rows = torch.stack([first.floor().clamp(0, limit), last.ceil().clamp(0, limit)], 1).long()
        return rows * (shown.any(1)[:, None] & (rows[:, 1:] > rows[:, :1]))

    def _levels(self, cover: Tensor) -> Tensor:  # [B, H, W] -> [B, 3, h, w]
        small = F.avg_pool2d(cover[:, None], self._scale * LIGHT_CELLS)
        return torch.cat([blur(small, weights) for weights in self._blurs], 1)


def _rim(points: Tensor, x: Tensor) -> Tensor:  # [B, N, 2], [W] -> [B, W]
    """As `renderers.mouth.rim`: heights at `x` of a curve through points, whose ends go on level."""
    steps = points[..., 0].diff(dim=1).clamp_min(LEAST_STEP)
    along = torch.cat([points[:, :1, 0], points[:, :1, 0] + steps.cumsum(1)], 1)
    at = torch.minimum(torch.maximum(x.expand(len(points), -1), along[:, :1]), along[:, -1:])
    return curve_through(along, points[..., 1], at)


def curve_through(x: Tensor, y: Tensor, at: Tensor) -> Tensor:  # [B, N], [B, N], [B, W] -> [B, W]
    """`renderers.mouth.smooth_curve.curve_through` for batches."""
    step = x.diff(dim=1)
    rise = y.diff(dim=1) / step
    before, after = rise[:, :-1], rise[:, 1:]
    wide, narrow = 2 * step[:, 1:] + step[:, :-1], step[:, 1:] + 2 * step[:, :-1]
    same = before * after > 0
    one = torch.ones_like(before)
    mean = (wide + narrow) / (wide / torch.where(same, before, one) + narrow / torch.where(same, after, one))
    ends = [_end_slope(step[:, a], step[:, b], rise[:, a], rise[:, b])[:, None] for a, b in ((0, 1), (-1, -2))]
    slope = torch.cat([ends[0], torch.where(same, mean, 0), ends[1]], 1)
    index = (torch.searchsorted(x.contiguous(), at.contiguous(), right=True) - 1).clamp(0, step.shape[1] - 1)
    t = at - x.gather(1, index)
    h, d = step.gather(1, index), rise.gather(1, index)
    first, last = slope.gather(1, index), slope.gather(1, index + 1)
    square, cube = (3 * d - 2 * first - last) / h, (first + last - 2 * d) / h**2
    return y.gather(1, index) + t * (first + t * (square + t * cube))


def _end_slope(step: Tensor, next_step: Tensor, rise: Tensor, next_rise: Tensor) -> Tensor:
    slope = ((2 * step + next_step) * rise - step * next_rise) / (step + next_step)
    bounded = torch.where((rise.sign() != next_rise.sign()) & (slope.abs() > 3 * rise.abs()), 3 * rise, slope)
    return torch.where(slope.sign() != rise.sign(), 0, bounded)


def _parabola(across: Tensor, depth: Tensor, x: Tensor) -> Tensor:  # [B, N], [B, N], [B, V] -> [B, V]
    """As `MouthAnatomy._lip_depth`: the least squares parabola through (across, depth), read within its reach."""
    middle = depth.mean(1, keepdim=True)
    powers = torch.arange(3, device=x.device)
    basis = (2 * across / WIDTH - 1).double()[..., None] ** powers
    wanted = (basis.transpose(1, 2) @ (depth - middle).double()[..., None])[..., 0]
    solution = torch.linalg.solve(basis.transpose(1, 2) @ basis + FLATTEN * torch.eye(3, device=x.device), wanted)
    inside = torch.minimum(torch.maximum(x, across.amin(1, keepdim=True)), across.amax(1, keepdim=True))
    read = ((2 * inside / WIDTH - 1).double()[..., None] ** powers @ solution[..., None])[..., 0]
    return read.float() + middle


def canvas_centres(scale: int, device: torch.device) -> Tensor:  # [H, W, 2]
    """Centres of the canvas' pixels."""
    return pixel_centres(HEIGHT * scale, WIDTH * scale, device)
