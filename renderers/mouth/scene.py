"""One frame's view into the mouth: the window, the rim, the rasterized inside and the light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.model.landmark_sets import INNER_LIPS
from renderers.head.driven_mesh import DrivenFrame
from renderers.mouth.anatomy import MouthAnatomy
from renderers.mouth.kernels import BLURS_MM
from renderers.mouth.rim import Rim, coverage
from renderers.mouth.window import CELLS_PER_MM, HEIGHT, WIDTH, MouthWindow
from renderers.raster.numba_rasterizer import find_visible

FloatArray = NDArray[np.float32]

# Lips end softly over this many pixels of the photo.
SOFT_PX = 1.6
# Lower teeth rise by this share of the opening: fits ascribe to the jaw what lips do by themselves.
RISE = 0.08
# The light's grid: one of its cells is this many of the window's.
LIGHT_CELLS = 2


@dataclass(frozen=True)
class MouthScene:
    """What a frame shows through the lips, on a canvas of `scale` pixels per cell of the window.

    Attributes:
        window: where the canvas lies in the crop.
        scale: canvas pixels per cell.
        rim: the lips' inner edges.
        cover: [H, W] 0..1, the opening.
        rows: first and last + 1 row of the opening; equal when it is shut.
        vertices: [V', 3] the inside's vertices: canvas pixels, depth in mm.
        attributes: [V', ATTRIBUTES] see `MouthAnatomy`.
        face_index: [H, W] visible triangle, -1: none, or outside `rows`.
        levels: [3, h, w] the opening blurred by `BLURS_MM`.
    """

    window: MouthWindow
    scale: int
    rim: Rim
    cover: FloatArray
    rows: tuple[int, int]
    vertices: FloatArray
    attributes: FloatArray
    face_index: NDArray[np.int32]
    levels: FloatArray


def view_mouth(
    anatomy: MouthAnatomy,
    frame: DrivenFrame,
    inside: FloatArray,
    points: FloatArray,
    focal_px: float,
    scale: int,
) -> MouthScene | None:
    """Look into the mouth; None when it is shut.

    Args:
        anatomy: the inside's mesh.
        frame: the driven mesh.
        inside: [V', 2] px in the crop, the inside's vertices.
        points: [478, 2] px in the crop, the frame's landmarks.
        focal_px: the camera's.
        scale: canvas pixels per cell.
    """
    window = mouth_window(anatomy, frame, points, focal_px)
    cells = window.to_cells(points)
    rim = Rim.through(cells, scale)
    softness = max(1.0, SOFT_PX * CELLS_PER_MM * scale / window.px_per_mm)
    rows = rim.rows(softness, HEIGHT * scale)
    if rows[1] <= rows[0]:
        return None
    cover = coverage(rim, softness, scale, rows)
    inside_cells = window.to_cells(inside)
    depth = frame.camera[anatomy.vertices, 2:]
    vertices = np.concatenate([inside_cells * scale, depth], 1).astype(np.float32)
    vertices[anatomy.lower_teeth, 1] -= RISE * rim.gap.max()
    index = np.full(cover.shape, -1, np.int32)
    index[slice(*rows)] = find_visible(
        vertices - np.array([0, rows[0], 0], np.float32), anatomy.triangles, rows[1] - rows[0], cover.shape[1]
    )
    attributes = anatomy.attributes(frame, inside_cells, cells[list(INNER_LIPS)])
    return MouthScene(window, scale, rim, cover, rows, vertices, attributes, index, _light_levels(cover))


def mouth_window(anatomy: MouthAnatomy, frame: DrivenFrame, points: FloatArray, focal_px: float) -> MouthWindow:
    """The frame's window; millimetres are measured where the lips are."""
    return MouthWindow.around(points, focal_px / anatomy.lip_distance(frame))


def _light_levels(cover: FloatArray) -> FloatArray:
    size = WIDTH // LIGHT_CELLS, HEIGHT // LIGHT_CELLS
    small = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)
    per_mm = CELLS_PER_MM / LIGHT_CELLS
    return np.stack(
        [cv2.GaussianBlur(small, (0, 0), blur * per_mm, borderType=cv2.BORDER_CONSTANT) for blur in BLURS_MM]
    ).astype(np.float32)
