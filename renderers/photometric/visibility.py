"""What each pixel of a crop shows of the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.camera import Camera
from renderers.photometric.face_region import FaceRegion
from renderers.raster.rasterizer import Rasterizer


@dataclass(frozen=True)
class Visible:
    """face_index: [H, W] int64 rows of `FaceRegion.triangles`, -1 where something else is seen; barycentric: [H, W, 3]
    float64."""

    face_index: NDArray[np.int64]
    barycentric: NDArray[np.float64]


class VisibleFace:
    """Finds the face's triangles in pictures; the whole head takes part, because it can hide the face.

    Args:
        rasterizer: as `renderers.raster.rasterizer.get_rasterizer` gives it.
        triangles: [F, 3] of the model.
        region: of the model.
        device: where the rasterizer works.
    """

    def __init__(self, rasterizer: Rasterizer, triangles: Tensor, region: FaceRegion, device: torch.device) -> None:
        self._rasterizer, self._device = rasterizer, device
        self._triangles = triangles.to(device)
        self._local = np.full(len(triangles) + 1, -1)  # the last one is for pixels without a triangle
        self._local[region.triangle_ids[region.seen]] = np.flatnonzero(region.seen)

    def __call__(self, camera_points: Tensor, camera: Camera) -> Visible:  # [V, 3] mm, camera frame
        """Rasterize the head at these positions."""
        pixels = torch.cat([camera.project(camera_points), camera_points[:, 2:]], 1).to(self._device)
        width, height = camera.image_size
        fragments = self._rasterizer.rasterize(pixels[None], self._triangles, (height, width))
        index = fragments.pix_to_face[0].cpu().numpy()
        return Visible(self._local[index], fragments.barycentric[0].double().cpu().numpy())
