"""A fitted head drawn over its picture: half transparent and shaded, with the mesh's own edges as fine lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.camera import Camera
from face3d.compiled import kernel
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from renderers.raster.numba_rasterizer import FragmentArrays, rasterize_arrays
from renderers.raster.shading import vertex_normals_arrays

# The face is where the landmarks are; from there to the back of the head the drawing fades away.
_FACE_MM, _FADED_MM = 12.0, 45.0
# Edges nearer to each other than this many pixels of the result are left out, twice as far ones are drawn in full.
_DENSEST_PX = 3.0


@dataclass(frozen=True)
class OverlayStyle:
    """How an overlay looks.

    Attributes:
        colour: RGB of the surface in full light.
        line: RGB of the edges.
        opacity: 0..1 of the surface over the face.
        line_opacity: 0..1 of the edges.
        line_px: width of the edges.
        towards_light: [3] in the camera frame, any length.
        ambient: 0..1, brightness where the light does not reach.
    """

    colour: tuple[int, int, int] = (150, 205, 255)
    line: tuple[int, int, int] = (255, 255, 255)
    opacity: float = 0.55
    line_opacity: float = 0.45
    line_px: float = 0.8
    towards_light: tuple[float, float, float] = (-0.4, -0.6, -1.0)
    ambient: float = 0.15


class HeadOverlay:
    """Draws one model's head over pictures.

    Args:
        model: whose mesh is drawn.
    """

    def __init__(self, model: MorphableModel) -> None:
        hidden = (int(Part.LASHES), int(Part.EYE_SOCKET), int(Part.INNER_MOUTH))
        parts = model.triangle_parts.numpy()
        kept = ~np.isin(parts, hidden)
        triangles = model.triangles.numpy().astype(np.int32)
        self._triangles = np.ascontiguousarray(triangles[kept])
        self._edges = np.ascontiguousarray(_real_edges(triangles)[kept])
        self._weights = _face_weights(model)
        # The eyes themselves stay to be seen: whether the lids fit is what one looks for.
        self._weights[model.part_vertices(Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL).numpy()] = 0
        self._buffers: FragmentArrays | None = None

    def draw(
        self,
        picture: NDArray[np.uint8],  # [H, W, 3] RGB
        vertices: NDArray[np.float32],  # [V, 3] mm, camera frame
        camera: Camera,
        style: OverlayStyle | None = None,
    ) -> NDArray[np.uint8]:  # [H, W, 3]
        """The picture with the head over it; a head outside the picture or behind the camera changes nothing.

        Args:
            picture: of any size; the camera is scaled to it.
            vertices: as `face3d.camera.head_to_camera` gives them.
            camera: of the picture in which the head was fitted.
            style: see `OverlayStyle`.
        """
        style = style or OverlayStyle()
        height, width = picture.shape[:2]
        points = np.ascontiguousarray(vertices, np.float32)
        projected = _project(points, camera, width / camera.image_size[0], height / camera.image_size[1])
        window = _window(projected, width, height)
        result = picture.copy()
        if window is None:
            return result
        left, top, right, bottom = window
        projected[:, :2] -= (left, top)
        size = (bottom - top, right - left)
        if self._buffers is None or self._buffers.face_index.shape != size:
            self._buffers = FragmentArrays.empty(*size)
        fragments = rasterize_arrays(projected, self._triangles, *size, self._buffers)
        light = np.array(style.towards_light)
        _paint(
            fragments.face_index,
            fragments.barycentric,
            self._triangles,
            vertex_normals_arrays(points, self._triangles),
            self._weights,
            _heights(projected, self._triangles),
            self._edges,
            np.array([style.colour, style.line], np.float32),
            (style.opacity, style.line_opacity, style.ambient, style.line_px / 2),
            light / np.linalg.norm(light),
            result[top:bottom, left:right],
        )
        return result


def _real_edges(triangles: NDArray[np.int32]) -> NDArray[np.bool_]:  # [F, 3] -> [F, 3]
    """Whether to draw the edge opposite to each corner: not the diagonals of a mesh of quadrilaterals.

    Such a mesh has its quadrilaterals as pairs of neighbouring rows; in any other every edge is real.
    """
    real = np.ones(triangles.shape, bool)
    if len(triangles) % 2:
        return real
    pairs = triangles.reshape(-1, 2, 3)
    shared = (pairs[:, :, :, None] == pairs[:, ::-1, None, :]).any(-1)  # whether the other triangle has the corner
    if (shared.sum(-1) == 2).all():
        real = shared.reshape(-1, 3)
    return real


def _face_weights(model: MorphableModel) -> NDArray[np.float32]:  # [V]
    """1 at the landmarks, falling to 0 away from them."""
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(model.landmarks478.of(model.mean).numpy()).query(model.mean.numpy())
    x = np.clip((distance - _FACE_MM) / (_FADED_MM - _FACE_MM), 0, 1)
    return (1 - x * x * (3 - 2 * x)).astype(np.float32)


def _project(points: NDArray[np.float32], camera: Camera, x_scale: float, y_scale: float) -> NDArray[np.float32]:
    projected = points.copy()
    # A vertex at or behind the camera gives no pixel; the rasterizer drops its triangles.
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = points[:, :2] / points[:, 2:] * camera.focal_px + np.array(camera.principal_point_px, np.float32)
    projected[:, :2] = pixels * np.array([x_scale, y_scale], np.float32)
    return projected


def _window(projected: NDArray[np.float32], width: int, height: int) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of the head within the picture; None where it is not in it."""
    visible = projected[(projected[:, 2] > 0) & np.isfinite(projected[:, :2]).all(1), :2]
    if not len(visible):
        return None
    limits = (width, height)
    low = np.clip(np.floor(visible.min(0)) - 1, 0, limits).astype(int)
    high = np.clip(np.ceil(visible.max(0)) + 1, 0, limits).astype(int)
    return (int(low[0]), int(low[1]), int(high[0]), int(high[1])) if (high > low).all() else None


