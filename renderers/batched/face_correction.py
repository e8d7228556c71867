"""The face network's correction in torch: `face_network.correction` and `face_network.planes` for batches."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from face3d.model.landmark_sets import FACE_OVAL
from renderers.batched.mesh import DrivenBatch
from renderers.batched.pictures import Windows, blur, gaussian_weights, pixel_centres, sample, to_levels
from renderers.batched.skin import affine_maps, map_at
from renderers.face_network.correction import BORDER, HALF_MOTION, LEAST_STRENGTH, SOFT, FaceRefinement
from renderers.face_network.planes import MARGIN, SIZE
from renderers.raster.rasterizer import Rasterizer
from renderers.raster.shading import vertex_normals

# OpenCV's polygons have the cells on their outline, too: they are larger by this, cells.
_OUTLINE = 0.5


@dataclass(frozen=True)
class WindowBatch:
    """What the network sees of B crops as SIZE x SIZE cells; see `FaceWindow`.

    Attributes:
        corner: [B, 2] (x, y) px.
        size: [B, 2] (width, height) px.
    """

    corner: Tensor
    size: Tensor

    @classmethod
    def around(cls, points: Tensor) -> WindowBatch:  # [B, 478, 2] px
        """The boxes of landmarks with a margin."""
        low, high = points.amin(1), points.amax(1)
        size = (high - low) * (1 + 2 * MARGIN)
        return cls((low + high - size) / 2, size)

    def to_cells(self, points: Tensor) -> Tensor:  # [B, ..., 2] px -> [B, ..., 2]
        """Pixels of the crop to cells."""
        shape = len(points), *[1] * (points.ndim - 2), 2
        return (points - self.corner.view(shape)) * (SIZE / self.size).view(shape)

    def cut(self, crops: Tensor) -> Tensor:  # [B, 3, h, w] uint8 -> [B, 3, SIZE, SIZE]
        """The crops in the windows, 0..1, as `FaceWindow.cut`."""
        steps = (0.5 / (SIZE / self.size).amax(1)).long().clamp_min(1)
        places = pixel_centres(2 * SIZE, 2 * SIZE, crops.device) / (2 * SIZE)
        places = self.corner[:, None, None] + self.size[:, None, None] * places
        fine = torch.zeros(len(crops), 3, 2 * SIZE, 2 * SIZE, device=crops.device)
        for step in steps.unique().tolist():
            pooled = to_levels(F.avg_pool2d(crops.float(), step, ceil_mode=True)) if step > 1 else crops
            fine = torch.where((steps == step)[:, None, None, None], sample(pooled, places / step), fine)
        return to_levels(F.avg_pool2d(to_levels(fine).float(), 2)).float() / 255


class TorchRefinement:
    """`FaceRefinement.draw` for batches.

    Args:
        refinement: the photo's.
        rasterizer: finds what is visible.
        device: where to work.
        dtype: of the network's numbers.
    """

    def __init__(
        self, refinement: FaceRefinement, rasterizer: Rasterizer, device: torch.device, dtype: torch.dtype
    ) -> None:
        def tensor(values: object) -> Tensor:
            return torch.as_tensor(values, device=device)

        view, surface = refinement.view, refinement.view.surface
        self._rasterizer, self._dtype = rasterizer, dtype
        self._network = copy.deepcopy(refinement.network).to(device, dtype)
        self._landmarks, self._own = tensor(view.landmarks), tensor(view.own).permute(2, 0, 1)
        self._triangles = tensor(surface.triangles).long()
        self._source, self._normals = tensor(surface.source), tensor(surface.normals)
        self._fixed = torch.cat([tensor(surface.place), tensor(surface.inside)[:, None]], 1)
        self._centres = pixel_centres(SIZE, SIZE, device)
        self._soft = gaussian_weights(SOFT * SIZE, device)

    def draw(self, crops: Tensor, frame: DrivenBatch, pixels: Tensor, points: Tensor, context: Tensor) -> None:
        """Correct the faces in crops in place.

        Args:
            crops: [B, 3, h, w] uint8, the drawn frames.
            frame: the driven mesh.
            pixels: [B, V, 3] its vertices: x, y in the crop, px, and depth, mm.
            points: [B, 478, 2] the landmarks, px.
            context: [B, CONTEXT] changes of the weights, of the turn and of the gaze.
        """
        strength = self._strength(points)
        window = WindowBatch.around(points)
        planes = torch.cat(
            [window.cut(crops), self._own.expand(len(crops), -1, -1, -1), *self._geometry(window, frame, pixels)], 1
        )
        change = self._network(planes.to(self._dtype), context.to(self._dtype)).float()
        change = change * (255 * strength[:, None, None] * self._soft_oval(window, points))[:, None]
        low, high = window.corner, window.corner + window.size
        shown = (strength >= LEAST_STRENGTH)[:, None]
        windows = Windows.between(low, torch.where(shown, high, low.floor()), *crops.shape[2:])
        if windows is None:
            return
        fine = sample(change, window.to_cells(windows.centres()), "zeros")
        windows.write(crops, to_levels(windows.read(crops).float() + fine))

    def _strength(self, points: Tensor) -> Tensor:  # [B]
        moved = points - self._landmarks
        x = self._landmarks[:, 0]
        motion = (moved - moved.mean(1, keepdim=True)).abs().mean((1, 2)) / (x.max() - x.min())
        return motion / (motion + HALF_MOTION)

    def _geometry(self, window: WindowBatch, frame: DrivenBatch, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """As `FaceSurface.planes`: [B, 9, SIZE, SIZE] of the mesh's attributes, [B, 1, SIZE, SIZE] of its stretch."""
        normals = vertex_normals(frame.camera, self._triangles)
        values = torch.cat([normals, normals - self._normals, self._fixed.expand(len(normals), -1, -1)], 2)
        local = torch.cat([window.to_cells(pixels[..., :2]), pixels[..., 2:]], 2)
        visible = self._rasterizer.rasterize(local, self._triangles, (SIZE, SIZE)).pix_to_face
        maps = affine_maps(local[..., :2], self._triangles, values)
        faces, covered = visible.clamp_min(0), (visible >= 0)[:, None]
        mapped = map_at(maps, faces, self._centres.expand(len(maps), -1, -1, -1)).permute(0, 3, 1, 2)
        ratio = self._areas(pixels[..., :2]) / self._areas(self._source[None])
        stretch = ratio.log().clamp(-1, 1).gather(1, faces.flatten(1)).view_as(faces)
        return mapped * covered, stretch[:, None] * covered

    def _areas(self, points: Tensor) -> Tensor:  # [B, V, 2] -> [B, F]
        a, b, c = points[:, self._triangles].unbind(2)
        first, second = b - a, c - a
        return (first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]).abs() + 1e-3

    def _soft_oval(self, window: WindowBatch, points: Tensor) -> Tensor:  # [B, SIZE, SIZE]
        """As `refinement.soft_oval`: 1 inside the face, 0 at its outline."""
        oval = window.to_cells(points[:, list(FACE_OVAL)])
        inner = (depth_inside(self._centres, oval) + _OUTLINE - round(BORDER * SIZE) + 0.5).clamp(0, 1)
        return blur(inner[:, None], self._soft)[:, 0]


def depth_inside(places: Tensor, polygons: Tensor) -> Tensor:  # [h, w, 2], [B, N, 2] -> [B, h, w]
    """Distance of positions from the outline of closed polygons; negative outside."""
    nearest = places.new_full((len(polygons), *places.shape[:2]), torch.inf)
    inside = torch.zeros_like(nearest, dtype=torch.bool)
    for k in range(polygons.shape[1]):
        start = polygons[:, k, None, None]
        along = polygons[:, (k + 1) % polygons.shape[1], None, None] - start
        offset = places - start
        share = ((offset * along).sum(-1) / (along * along).sum(-1).clamp_min(1e-9)).clamp(0, 1)
        nearest = torch.minimum(nearest, (offset - share[..., None] * along).norm(dim=-1))
        # A ray to the right crosses the edge.
        across = (offset[..., 1] >= 0) != (offset[..., 1] >= along[..., 1])
        right = offset[..., 0] < along[..., 0] * offset[..., 1] / torch.where(along[..., 1] == 0, 1, along[..., 1])
        inside ^= across & right
    return torch.where(inside, nearest, -nearest)
