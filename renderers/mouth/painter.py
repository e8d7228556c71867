"""The mouth's inside of one photo, painted over each frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from face3d.model.landmark_sets import INNER_LIPS, OUTER_LIPS
from renderers.head.driven_mesh import DrivenFrame, DrivenMesh
from renderers.head.skin_kernels import affine_maps
from renderers.mouth.anatomy import MouthAnatomy
from renderers.mouth.canvas import Canvas, OwnMouth, Palette
from renderers.mouth.dental_arch import LOWER_WIDTHS, UPPER_WIDTHS, tooth_edges
from renderers.mouth.kernels import finish, lay_over, paint
from renderers.mouth.network import MouthNetwork, load_network
from renderers.mouth.own import no_own_mouth, own_mouth
from renderers.mouth.planes import MouthContext, mouth_planes
from renderers.mouth.scene import MouthScene, view_mouth
from renderers.mouth.window import CELLS_PER_MM, WIDTH
from renderers.photo.edge_blur import edge_blur
from renderers.photo.layers import PhotoLayers, luminance, polygon_mask

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# A painted edge's own blur, px, from the canvas' pixels and their way into the crop.
_OWN_BLUR_PX = 0.4
# Coverage from which on a pixel lies behind the rim.
RIM = 0.6
# Samples per pixel and axis of the crop, and the canvas' limits in pixels per cell.
_SAMPLES = 1.0
_SCALES = (2, 6)


@dataclass(frozen=True, eq=False)
class MouthState:
    """What is kept of a photo.

    Attributes:
        anatomy: the mesh that is painted.
        network: corrects what is painted.
        palette: the photo's colours.
        context: what the network knows of them.
        origin: [2] px, the crop's corner in the photo.
        focal: px, the camera's.
        scale: canvas pixels per cell of the window.
        blur: the photo's softness, canvas pixels.
        source: [V', 2] canvas pixels, where the photo's own mouth shows the vertices.
        own: the photo's own mouth.
    """

    anatomy: MouthAnatomy
    network: MouthNetwork
    palette: Palette
    context: MouthContext
    origin: FloatArray
    focal: float
    scale: int
    blur: float
    source: FloatArray
    own: OwnMouth


class MouthPainter:
    """Paints what open lips show.

    Args:
        photo: [h, w, 3] uint8 RGB, the photo's crop.
        mesh: the head mesh tied to the photo.
        landmarks: [478, 2] px in the crop.
        origin: [2] the crop's corner in the photo, px.
        layers: the photo's layers.
        keep_own: show the photo's own mouth where it can be seen; training hides it.
        network: the trained one when not given.

    Attributes:
        state: what is painted, by this or by `renderers.batched.mouth`.
    """

    def __init__(
        self,
        photo: Image,
        mesh: DrivenMesh,
        landmarks: FloatArray,
        origin: FloatArray,
        layers: PhotoLayers,
        keep_own: bool = True,
        network: MouthNetwork | None = None,
    ) -> None:
        anatomy, focal, undriven = MouthAnatomy.of(mesh.model), mesh.camera.focal_px, mesh.undriven()
        px_per_mm = focal / anatomy.lip_distance(undriven)
        low, high = _SCALES
        scale = min(high, max(low, math.ceil(_SAMPLES * px_per_mm / CELLS_PER_MM)))
        palette = mouth_palette(photo, landmarks, layers)
        softness = max(0.0, edge_blur(photo, landmarks) ** 2 - _OWN_BLUR_PX**2) ** 0.5
        self.state = MouthState(
            anatomy,
            network or load_network(),
            palette,
            MouthContext.of(_skin_colour(photo, layers), palette, float(luminance(layers.teeth_rgb))),
            origin,
            focal,
            scale,
            softness * CELLS_PER_MM * scale / px_per_mm,
            np.zeros((len(anatomy.vertices), 2), np.float32),
            no_own_mouth(),
        )
        scene = self.view(undriven, landmarks)
        if scene is not None and keep_own:
            self.state = replace(self.state, source=scene.vertices[:, :2].copy())
            own = own_mouth(photo, scene, self.paint(scene), layers.teeth_rgb)
            self.state = replace(self.state, own=own)

    def draw(self, crop: Image, frame: DrivenFrame, points: FloatArray) -> None:
        """Paint the inside over the crop, in place; `points` [478, 2] are this frame's landmarks in it, px."""
        scene = self.view(frame, points)
        if scene is None:
            return
        canvas = self.paint(scene)
        colours = np.zeros((*scene.cover.shape, 4), np.float32)
        finish(canvas, scene.rows, self._fields(scene, canvas), self.state.context.white, colours)
        self._soften(colours, canvas, scene.rows)
        _blend(crop, colours, scene, 3 * self.state.blur)

    def _soften(self, colours: FloatArray, canvas: Canvas, rows: tuple[int, int]) -> None:
        """Make what is painted as soft as the photo, in place; the photo's own mouth is already."""
        if self.state.blur <= 0:
            return
        reach = math.ceil(3 * self.state.blur)
        part = slice(max(0, rows[0] - reach), min(len(colours), rows[1] + reach))
        soft = cv2.GaussianBlur(colours[part], (0, 0), self.state.blur, borderType=cv2.BORDER_CONSTANT)
        if self.state.own.any:
            # The photo's own mouth is soft already, but for its new rim.
            inside = np.clip((soft[..., 3] - RIM) / (1 - RIM), 0, 1) * canvas.shown[part]
            soft += inside[..., None] * (colours[part] - soft)
        colours[part] = soft

    def planes(self, scene: MouthScene) -> FloatArray:
        """[PLANES, HEIGHT, WIDTH] what the network sees of a frame."""
        return mouth_planes(self.paint(scene), scene.rows, self.state.context.white, self.state.scale)

    def _fields(self, scene: MouthScene, canvas: Canvas) -> FloatArray:
        """[h, w, FIELDS] the network's answer."""
        planes = mouth_planes(canvas, scene.rows, self.state.context.white, 2 * self.state.scale)
        with torch.inference_mode():
            context = torch.from_numpy(self.state.context.colours)
            fields = self.state.network.fields(torch.from_numpy(planes)[None], context[None])[0]
        return np.ascontiguousarray(fields.permute(1, 2, 0).numpy())

    def view(self, frame: DrivenFrame, points: FloatArray) -> MouthScene | None:
        """The frame's look into the mouth; None when it is shut."""
        inside = frame.pixels[self.state.anatomy.vertices, :2] - self.state.origin
        return view_mouth(self.state.anatomy, frame, inside, points, self.state.focal, self.state.scale)

    def paint(self, scene: MouthScene) -> Canvas:
        """The frame's mouth before the network."""
        values = np.concatenate([self.state.source, scene.attributes], 1)
        maps = affine_maps(np.ascontiguousarray(scene.vertices[:, :2]), self.state.anatomy.triangles, values)
        canvas = Canvas.empty(*scene.cover.shape)
        paint(
            scene.face_index,
            scene.rows,
            self.state.anatomy.kinds,
            maps,
            scene.cover,
            scene.levels,
            self.state.scale,
            CELLS_PER_MM,
            self.state.palette,
            self.state.own,
            self._skull_map(scene),
            canvas,
        )
        return canvas

    def _skull_map(self, scene: MouthScene) -> FloatArray:
        """[2, 3] canvas pixels to the own mouth's canvas, the affine map that fits the front upper teeth best."""
        if not self.state.own.any:
            return np.zeros((2, 3), np.float32)
        teeth = self.state.anatomy.front_teeth
        here = np.concatenate([scene.vertices[teeth, :2], np.ones((len(teeth), 1), np.float32)], 1)
        return np.asarray(np.linalg.lstsq(here, self.state.source[teeth], rcond=None)[0].T, np.float32)


def mouth_palette(photo: Image, landmarks: FloatArray, layers: PhotoLayers) -> Palette:
    """Colours of the mouth in the photo's light; `landmarks` [478, 2] px in the crop."""
    teeth = layers.teeth_rgb.astype(np.float32)
    level = float(luminance(teeth))

    def tinted(red: float, green: float, blue: float) -> FloatArray:
        return np.array([red, green, blue], np.float32) * np.float32(level)

    shape = photo.shape[:2]
    lips = polygon_mask(shape, landmarks[list(OUTER_LIPS)]) & ~polygon_mask(shape, landmarks[list(INNER_LIPS)], 1)
    lip_rgb = np.median(layers.skin[lips], axis=0).astype(np.float32) if lips.any() else tinted(0.6, 0.35, 0.33)
    return Palette(
        teeth=teeth,
        gums=teeth * np.array([0.70, 0.44, 0.46], np.float32),
        tongue=teeth * np.array([0.78, 0.46, 0.48], np.float32),
        cavity=teeth * np.array([0.42, 0.20, 0.20], np.float32),
        lips=lip_rgb,
        upper_gaps=tooth_edges(UPPER_WIDTHS),
        lower_gaps=tooth_edges(LOWER_WIDTHS),
    )


def _skin_colour(photo: Image, layers: PhotoLayers) -> FloatArray:
    return np.asarray(np.median(photo[layers.face_mask > 0.5], axis=0), np.float32)


def _blend(crop: Image, colours: FloatArray, scene: MouthScene, margin: float) -> None:
    """Put premultiplied canvas `colours` [H, W, 4] over the crop in place; they end `margin` rows past the opening."""
    window, scale = scene.window, scene.scale
    step = window.px_per_mm / CELLS_PER_MM / scale
    # A linear filter would skip canvas pixels.
    factor = max(1, math.ceil(0.5 / step))
    first = max(0, math.floor(scene.rows[0] - margin)) // factor * factor
    last = min(len(colours), -(-math.ceil(scene.rows[1] + margin) // factor) * factor)
    corners = np.array([[x, row / scale] for row in (first, last) for x in (0, WIDTH)], np.float32)
    corners = window.to_crop(corners)
    low = np.maximum(np.floor(corners.min(0)) - 1, 0).astype(int)
    high = np.minimum(np.ceil(corners.max(0)) + 1, (crop.shape[1], crop.shape[0])).astype(int)
    if (high <= low).any():
        return
    part = colours[first:last]
    if factor > 1:
        part = np.asarray(cv2.resize(part, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA))
    matrix = window.matrix * np.float32(scale / factor)
    matrix[:, 2] += matrix[:, :2] @ low.astype(np.float32) - np.array([0, first / factor], np.float32)
    lay_over(crop[low[1] : high[1], low[0] : high[0]], part, matrix)
