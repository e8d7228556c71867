"""A fit to look at: the source beside itself with the fitted head over it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from face3d.camera import head_to_camera
from face3d.landmark_sets import INNER_LIPS, LEFT_EYE, LEFT_IRIS, OUTER_LIPS, RIGHT_EYE, RIGHT_IRIS
from face3d.morphable_model import personal_model
from face3d.parameters import FaceParameters
from renderers.overlay import HeadOverlay, OverlayStyle

RGB = NDArray[np.uint8]  # [H, W, 3]

# Longer side of each of a video's two pictures: small videos are enlarged to show the mesh, large ones need not be.
SMALLEST_PANEL, LARGEST_PANEL = 640, 960
_MEASURED = OverlayStyle()
_INTERPOLATED = replace(_MEASURED, colour=(255, 190, 90))
_LINE, _AMBER, _RED = (120, 255, 240), (255, 190, 90), (255, 90, 80)
_CONTOURS = (OUTER_LIPS, INNER_LIPS, LEFT_EYE, RIGHT_EYE, LEFT_IRIS[1:], RIGHT_IRIS[1:])
_SUBPIXEL_BITS = 4
_BLOCK = 16  # frames whose meshes are made at once


def panel_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of one of the two pictures for a video of `size`, even as H.264 wants it."""
    factor = min(max(max(size), SMALLEST_PANEL), LARGEST_PANEL) / max(size)
    width, height = (max(2, 2 * round(n * factor / 2)) for n in size)
    return width, height


def draw_fit(image: RGB, parameters: FaceParameters) -> RGB:  # [H, W, 3] -> [H, W, 3]
    """A picture with the head of `parameters` (its first frame) over it."""
    _, drawn = next(_heads([image], parameters))
    return drawn


def overlay_frames(
    frames: Iterable[RGB],  # [H, W, 3] each
    parameters: FaceParameters,
    nme: NDArray[np.float32],  # [T]
) -> Iterator[RGB]:  # [h, 2 w, 3] each
    """The pictures of an overlay video: on the left the source, on the right the head over it, with a caption.

    Measured frames are drawn blue, interpolated ones amber; where there is no face nothing is drawn.

    Args:
        frames: the video's, at least as many as `parameters` has.
        parameters: of the video.
        nme: mean landmark error of each frame, as a fraction; NaN where there is none.
    """
    width, height = panel_size(parameters.camera.image_size)
    shrinks = width < parameters.camera.image_size[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    panels = (np.asarray(cv2.resize(f, (width, height), interpolation=how), np.uint8) for f in frames)
    for index, (source, head) in enumerate(_heads(panels, parameters)):
        _caption(head, index / parameters.fps, float(parameters.confidence[index]), float(nme[index]))
        yield np.concatenate([source, head], 1)


def _heads(images: Iterable[RGB], parameters: FaceParameters) -> Iterator[tuple[RGB, RGB]]:
    """Each picture, and with its frame's head over it, as far as there are parameters."""
    model = personal_model(parameters)
    overlay = HeadOverlay(model)
    images = iter(images)
    for start in range(0, len(parameters), _BLOCK):
        part = parameters.frames(start, start + _BLOCK)
        meshes = model.vertices(part.identity, part.expression, part.eye_rotation)
        placed = head_to_camera(meshes, part.rotation, part.translation)
        contours = part.camera.project(model.landmarks478.of(placed)).numpy()
        for index in range(len(part)):
            image = next(images, None)
            if image is None:
                return
            confidence = float(part.confidence[index])
            if confidence == 0:
                yield image, image.copy()
                continue
            style = _MEASURED if confidence == 1 else _INTERPOLATED
            head = overlay.draw(image, placed[index].numpy(), part.camera, style)
            scale = np.array(image.shape[1::-1]) / part.camera.image_size
            _draw_contours(head, contours[index] * scale)
            yield image, head


def _draw_contours(image: RGB, points: NDArray[np.float64]) -> None:  # [478, 2] px
    """Lips, lids and irises as fine lines."""
    if not np.isfinite(points).all() or np.abs(points).max() > 1e5:
        return
    size = float(np.ptp(points, axis=0).max())
    lines = image.copy()
    for contour in _CONTOURS:
        corners = points[list(contour)]
        if len(contour) == 4:
            corners = _circle(corners)
        fixed = np.round((corners - 0.5) * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.polylines(lines, [fixed], True, _LINE, max(1, round(size / 400)), cv2.LINE_AA, _SUBPIXEL_BITS)
    low = np.clip(points.min(0).astype(int) - 4, 0, None)
    high = points.max(0).astype(int) + 5
    window = np.s_[low[1] : max(high[1], 0), low[0] : max(high[0], 0)]
    if image[window].size:
        image[window] = cv2.addWeighted(image[window], 0.35, lines[window], 0.65, 0)


def _circle(points: NDArray[np.float64]) -> NDArray[np.float64]:  # [4, 2] -> [24, 2]
    """The ellipse through an iris's four points."""
    centre = points.mean(0)
    along, across = (points[0] - points[2]) / 2, (points[1] - points[3]) / 2
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    return centre + np.cos(angles) * along + np.sin(angles) * across


def _caption(image: RGB, time: float, confidence: float, nme: float) -> None:
    """Time, landmark error and state in the upper left corner."""
    state, colour = f"error {100 * nme:.2f} %", (255, 255, 255)
    if confidence == 0:
        state, colour = "no face", _RED
    elif confidence < 1:
        state, colour = "interpolated", _AMBER
    size = max(12, image.shape[0] // 32)
    font, corner = ImageFont.load_default(size), (size // 2, size // 2)
    strip = Image.fromarray(image[: 2 * size + 4])
    draw = ImageDraw.Draw(strip)
    text = f"{int(time // 60)}:{time % 60:05.2f}   {state}"
    draw.text((corner[0] + 1, corner[1] + 1), text, fill=(0, 0, 0), font=font)
    draw.text(corner, text, fill=colour, font=font)
    image[: 2 * size + 4] = np.asarray(strip)
