"""Plain shaded pictures of meshes: to look at models and fits, and for `render --mesh`."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from face3d.camera import Camera
from face3d.compiled import kernel
from face3d.model.parts import Part
from renderers.raster.numba_rasterizer import rasterize_arrays
from renderers.raster.shading import vertex_normals_arrays

SKIN = (214, 180, 168)
_IRIS, _PUPIL = (104, 84, 66), 18.0
_LIMBUS_MM, _PUPIL_MM = 5.9, 2.4
PART_COLOURS: dict[Part, tuple[int, int, int]] = {
    Part.LIPS: (196, 120, 116),
    Part.INNER_MOUTH: (140, 70, 70),
    Part.UPPER_TEETH: (240, 236, 226),
    Part.LOWER_TEETH: (240, 236, 226),
    Part.TONGUE: (205, 105, 105),
    Part.LEFT_EYEBALL: (240, 240, 240),
    Part.RIGHT_EYEBALL: (240, 240, 240),
    Part.LASHES: (60, 45, 40),
}


@dataclass(frozen=True)
class PreviewStyle:
    """How a preview looks.

    Attributes:
        colours: [P, 3] uint8, RGB for each part label 0..P-1.
        background: RGB, where no picture is given.
        towards_light: [3] in the camera frame, any length; the default comes from above the camera's left.
        ambient: 0..1, brightness where the light does not reach.
        opacity: 0..1 of the mesh over a background picture.
        supersampling: samples per pixel along x and along y, >= 1.
    """

    colours: NDArray[np.uint8]
    background: tuple[int, int, int] = (70, 74, 80)
    towards_light: tuple[float, float, float] = (-0.35, -0.5, -1.0)
    ambient: float = 0.25
    opacity: float = 1.0
    supersampling: int = 2


def default_style() -> PreviewStyle:
    """Grey-pink skin, white teeth and eyes."""
    return PreviewStyle(np.array([PART_COLOURS.get(part, SKIN) for part in sorted(Part)], np.uint8))


def render_shaded(
    vertices: Tensor | NDArray[np.float32],  # [V, 3] mm, camera frame
    triangles: Tensor | NDArray[np.integer],  # [F, 3]
    camera: Camera,
    parts: Tensor | NDArray[np.integer] | None = None,  # [F]
    style: PreviewStyle | None = None,
    picture: NDArray[np.uint8] | None = None,  # [H, W, 3]
    *,
    colours: NDArray[np.float32] | None = None,  # [V, 3]
    irises: NDArray[np.float32] | None = None,  # [V, 2]
    behind: NDArray[np.float32] | None = None,  # [V]
    opacities: NDArray[np.float32] | None = None,  # [V]
) -> NDArray[np.uint8]:  # [H, W, 3]
    """A matt mesh under one light, anti-aliased.

    Args:
        vertices: as `face3d.camera.head_to_camera` gives them.
        triangles: vertex indices, anti-clockwise from outside.
        camera: gives the picture's size too.
        parts: label of each triangle, an index into the style's colours; all 0 when not given.
        style: see `PreviewStyle`; `default_style()` when not given.
        picture: RGB of the camera's size to draw over (a fit's overlay); the style's plain background when not given.
        colours: RGB 0..255 of the vertices, instead of the parts' colours.
        irises: offsets from the iris' axis, mm; where they are small, iris and pupil are painted.
        behind: mm that vertices count as farther away than they are, when it is decided what hides what.
        opacities: 0..1 of the vertices before the background, besides the style's; 1 when not given.

    Raises:
        ValueError: a picture of another size than the camera's.
    """
    style = style or default_style()
    width, height = camera.image_size
    if picture is not None and picture.shape != (height, width, 3):
        raise ValueError(f"The picture has the shape {picture.shape}, the camera makes {(height, width, 3)}")
    points = np.ascontiguousarray(vertices, dtype=np.float32)
    faces = np.ascontiguousarray(triangles, dtype=np.int32)
    labels = np.zeros(len(faces), np.int64) if parts is None else np.asarray(parts)

    factor = style.supersampling
    projected = _project(points, camera, factor)
    if behind is not None:
        projected[:, 2] += behind
    fragments = rasterize_arrays(projected, faces, height * factor, width * factor)
    corners = style.colours[labels].astype(np.float32)[:, None].repeat(3, 1) if colours is None else colours[faces]
    offsets = np.full((len(points), 2), np.inf, np.float32) if irises is None else irises
    solid = np.ones(len(points), np.float32) if opacities is None else opacities
    light = np.array(style.towards_light)
    mesh = np.empty((height * factor, width * factor, 4), np.float32)
    _shade(
        fragments.face_index,
        fragments.barycentric,
        faces,
        vertex_normals_arrays(points, faces),
        corners,
        offsets,
        solid,
        light / np.linalg.norm(light),
        style.ambient,
        mesh,
    )
    mesh = cv2.resize(mesh, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    behind = np.array(style.background, np.float32) if picture is None else picture.astype(np.float32)
    blended = behind * (1 - style.opacity * mesh[..., 3:]) + style.opacity * mesh[..., :3]
    return np.clip(blended + 0.5, 0, 255).astype(np.uint8)


def _project(points: NDArray[np.float32], camera: Camera, factor: int) -> NDArray[np.float32]:
    """[V, 3]: pixel coordinates in a picture `factor` times as large, and depth."""
    projected = points.copy()
    principal = np.array(camera.principal_point_px, np.float32)
    # A vertex at or behind the camera gives no pixel; the rasterizer drops its triangles.
    with np.errstate(divide="ignore", invalid="ignore"):
        projected[:, :2] = points[:, :2] / points[:, 2:] * camera.focal_px + principal
    projected[:, :2] *= factor
    return projected


@kernel
def _shade(face_index, barycentric, triangles, normals, colours, irises, solid, light, ambient, out):  # type: ignore[no-untyped-def]
    """Premultiplied RGB (0..255) and coverage (0..1) of every pixel; both sides of a surface are lit alike."""
    height, width = face_index.shape
    for row in range(height):
        for column in range(width):
            f = face_index[row, column]
            pixel = out[row, column]
            if f < 0:
                pixel[:] = 0
                continue
            weights = barycentric[row, column]
            nx, ny, nz, ix, iy, opacity = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for k in range(3):
                normal = normals[triangles[f, k]]
                nx += weights[k] * normal[0]
                ny += weights[k] * normal[1]
                nz += weights[k] * normal[2]
                ix += weights[k] * irises[triangles[f, k], 0]
                iy += weights[k] * irises[triangles[f, k], 1]
                opacity += weights[k] * solid[triangles[f, k]]
            cosine = (nx * light[0] + ny * light[1] + nz * light[2]) / max(np.sqrt(nx * nx + ny * ny + nz * nz), 1e-6)
            if nz > 0:  # seen from behind
                cosine = -cosine
            brightness = ambient + (1 - ambient) * max(cosine, 0.0)
            radius = np.sqrt(ix * ix + iy * iy)  # not a number or infinite away from the irises
            for k in range(3):
                colour = colours[f, 0, k] * weights[0] + colours[f, 1, k] * weights[1] + colours[f, 2, k] * weights[2]
                if radius < _LIMBUS_MM:
                    colour = _PUPIL if radius < _PUPIL_MM else _IRIS[k] * (1.25 - 0.75 * (radius / _LIMBUS_MM) ** 4)
                pixel[k] = opacity * brightness * colour
            pixel[3] = opacity
