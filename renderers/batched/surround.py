"""The photo around the driven face in torch: `surround.warp` and `surround.layer_kernels` for batches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from renderers.batched.mesh import DrivenBatch
from renderers.batched.pictures import composite, pixel_centres, sample, to_levels
from renderers.raster.rasterizer import Rasterizer, interpolate
from renderers.surround.grid import LEAST_AREA, LEAST_STEP, RELAXATIONS, Grid, HarmonicExtension
from renderers.surround.layer_kernels import LayersState
from renderers.surround.warp import SurroundState

# Nodes that stay where they are lie exactly on corners of the moved triangles, and not every rasterizer says of such
# points that they are covered: all are moved by this, in units of nodes, a thousandth of a pixel.
_ASIDE = 1e-4


class TorchSurround:
    """`SurroundWarp` for batches.

    Args:
        warp: what was prepared of the photo.
        layers: the photo taken apart.
        rasterizer: inverts the grid's motion.
        device: where to work.
    """

    def __init__(self, warp: SurroundState, layers: LayersState, rasterizer: Rasterizer, device: torch.device) -> None:
        def tensor(values: object) -> Tensor:
            return torch.as_tensor(values, device=device)

        grid = warp.grid
        self._grid, self._rasterizer = grid, rasterizer
        self._focal = warp.camera.focal_px
        self._principal = tensor(warp.camera.principal_point_px).float()
        self._origin, self._nodes = tensor(warp.origin), tensor(grid.points())
        self._body_follows = tensor(warp.shoulders).float()
        self._neck_mm = warp.neck_mm
        self._lean_mm = tensor(warp.lean_mm).float()
        self._source = tensor(warp.source)
        self._inside, self._rim = tensor(warp.inside), tensor(warp.rim)
        self._corners, self._weights = tensor(warp.corners).long(), tensor(warp.weights)
        self._extension = _TorchExtension(warp.extension, device)
        self._skin_weight, self._head_share = tensor(warp.skin_weight).float(), tensor(warp.head_share).float()
        self._body_share = tensor(warp.body_share).float()
        self._points, self._centre = tensor(warp.points), warp.centre
        self._corners_of_triangles = _grid_triangles(grid, device)
        count = len(self._corners_of_triangles)
        self._triangles = torch.arange(3 * count, device=device).reshape(-1, 3)
        # Where triangles overlap because the motion folds, the last one counts: it is nearest.
        self._depth = (2 - torch.arange(count, device=device) / count).repeat_interleave(3)
        self._draw = _TorchLayers(layers, device)

    def __call__(self, frame: DrivenBatch) -> Tensor:
        """[B, 3, h, w] uint8, the crops, warped."""
        return self._draw(self.inverse_flow(self.targets(frame)))

    def targets(self, frame: DrivenBatch) -> Tensor:
        """[B, gh, gw, 2] px, where each node of the grid goes."""
        shift = self._calm(frame.shift)
        moved = frame.move(self._points) + (shift - frame.shift)[:, None, None]
        rigid = (self._project(moved) - self._nodes) * self._head_share
        follows = self._body_follows + (1 - self._body_follows) * shift**2 / (shift**2 + self._neck_mm**2)
        body = self._points + (shift * follows)[:, None, None]
        rigid = rigid + (self._project(body) - self._nodes) * self._body_share
        moved = frame.pixels[..., :2] - self._origin - self._source
        skin = (moved[:, self._corners] * self._weights[..., None]).sum(2)
        rest = skin - rigid.flatten(1, 2)[:, self._inside]
        displacement = rigid + self._extension(rest[:, self._rim]) * self._skin_weight
        flat = displacement.flatten(1, 2).index_copy(1, self._inside, skin)
        return self._unfold(self._nodes + flat.view_as(displacement))

    def inverse_flow(self, targets: Tensor) -> Tensor:
        """[B, gh, gw, 2] where the picture at each node comes from, minus the node, px; see `surround.inverse_flow`."""
        spacing, (rows, columns) = self._grid.spacing, self._grid.shape
        first = (0.5 - self._grid.margin) * spacing
        places = (targets - first) / spacing + (0.5 + _ASIDE)
        corners = places.flatten(1, 2)[:, self._corners_of_triangles.flatten()]
        vertices = torch.cat([corners, self._depth.expand(len(places), -1)[..., None]], -1)
        fragments = self._rasterizer.rasterize(vertices, self._triangles, (rows, columns))
        here = pixel_centres(rows, columns, targets.device)
        source = interpolate(fragments, self._triangles, here.reshape(-1, 2)[self._corners_of_triangles.flatten()])
        return torch.where(fragments.covered[..., None], (source - here) * spacing, self._nodes - targets)

    def _calm(self, shift: Tensor) -> Tensor:  # [B, 3] mm -> [B, 3] mm
        """The shift that the surroundings follow."""
        away = shift**2
        return shift * away / (away + self._lean_mm**2)

    def _project(self, points: Tensor) -> Tensor:  # [..., 3] mm -> [..., 2] px in the crop
        return points[..., :2] / points[..., 2:] * self._focal + self._principal - self._origin

    def _unfold(self, targets: Tensor, least: float = LEAST_STEP) -> Tensor:
        """As `surround.unfold`."""
        places = list(targets.unbind(-1))
        for component, (dim, middle) in enumerate(((2, self._centre[1]), (1, self._centre[0]))):
            count = targets.shape[dim]
            ramp = (torch.arange(count, device=targets.device) - middle) * (least * self._grid.spacing)
            ramp = ramp[:, None] if dim == 1 else ramp
            excess = places[component] - ramp
            after = excess.narrow(dim, middle, count - middle).cummax(dim).values
            before = excess.narrow(dim, 0, middle + 1).flip(dim).cummin(dim).values.flip(dim)
            places[component] = torch.cat([before.narrow(dim, 0, middle), after], dim) + ramp
        return self._relax(torch.stack(places, -1))

    def _relax(self, places: Tensor) -> Tensor:
        least = LEAST_AREA * self._grid.spacing**2
        for _ in range(RELAXATIONS):
            bad = _triangle_areas(places).amin(-1) < least
            if not bool(bad.any()):
                break
            around = F.max_pool2d(F.pad(bad.float()[:, None], (2, 2, 2, 2)), 4, 1)[:, 0]
            around[:, [0, -1]] = 0
            around[:, :, [0, -1]] = 0
            smooth = F.avg_pool2d(F.pad(places.permute(0, 3, 1, 2), (1, 1, 1, 1), "reflect"), 3, 1)
            places = torch.where(around[..., None] > 0, smooth.permute(0, 2, 3, 1), places)
        return places


class _TorchExtension:
    """`HarmonicExtension` for batches."""

    def __init__(self, extension: HarmonicExtension, device: torch.device) -> None:
        self._shape = extension.shape
        self._free, self._rim = (torch.as_tensor(i, device=device) for i in (extension.free, extension.rim))
        self._weights = torch.as_tensor(extension.weights, device=device)

    def __call__(self, values: Tensor) -> Tensor:  # [B, rim, C] -> [B, gh, gw, C]
        result = values.new_zeros(len(values), self._shape[0] * self._shape[1], values.shape[2])
        result[:, self._free] = self._weights @ values
        result[:, self._rim] = values
        return result.reshape(len(values), *self._shape, -1)


class _TorchLayers:
    """`LayerWarp` for batches. All is drawn: what does not move, gives the photo."""

    def __init__(self, layers: LayersState, device: torch.device) -> None:
        self._grid, self._scale, self._pad = layers.grid, layers.scale, layers.pad
        self._person = torch.as_tensor(layers.person, device=device).permute(2, 0, 1).float()
        self._background = torch.as_tensor(layers.background, device=device).permute(2, 0, 1)
        height, width = layers.background.shape[:2]
        self._centres = pixel_centres(height, width, device)

    def __call__(self, flow: Tensor) -> Tensor:  # [B, gh, gw, 2] px -> [B, 3, h, w] uint8
        nodes = (self._centres / self._grid.spacing + self._grid.margin).expand(len(flow), -1, -1, -1)
        moved = sample(flow.permute(0, 3, 1, 2), nodes).permute(0, 2, 3, 1)
        places = (self._centres - 0.5 + self._pad + moved) * self._scale + 0.5
        person = to_levels(sample(self._person, places, "border"))
        return composite(self._background.expand(len(flow), -1, -1, -1), person)


def _grid_triangles(grid: Grid, device: torch.device) -> Tensor:  # [F, 3]
    """The upper left and the lower right triangle of each quad, one quad after the other."""
    index = torch.arange(grid.shape[0] * grid.shape[1], device=device).reshape(grid.shape)
    corner, right, down, far = (a.reshape(-1) for a in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
    return torch.stack([corner, right, down, far, down, right], 1).reshape(-1, 3)


def _triangle_areas(places: Tensor) -> Tensor:  # [B, gh, gw, 2] -> [B, gh - 1, gw - 1, 2]
    """As `surround.triangle_areas`."""

    def cross(origin: Tensor, first: Tensor, second: Tensor) -> Tensor:
        a, b = first - origin, second - origin
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]

    corner, right = places[:, :-1, :-1], places[:, :-1, 1:]
    down, far = places[:, 1:, :-1], places[:, 1:, 1:]
    return torch.stack([cross(corner, right, down), cross(far, down, right)], -1)
