"""What the avatar takes from the photo: skin without holes, and the colour of teeth in its light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.model.landmark_sets import (
    FACE_OVAL,
    INNER_LIPS,
    LEFT_EYE,
    LEFT_IRIS,
    OUTER_LIPS,
    RIGHT_EYE,
    RIGHT_IRIS,
)

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class PhotoLayers:
    """Pictures of one crop of the photo, all [h, w].

    Attributes:
        skin: [h, w, 3] uint8, the photo with open mouth and eyes painted over from their rims.
        face_mask: [h, w] float32 0..1, where the mesh covers the photo; falls to 0 before the face's outline.
        teeth_rgb: [3] float32 0..255, colour of well-lit teeth in this photo's light.
    """

    skin: Image
    face_mask: FloatArray
    teeth_rgb: FloatArray


def face_height(landmarks: FloatArray) -> float:  # [478, 2] px
    """Distance from the hairline to the chin, px; sizes in this package are shares of it."""
    return float(np.linalg.norm(landmarks[152] - landmarks[10]))


def polygon_mask(shape: tuple[int, int], points: FloatArray, grow: float = 0.0) -> NDArray[np.bool_]:
    """Pixels inside the polygon, grown (or shrunk) by `grow` pixels."""
    radius = round(abs(grow))
    mask = np.zeros(shape, np.uint8)
    window = _window(points, radius + 2, shape)
    local = np.ascontiguousarray(mask[window])
    if not local.size:
        return mask.astype(bool)
    # Sub-pixel corners: OpenCV's pixel centres are integers, ours half-integers.
    corners = points - np.array((window[1].start, window[0].start), np.float32) - 0.5
    cv2.fillPoly(local, [np.round(corners * 16).astype(np.int32)], 1, shift=4)
    if radius:
        ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        local = np.asarray(cv2.dilate(local, ball) if grow > 0 else cv2.erode(local, ball), np.uint8)
    mask[window] = local
    return mask.astype(bool)


def continue_from(image: Image, known: NDArray[np.bool_], unknown: NDArray[np.bool_], soften: float) -> Image:
    """Fill `unknown` with the colour of the nearest `known` pixel, softened; the rest stays."""
    if not unknown.any() or not known.any():
        return image
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(known)
    order = np.zeros(labels.max() + 1, np.int64)
    order[labels[rows, columns]] = np.arange(len(rows))
    nearest = order[labels[unknown]]
    # Single rim pixels would draw rays: take colours from a slightly blurred picture of the known part only.
    size = max(0.6, soften)
    weight = cv2.GaussianBlur(known.astype(np.float32), (0, 0), size)
    blurred = (
        cv2.GaussianBlur(image * known[..., None].astype(np.float32), (0, 0), size)
        / np.maximum(weight, 1e-3)[..., None]
    )
    result = image.astype(np.float32)
    result[unknown] = blurred[rows[nearest], columns[nearest]]
    smooth = cv2.GaussianBlur(result, (0, 0), size)
    result[unknown] = smooth[unknown]
    return np.clip(np.round(result), 0, 255).astype(np.uint8)


def _window(points: FloatArray, margin: float, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the points' box, grown by `margin` px, inside the picture."""
    (x0, y0), (x1, y1) = points.min(0) - margin, points.max(0) + margin
    return (
        slice(max(0, int(y0)), max(1, min(shape[0], int(np.ceil(y1))))),
        slice(max(0, int(x0)), max(1, min(shape[1], int(np.ceil(x1))))),
    )


def luminance(rgb: NDArray[np.floating]) -> NDArray[np.floating]:  # [..., 3] -> [...]
    """Brightness by the weights of Rec. 709."""
    return rgb @ np.array([0.2126, 0.7152, 0.0722])


