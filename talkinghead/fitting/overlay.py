"""A fit to look at: the source beside itself with the fitted head over it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from face3d.camera import head_to_camera
from face3d.fit.photo_fit import project_landmarks
from face3d.model.landmark_sets import INNER_LIPS, LEFT_EYE, LEFT_IRIS, OUTER_LIPS, RIGHT_EYE, RIGHT_IRIS
from face3d.model.morphable_model import load_default_model
from face3d.model.personal_shapes import personal_model
from face3d.parameters import FaceParameters
from renderers.preview.overlay import HeadOverlay, OverlayStyle

RGB = NDArray[np.uint8]  # [H, W, 3]

# Longer side of each of a video's two pictures: small videos are enlarged to show the mesh, large ones need not be.
SMALLEST_PANEL, LARGEST_PANEL = 640, 960
_MEASURED = OverlayStyle()
_INTERPOLATED = replace(_MEASURED, colour=(255, 190, 90))
_LINE, _AMBER, _RED = (120, 255, 240), (255, 190, 90), (255, 90, 80)
_CONTOURS = (OUTER_LIPS, INNER_LIPS, LEFT_EYE, RIGHT_EYE, LEFT_IRIS[1:], RIGHT_IRIS[1:])
# Room to the left, above, to the right and below of where the landmarks are, in sizes of the face.
_ROOM = np.array([0.8, 0.8, 0.8, 0.6])
_NEARLY_ALL = 0.7  # of the picture's width and height: then all of it is shown
_SUBPIXEL_BITS = 4
_BLOCK = 16  # frames whose meshes are made at once


@dataclass(frozen=True)
class Layout:
    """What an overlay video shows.

    Attributes:
        window: (left, top, width, height) of the part of the source, pixels.
        panel: (width, height) of each of the two pictures that show it, even as H.264 wants it.
    """

    window: tuple[int, int, int, int]
    panel: tuple[int, int]

    @classmethod
    def of(cls, parameters: FaceParameters) -> Layout:
        """The part of the picture where the head is in the course of the video, with room around it."""
        width, height = parameters.camera.image_size
        box = _head_box(parameters)
        if box is None:
            window = (0, 0, width, height)
        else:
            low = np.clip(np.floor(box[:2]), 0, (width - 2, height - 2)).astype(int)
            high = np.clip(np.ceil(box[2:]), low + 2, (width, height)).astype(int)
            window = (int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
            if window[2] > _NEARLY_ALL * width and window[3] > _NEARLY_ALL * height:
                window = (0, 0, width, height)
        return cls(window, panel_size(window[2:]))


def panel_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of one of the two pictures that show a part of `size` pixels."""
    factor = min(max(max(size), SMALLEST_PANEL), LARGEST_PANEL) / max(size)
    width, height = (max(2, 2 * round(n * factor / 2)) for n in size)
    return width, height


def _head_box(parameters: FaceParameters) -> NDArray[np.float64] | None:
    """(left, top, right, bottom) of the landmarks in up to a hundred frames, widened; None where there is no face."""
    seen = torch.nonzero(parameters.confidence > 0)[:, 0]
    seen = seen[:: max(1, len(seen) // 100)]
    if not len(seen):
        return None
    fields = ("expression", "rotation", "translation", "eye_rotation", "confidence")
    arrays: dict[str, Any] = {name: getattr(parameters, name)[seen] for name in fields}
    points = project_landmarks(load_default_model(), replace(parameters, **arrays)).numpy().astype(np.float64)
    boxes = np.concatenate([points.min(1), points.max(1)], 1)
    # A few wild frames must not decide what all others show.
    low, high = np.percentile(boxes[:, :2], 2, axis=0), np.percentile(boxes[:, 2:], 98, axis=0)
    size = np.median(boxes[:, 2:] - boxes[:, :2])
    return np.concatenate([low - size * _ROOM[:2], high + size * _ROOM[2:]])


def draw_fit(image: RGB, parameters: FaceParameters) -> RGB:  # [H, W, 3] -> [H, W, 3]
    """A picture with the head of `parameters` (its first frame) over it."""
    _, drawn = next(_heads([image], parameters))
    return drawn


def draw_fits(images: Sequence[RGB], parameters: Sequence[FaceParameters]) -> RGB:
    """Several photos of one person with their heads, in a row, all as high as the lowest one."""
    drawn = [draw_fit(image, p) for image, p in zip(images, parameters, strict=True)]
    height = min(picture.shape[0] for picture in drawn)
    widths = [max(1, round(picture.shape[1] * height / picture.shape[0])) for picture in drawn]
    row = [cv2.resize(p, (w, height), interpolation=cv2.INTER_AREA) for p, w in zip(drawn, widths, strict=True)]
    return np.concatenate(row, 1).astype(np.uint8, copy=False)


def overlay_frames(
    frames: Iterable[RGB],  # [H, W, 3] each
    parameters: FaceParameters,
    nme: NDArray[np.float32],  # [T]
    layout: Layout,
) -> Iterator[RGB]:  # [h, 2 w, 3] each
    """The pictures of an overlay video: on the left the source, on the right the head over it, with a caption.

    Measured frames are drawn blue, interpolated ones amber; where there is no face nothing is drawn.

    Args:
        frames: the video's, at least as many as `parameters` has.
        parameters: of the video.
        nme: mean landmark error of each frame, as a fraction; NaN where there is none.
        layout: what to show.
    """
    left, top, width, height = layout.window
    how = cv2.INTER_AREA if layout.panel[0] < width else cv2.INTER_CUBIC
    parts = (frame[top : top + height, left : left + width] for frame in frames)
    panels = (np.asarray(cv2.resize(part, layout.panel, interpolation=how), np.uint8) for part in parts)
    parameters = replace(parameters, camera=parameters.camera.cropped(*layout.window))
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
        state, colour = "not seen", _RED
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
