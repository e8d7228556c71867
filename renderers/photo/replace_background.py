"""Another background for a photo: its own out of focus, or one colour.

The photo is changed once, before it is animated. At the person's outline, pixels mix two colours by the matte:
``photo = matte person + (1 - matte) background``. Putting the photo's own mixture before another background would leave
a rim of the old one around the hair, so the person's share is solved for first.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from renderers.photo.fill_behind import fill_smoothly
from renderers.photo.layers import face_height
from renderers.photo.person_matte import person_matte
from renderers.pixels.region import scaled_size

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# Colours that are continued smoothly are found at this many pixels along the longer side.
_SMOOTH_PX = 768
# Below the first opacity, background is taken for certain; above the second, person.
_BACKGROUND, _PERSON = 0.02, 0.96
# Between these opacities, the person's colour goes over from that of the person nearby to that which the pixel shows.
_FROM_NEARBY, _OWN = 0.25, 0.85
# The matte is a haze around fine hair and not quite solid inside; seen before a plain colour that is a halo.
_HAZE, _SOLID = 0.3, 0.85
_STRIP = 256


@dataclass(frozen=True)
class Backdrop:
    """What to put behind the person.

    Attributes:
        colour: RGB, 0..255; None blurs the photo's own background.
        blur: standard deviation, in face heights (chin to hairline).
    """

    colour: tuple[int, int, int] | None = None
    blur: float = 0.12


def replace_background(photo: Image, landmarks: FloatArray, backdrop: Backdrop) -> Image | None:
    """The photo with another background.

    Args:
        photo: [H, W, 3] uint8 RGB.
        landmarks: [478, 2] px, the face of the person who stays.
        backdrop: what comes behind them.

    Returns:
        [H, W, 3] uint8 RGB; None when the person cannot be told from the background.
    """
    matte = person_matte(photo, landmarks)
    if matte is None:
        return None
    factor = min(1.0, _SMOOTH_PX / max(photo.shape[:2]))
    size = scaled_size(photo.shape, factor, 2)
    small = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    opacity = cv2.resize(matte, size, interpolation=cv2.INTER_AREA)
    if not (opacity < _BACKGROUND).any():
        return photo.copy()
    behind = fill_smoothly(small, opacity < _BACKGROUND)
    nearby = fill_smoothly(small, opacity > _PERSON)
    if backdrop.colour is None:
        sigma = max(0.5, backdrop.blur * face_height(landmarks) * factor)
        new = np.asarray(cv2.GaussianBlur(behind, (0, 0), sigma), np.float32)
    else:
        new = np.empty_like(behind)
        new[:] = backdrop.colour
    return _compose(photo, matte, behind, nearby, new)


def unmix(photo: FloatArray, matte: FloatArray, behind: FloatArray, nearby: FloatArray) -> FloatArray:
    """The person's own colour at each pixel.

    Args:
        photo: [..., 3] what the pixels show, 0..255.
        matte: [...] the person's share, 0..1.
        behind: [..., 3] the background's colour.
        nearby: [..., 3] the person's colour close to the pixel, for where the pixel shows too little of its own.
    """
    share = matte[..., None]
    own = np.clip((photo - (1 - share) * behind) / np.maximum(share, 0.05), 0, 255)
    trust = np.clip((share - _FROM_NEARBY) / (_OWN - _FROM_NEARBY), 0, 1)
    return (nearby + (own - nearby) * trust).astype(np.float32)


def _compose(photo: Image, matte: FloatArray, behind: FloatArray, nearby: FloatArray, new: FloatArray) -> Image:
    """The person before `new`; the three coarse pictures are enlarged.

    In strips: floats of a whole 8K photo are large.
    """
    result = photo.copy()
    height, width = matte.shape
    scale = behind.shape[0] / height
    columns = np.clip((np.arange(width, dtype=np.float32) + 0.5) * (behind.shape[1] / width) - 0.5, 0, None)
    for top in range(0, height, _STRIP):
        rows = slice(top, min(top + _STRIP, height))
        share = matte[rows]
        if (share == 1).all():
            continue
        at = np.clip((np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * scale - 0.5, 0, None)
        x, y = np.meshgrid(columns, at)
        old, own, other = (
            np.asarray(cv2.remap(p, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
            for p in (behind, nearby, new)
        )
        person = unmix(photo[rows].astype(np.float32), share, old, own)
        shown = np.clip((share - _HAZE) / (_SOLID - _HAZE), 0, 1)
        mixed = other + (person - other) * shown[..., None]
        mixed[share == 1] = photo[rows][share == 1]
        result[rows] = np.clip(np.round(mixed), 0, 255)
    return result