def _white_of_eyes(image: Image, landmarks: FloatArray) -> FloatArray | None:
    """[3] the brighter half of the sclera, or None when the eyes are shut or too small to tell."""
    shape = image.shape[:2]
    samples = []
    for eye, iris in ((LEFT_EYE, LEFT_IRIS), (RIGHT_EYE, RIGHT_IRIS)):
        mask = polygon_mask(shape, landmarks[list(eye)], -1)
        centre, ring = landmarks[iris[0]], landmarks[list(iris[1:])]
        radius = 1.25 * np.linalg.norm(ring - centre, axis=1).mean()
        y, x = np.nonzero(mask)
        outside = np.hypot(x + 0.5 - centre[0], y + 0.5 - centre[1]) > radius
        samples.append(image[y[outside], x[outside]])
    pixels = np.concatenate(samples).astype(np.float32)
    if len(pixels) < 12:
        return None
    light = luminance(pixels)
    return pixels[light >= np.median(light)].mean(0)


def _teeth_colour(image: Image, landmarks: FloatArray, mouth: NDArray[np.bool_], skin_rgb: FloatArray) -> FloatArray:
    """Teeth as bright as this photo's: its own teeth where shown, else ivory in the light that skin and eyes show."""
    skin = float(luminance(skin_rgb))
    # A third of the skin's tint is the light's: enough to sit in the picture, too little to look stained.
    ivory = np.array([1.0, 0.95, 0.85]) * (np.maximum(skin_rgb, 1) / max(skin, 1)) ** 0.35
    ivory = (ivory / luminance(ivory)).astype(np.float32)
    inside = image[mouth].astype(np.float32)
    if len(inside) >= 60:
        bright = inside[luminance(inside) >= np.quantile(luminance(inside), 0.7)].mean(0)
        if luminance(bright) > max(90.0, 0.85 * skin) and bright[2] > 0.62 * bright[0]:
            return bright.astype(np.float32)
    white = _white_of_eyes(image, landmarks)
    level = 1.4 * skin if white is None else max(1.4 * float(luminance(white)), 1.4 * skin)
    # Teeth are bright whatever the skin: the floor follows the exposure only in really dark pictures.
    return np.minimum(ivory * np.float32(np.clip(level, min(140.0, 2.8 * skin), 220)), 250)


def build_layers(image: Image, landmarks: FloatArray) -> PhotoLayers:
    """Prepare the layers of a photo crop.

    Args:
        image: [h, w, 3] uint8 RGB.
        landmarks: [478, 2] px in this crop.
    """
    shape = image.shape[:2]
    face = face_height(landmarks)
    unit = face / 256
    oval = landmarks[list(FACE_OVAL)]
    centre = oval.mean(0)
    inner = polygon_mask(shape, (centre + 0.95 * (oval - centre)).astype(np.float32)).astype(np.float32)
    soft = max(1.0, 0.022 * face)
    face_mask = np.clip(cv2.GaussianBlur(inner, (0, 0), soft) * 2 - 1, 0, 1).astype(np.float32)

    skin = image.copy()
    for ring in (LEFT_EYE, RIGHT_EYE):
        points = landmarks[list(ring)]
        w = _window(points, 40 * unit, shape)
        local = points - (w[1].start, w[0].start)
        opening = polygon_mask((w[0].stop - w[0].start, w[1].stop - w[1].start), local)
        skin[w] = continue_from(image[w], ~polygon_mask(opening.shape, local, 1.5 * unit), opening, 1.2 * unit)
    inner_points, outer_points = landmarks[list(INNER_LIPS)], landmarks[list(OUTER_LIPS)]
    w = _window(outer_points, 40 * unit, shape)
    origin = (w[1].start, w[0].start)
    hole = polygon_mask((w[0].stop - w[0].start, w[1].stop - w[1].start), inner_points - origin)
    gap = float(np.linalg.norm(landmarks[13] - landmarks[14]))
    grown = polygon_mask(hole.shape, inner_points - origin, max(1.0, 1.5 * unit))
    if gap > 1.5 * unit:
        skin[w] = continue_from(skin[w], ~grown, grown, 1.5 * unit)
    safe = polygon_mask(hole.shape, inner_points - origin, -max(1.0, 1.0 * unit))
    on_face = inner > 0
    skin_rgb = np.median(image[on_face].astype(np.float32), axis=0)
    full_hole = np.zeros(shape, bool)
    full_hole[w] = safe
    teeth = _teeth_colour(image, landmarks, full_hole, skin_rgb)
    return PhotoLayers(skin, face_mask, teeth)
