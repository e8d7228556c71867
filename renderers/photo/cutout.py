"""The part of a photo that can change, and the person in it before their background.

Only landmarks are needed for it, neither a fit nor torch: the main job does it while torch is being imported.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from renderers.photo.fill_behind import Layers, fill_behind, split_layers
from renderers.photo.hair_fringe import erase_fringe
from renderers.photo.layers import face_height
from renderers.photo.person_matte import person_matte
from renderers.pixels.region import Region

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# The crop that can change, in face heights around the middle of the face: left/right, up, down.
_CROP = (1.45, 1.35, 1.45)
# How far the person may move over the background, in face heights.
_REACH = 0.3
# Faces (chin to hairline) are drawn at this height if the photo's is more than half as large again.
WORKING_FACE_PX = 1000.0


@dataclass(frozen=True)
class CutOut:
    """A photo's crop, taken apart.

    Attributes:
        region: where it lies in the photo.
        photo: [h, w, 3] uint8, the crop.
        landmarks: [478, 2] px in the crop.
        layers: the crop in two layers; all of it is the person when nothing is known of their outline.
        outlined: whether something is.
        reach: how far the person may move over the background, px.
    """

    region: Region
    photo: Image
    landmarks: FloatArray
    layers: Layers
    outlined: bool
    reach: float


def cut_out(image: Image, landmarks: FloatArray) -> CutOut:
    """Head and shoulders of a photo.

    Args:
        image: [H, W, 3] uint8 RGB.
        landmarks: [478, 2] px.

    Raises:
        ValueError: the face lies outside the picture.
    """
    height, width = image.shape[:2]
    face = face_height(landmarks)
    centre = (landmarks.min(0) + landmarks.max(0)) / 2
    side, up, down = (r * face for r in _CROP)
    corners = (centre + np.array([[-side, -up], [side, down]])).astype(np.float32)
    region = Region.around(corners, 0, width, height)
    if region is None:
        raise ValueError("the landmarks lie outside the picture")
    region = region.even(width, height)
    return take_apart(image[region.window].copy(), landmarks - region.origin, region)


def take_apart(photo: Image, landmarks: FloatArray, region: Region) -> CutOut:
    """A crop as :class:`CutOut`; arguments as there."""
    reach = _REACH * face_height(landmarks)
    matte = person_matte(photo, landmarks)
    if matte is None:
        opaque = np.full((*photo.shape[:2], 1), 255, np.uint8)
        layers = Layers(photo, np.concatenate([photo, opaque], 2))
    else:
        layers = split_layers(photo, matte, fill_behind(erase_fringe(photo, matte, landmarks), matte, reach))
    return CutOut(region, photo, landmarks, layers, matte is not None, reach)


def working_factor(landmarks: FloatArray) -> int:  # [478, 2] px
    """How many pixels of a photo are one of the picture in which it is drawn, along each axis."""
    return max(1, round(face_height(landmarks) / WORKING_FACE_PX))


def cut_out_small(image: Image, landmarks: FloatArray) -> CutOut:
    """:func:`cut_out` of a photo in the size in which it is drawn; arguments as there."""
    factor = working_factor(landmarks)
    return cut_out(shrink(image, factor), landmarks / np.float32(factor)) if factor > 1 else cut_out(image, landmarks)


def shrink(image: Image, factor: int) -> Image:  # [H, W, 3] -> [ceil(H / factor), ceil(W / factor), 3]
    """Means over blocks; the last ones of a size that is no multiple go on with its border."""
    height, width = (-(-n // factor) for n in image.shape[:2])
    below, right = height * factor - image.shape[0], width * factor - image.shape[1]
    padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE) if below or right else image
    return np.asarray(cv2.resize(padded, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
