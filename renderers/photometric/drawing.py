"""Refined faces as pictures, to look at."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.camera import head_to_camera
from face3d.model.morphable_model import MorphableModel, load_default_model
from face3d.model.personal_shapes import personal_model
from face3d.parameters import FaceParameters
from renderers.photometric.colour import to_srgb
from renderers.photometric.face_region import seen_triangles
from renderers.raster.numba_rasterizer import rasterize_arrays
from renderers.raster.shading import sh_shading, vertex_normals


def draw_refined(
    parameters: FaceParameters,
    picture: NDArray[np.uint8] | None = None,
    frame: int = 0,
    model: MorphableModel | None = None,
    textured: bool = True,
) -> NDArray[np.uint8]:
    """The refined face of one frame, in its light.

    Args:
        parameters: with `texture` and `light`.
        picture: [H, W, 3] of the camera's size to draw over; the rest is black when not given.
        frame: which frame.
        model: the face model; the default one when not given.
        textured: False draws an evenly grey face: the shade alone.

    Raises:
        ValueError: no texture or light, or a picture of another size.
    """
    if parameters.texture is None or parameters.light is None:
        raise ValueError("These parameters have no texture and light: refine them first.")
    width, height = parameters.camera.image_size
    if picture is not None and picture.shape != (height, width, 3):
        raise ValueError(f"The picture has the shape {picture.shape}, the camera makes {(height, width, 3)}")
    person = personal_model(parameters, model or load_default_model())
    head = person.vertices(parameters.identity, parameters.expression[frame], parameters.eye_rotation[frame])
    camera = head_to_camera(head, parameters.rotation[frame], parameters.translation[frame])
    projected = torch.cat([parameters.camera.project(camera), camera[:, 2:]], 1)
    shown = rasterize_arrays(projected.numpy(), person.triangles.numpy().astype(np.int32), height, width)
    face = np.append(seen_triangles(person), False)[shown.face_index]  # the last one is for pixels without a triangle
    triangle = torch.from_numpy(shown.face_index[face]).long()
    weights = torch.from_numpy(shown.barycentric[face])[..., None]
    normals = (vertex_normals(camera, person.triangles)[person.triangles[triangle]] * weights).sum(1)
    colour = sh_shading(torch.nn.functional.normalize(normals, dim=-1), parameters.light).clamp_min(0)
    if textured:
        texels = (person.uv[person.uv_triangles[triangle]] * weights).sum(1)
        colour = colour * sample_texture(parameters.texture, texels)
    else:
        colour = 0.5 * colour
    result = np.zeros((height, width, 3), np.uint8) if picture is None else picture.copy()
    result[face] = to_srgb(colour.numpy())
    return result


def sample_texture(texture: Tensor, uv: Tensor) -> Tensor:  # [S, S, C], [..., 2] -> [..., C]
    """Bilinear look-up; v points up, texel centres at half-integers, the border continued. Differentiable."""
    size = texture.shape[0]
    x = (uv[..., 0] * size - 0.5).clamp(0, size - 1)
    y = ((1 - uv[..., 1]) * size - 0.5).clamp(0, size - 1)
    left, top = x.floor().long().clamp_max(size - 2), y.floor().long().clamp_max(size - 2)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = texture[top, left] * (1 - across) + texture[top, left + 1] * across
    lower = texture[top + 1, left] * (1 - across) + texture[top + 1, left + 1] * across
    return upper * (1 - down) + lower * down
