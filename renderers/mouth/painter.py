"""The mouth's inside of one photo, painted over each frame."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.landmark_sets import INNER_LIPS, OUTER_LIPS
from renderers.driven_mesh import DrivenFrame, DrivenMesh
from renderers.mouth.anatomy import MouthAnatomy
from renderers.mouth.kernels import MATERIALS, Canvas, Palette, finish, paint
from renderers.mouth.own import no_own_mouth, own_mouth
from renderers.mouth.scene import MouthScene, view_mouth
from renderers.mouth.window import CELLS_PER_MM, HEIGHT, WIDTH, warp_matrix
from renderers.photo_kernels import affine_maps
from renderers.photo_layers import PhotoLayers, luminance, polygon_mask
from renderers.teeth import LOWER_WIDTHS, UPPER_WIDTHS, tooth_edges

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# Samples per pixel and axis of the crop, and the canvas' limits in pixels per cell.
_SAMPLES = 1.5
_SCALES = (2, 6)


class MouthPainter:
    """Paints what open lips show.

    Args:
        photo: [h, w, 3] uint8 RGB, the photo's crop.
        mesh: the head mesh tied to the photo.
        landmarks: [478, 2] px in the crop.
        origin: [2] the crop's corner in the photo, px.
        layers: the photo's layers.
    """

    def __init__(
        self, photo: Image, mesh: DrivenMesh, landmarks: FloatArray, origin: FloatArray, layers: PhotoLayers
    ) -> None:
        self._origin, self._focal = origin, mesh.camera.focal_px
        self._anatomy = MouthAnatomy(mesh.model)
        undriven = mesh.undriven()
        px_per_mm = self._focal / self._anatomy.lip_distance(undriven)
        low, high = _SCALES
        self._scale = min(high, max(low, math.ceil(_SAMPLES * px_per_mm / CELLS_PER_MM)))
        self._palette = mouth_palette(photo, landmarks, layers)
        self._white = float(luminance(layers.teeth_rgb))
        self._source = np.zeros((len(self._anatomy.vertices), 2), np.float32)
        self._own = no_own_mouth()
        scene = self._view(undriven, landmarks)
        if scene is not None:
            self._source = scene.vertices[:, :2].copy()
            self._own = own_mouth(photo, scene, self._paint(scene), layers.teeth_rgb)

    def draw(self, crop: Image, frame: DrivenFrame, points: FloatArray) -> None:
        """Paint the inside over the crop, in place; `points` [478, 2] are this frame's landmarks in it, px."""
        scene = self._view(frame, points)
        if scene is None:
            return
        canvas = self._paint(scene)
        colours = np.zeros((*scene.cover.shape, 4), np.float32)
        finish(canvas, scene.rows, self._fields(scene, canvas, crop), self._white, colours)
        _blend(crop, colours, scene)

    def _fields(self, scene: MouthScene, canvas: Canvas, crop: Image) -> FloatArray:
        return np.zeros((HEIGHT // 2, WIDTH // 2, 6 * MATERIALS), np.float32)

    def _view(self, frame: DrivenFrame, points: FloatArray) -> MouthScene | None:
        inside = frame.pixels[self._anatomy.vertices, :2] - self._origin
        return view_mouth(self._anatomy, frame, inside, points, self._focal, self._scale)

    def _paint(self, scene: MouthScene) -> Canvas:
        values = np.concatenate([self._source, scene.attributes], 1)
        maps = affine_maps(np.ascontiguousarray(scene.vertices[:, :2]), self._anatomy.triangles, values)
        canvas = Canvas.empty(*scene.cover.shape)
        paint(
            scene.face_index,
            scene.rows,
            self._anatomy.kinds,
            maps,
            scene.cover,
            scene.levels,
            self._scale,
            CELLS_PER_MM,
            self._palette,
            self._own,
            canvas,
        )
        return canvas


def mouth_palette(photo: Image, landmarks: FloatArray, layers: PhotoLayers) -> Palette:
    """Colours of the mouth in the photo's light; `landmarks` [478, 2] px in the crop."""
    teeth = layers.teeth_rgb
    level = float(luminance(teeth))

    def tinted(red: float, green: float, blue: float) -> FloatArray:
        return np.array([red, green, blue], np.float32) * np.float32(level)

    shape = photo.shape[:2]
    lips = polygon_mask(shape, landmarks[list(OUTER_LIPS)]) & ~polygon_mask(shape, landmarks[list(INNER_LIPS)], 1)
    lip_rgb = np.median(layers.skin[lips], axis=0).astype(np.float32) if lips.any() else tinted(0.6, 0.35, 0.33)
    return Palette(
        teeth=teeth.astype(np.float32),
        gums=tinted(0.72, 0.40, 0.38),
        tongue=tinted(0.70, 0.36, 0.34),
        cavity=tinted(0.30, 0.11, 0.10),
        lips=lip_rgb,
        upper_gaps=tooth_edges(UPPER_WIDTHS),
        lower_gaps=tooth_edges(LOWER_WIDTHS),
    )


def _blend(crop: Image, colours: FloatArray, scene: MouthScene) -> None:
    """Put premultiplied canvas `colours` [H, W, 4] over the crop in place."""
    window, scale = scene.window, scene.scale
    step = window.px_per_mm / CELLS_PER_MM / scale
    if step < 0.5:
        # A linear filter would skip canvas pixels.
        factor = 1 / math.ceil(0.5 / step)
        colours = np.asarray(cv2.resize(colours, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
    per_cell = colours.shape[1] / WIDTH
    low_row, high_row = (row / scale for row in scene.rows)
    corners = np.array([[0, low_row], [WIDTH, low_row], [0, high_row], [WIDTH, high_row]], np.float32)
    corners = window.to_crop(corners)
    low = np.maximum(np.floor(corners.min(0)) - 1, 0).astype(int)
    high = np.minimum(np.ceil(corners.max(0)) + 1, (crop.shape[1], crop.shape[0])).astype(int)
    if (high <= low).any():
        return
    here = replace(window, matrix=window.matrix * np.float32(per_cell))
    matrix = here.matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ low.astype(np.float32)
    size = int(high[0] - low[0]), int(high[1] - low[1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(colours, warp_matrix(matrix), size, flags=flags, borderMode=cv2.BORDER_CONSTANT)
    part = crop[low[1] : high[1], low[0] : high[0]]
    part[:] = np.clip(part * (1 - moved[..., 3:]) + moved[..., :3] + 0.5, 0, 255).astype(np.uint8)