@kernel
def _heights(projected, triangles):  # type: ignore[no-untyped-def]
    """[F, 3] distance in pixels of each corner from the opposite edge."""
    heights = np.empty(triangles.shape, np.float32)
    for f in range(len(triangles)):
        a, b, c = projected[triangles[f, 0]], projected[triangles[f, 1]], projected[triangles[f, 2]]
        area = abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
        heights[f, 0] = area / max(np.hypot(c[0] - b[0], c[1] - b[1]), 1e-6)
        heights[f, 1] = area / max(np.hypot(a[0] - c[0], a[1] - c[1]), 1e-6)
        heights[f, 2] = area / max(np.hypot(b[0] - a[0], b[1] - a[1]), 1e-6)
    return heights


@kernel
def _paint(  # type: ignore[no-untyped-def]
    face_index, barycentric, triangles, normals, weights, heights, edges, colours, numbers, light, picture
):
    """Blend the surface and its edges into the pixels that the head covers."""
    opacity, line_opacity, ambient, half_width = numbers
    rows, columns = face_index.shape
    for row in range(rows):
        for column in range(columns):
            f = face_index[row, column]
            if f < 0:
                continue
            w = barycentric[row, column]
            nx, ny, nz, face = 0.0, 0.0, 0.0, 0.0
            for k in range(3):
                v = triangles[f, k]
                nx += w[k] * normals[v, 0]
                ny += w[k] * normals[v, 1]
                nz += w[k] * normals[v, 2]
                face += w[k] * weights[v]
            cosine = (nx * light[0] + ny * light[1] + nz * light[2]) / max(np.sqrt(nx * nx + ny * ny + nz * nz), 1e-6)
            brightness = ambient + (1 - ambient) * max(cosine, 0.0)
            line = 0.0
            for k in range(3):
                if edges[f, k]:
                    cover = min(max(half_width + 0.5 - w[k] * heights[f, k], 0.0), 1.0)
                    fade = min(max(heights[f, k] / _DENSEST_PX - 1.0, 0.0), 1.0)
                    line = max(line, cover * fade)
            line *= line_opacity * face
            alpha = opacity * face
            for k in range(3):
                surface = (1 - alpha) * picture[row, column, k] + alpha * brightness * colours[0, k]
                picture[row, column, k] = np.uint8((1 - line) * surface + line * colours[1, k] + 0.5)
