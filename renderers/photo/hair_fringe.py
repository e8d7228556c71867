"""What sticks out of a person's outline: fine hair that a segmentation net does not see, and what hangs from the ears.

It shows where it differs from a background that is plainer than it. Left in the background it would stay behind as a
ghost when the head turns, and an earring would be torn.
"""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from renderers.photo.fill_behind import MIXED, fill_small
from renderers.photo.layers import face_height
from renderers.pixels.region import scaled_size

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Landmarks: the ends of the face's middle line, and its edge at the ears.
_HAIRLINE, _CHIN, _RIGHT_EAR, _LEFT_EAR = 10, 152, 234, 454
# A colour is not the background's when it differs from it by so many levels, and so many times the usual deviation of
# the background near it (for earrings, for hair); a share of that beyond, it is so for certain.
_LEVELS, _TIMES, _SOFT = 6.0, (2.3, 1.3), 0.5
# In doubt it is background: of a textured one more is asked, twice as much where that is so many levels.
_TEXTURED = 40.0
# Near: in face heights, measured on a picture with a face of so many pixels.
_NEAR, _COARSE_FACE_PX = 0.12, 40.0
# So often, what is next to the certain (in face heights) is added if it differs by this share of what is asked else.
_GROWN, _NEXT_TO, _FAINT = 2, 0.012, 0.4
# The parts of an earring are so far apart at most, in face heights.
_SOLID = 0.015
# It is looked for at this face height at most, in pixels: finer is slower, not better.
_FINEST_FACE_PX = 450.0
# Colours in its place are found at this many pixels along the picture's longer side.
_FILLED_PX = 640
# Colours are mixed at the rim of what sticks out, in face heights.
_RIM = 0.005
# How far hair may stand off, and an earring from the ear's height down and from the face outwards, in face heights.
_HAIR = 0.11
_EARRING, _EAR_DOWN, _EAR_OUT = 0.3, (-0.05, 0.6), (-0.15, 0.3)
# Earrings and locks of hair are at most this wide, in face heights.
_WIDEST = 0.13
# The top of an earring is so far below the ear's height, its end is above the last, its middle so far aside at most.
_LOBE, _LOWEST, _ASIDE = (0.07, 0.36), 0.57, 0.14
# What is farther from the person than this, in face heights, must differ by so many times what is
# asked (for earrings, for hair).
_TOUCHING, _CLEAR = 0.02, (1.4, 3.0)
# Next to the outline, everything is joined to everything: only beyond this share of the reach, things are told apart;
# what leads out of the reach, that is beyond the third share, is kept up to the second share.
_APART, _KEPT, _LEAVING, _LIKELY = 0.15, 0.35, 0.75, 0.85


def erase_fringe(photo: Image, matte: FloatArray, landmarks: FloatArray) -> Image:
    """[h, w, 3] the photo with what sticks out painted over from the background next to it; args as `sticking_out`."""
    height, width = matte.shape
    scale = min(1.0, _FINEST_FACE_PX / face_height(landmarks))
    size = scaled_size(matte.shape, scale, 8)
    small = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    coarse = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
    found = sticking_out(small, coarse, landmarks * np.float32(scale))
    wider = cv2.dilate(found, _ball(max(1, round(_RIM * scale * face_height(landmarks)))))
    fringe = cv2.resize(wider, (width, height), interpolation=cv2.INTER_LINEAR) > 0
    if not fringe.any():
        return photo
    filled = fill_small(photo, ~fringe & (matte < MIXED), _FILLED_PX)
    return np.where(fringe[..., None], np.clip(np.round(filled), 0, 255), photo).astype(np.uint8)


def sticking_out(photo: Image, matte: FloatArray, landmarks: FloatArray) -> FloatArray:
    """How surely each pixel outside the matte shows something of the person, 0..1.

    Things that go on beyond what may stick out belong to the background.

    Args:
        photo: [h, w, 3] uint8.
        matte: [h, w] float32 0..1, the person's opacity.
        landmarks: [478, 2] px.

    Returns:
        [h, w] float32; 0 where the matte is above a half.
    """
    face = face_height(landmarks)
    zone = below_ears(landmarks, matte.shape)
    reach = np.where(zone, np.float32(_EARRING * face), np.float32(_HAIR * face))
    body = matte > 0.5
    away = np.asarray(cv2.distanceTransform((~body).astype(np.uint8), cv2.DIST_L2, 5), np.float32)
    ring = ~body & (away < reach)
    known = away >= reach
    if not ring.any() or not known.any():
        return np.zeros(matte.shape, np.float32)
    behind = fill_small(photo, known)
    other = _largest(cv2.absdiff(photo.astype(np.float32), behind))
    usual, usual_here = _usual(photo, away >= _HAIR * face, face)
    return np.maximum(
        _hair(other, _LEVELS + usual + usual * usual / _TEXTURED, away, face),
        # Of an earring, the shape tells too, and less is asked.
        _earrings(other, _LEVELS + usual_here, np.where(zone & ring, away, 0), landmarks),
    )


def below_ears(landmarks: FloatArray, shape: tuple[int, ...]) -> Mask:
    """[h, w] where earrings hang."""
    face = face_height(landmarks)
    down = (landmarks[_CHIN] - landmarks[_HAIRLINE]) / face
    zone = np.zeros(shape[:2], np.uint8)
    for ear, other in ((_RIGHT_EAR, _LEFT_EAR), (_LEFT_EAR, _RIGHT_EAR)):
        out = np.array([-down[1], down[0]])
        out *= np.sign(out @ (landmarks[ear] - landmarks[other]))
        corners = [landmarks[ear] + face * (d * down + o * out) for d, o in product(_EAR_DOWN, _EAR_OUT)]
        cv2.fillConvexPoly(zone, np.round(np.array(corners)[[0, 1, 3, 2]]).astype(np.int32), 1)
    return zone.astype(bool)


def _ball(radius: int) -> Image:
    """A filter for `cv2.dilate`."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.uint8)


def _usual(photo: Image, known: Mask, face: float) -> tuple[FloatArray, FloatArray]:
    """[h, w] how far the known background's colours deviate from their mean near each pixel, times `_TIMES`, levels.

    It is the deviations' power mean: the higher the power, the more count rare ones, like the joints of a brick wall.
    The second is of a lower power: where earrings are looked for, they must not count themselves.
    """
    height, width = known.shape
    scale = min(1.0, _COARSE_FACE_PX / face)
    small = scaled_size((height, width), scale, 2)
    weight = known.astype(np.float32)

    def near(picture: FloatArray) -> FloatArray:
        coarse = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(coarse, (0, 0), _NEAR * _COARSE_FACE_PX), np.float32)

    def large(picture: NDArray[np.floating]) -> FloatArray:
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    count = np.maximum(near(weight), 1e-4)
    mean = near(photo * weight[..., None]) / count[..., None]
    deviation = _largest(cv2.absdiff(photo.astype(np.float32), large(mean))) * np.float32(1 / 255)
    squared = deviation * deviation
    low = (near(squared * weight) / count) ** np.float32(1 / 2)
    high = (near(squared**4 * weight) / count) ** np.float32(1 / 8)
    return large(255 * _TIMES[1] * high), large(255 * _TIMES[0] * low)


def _largest(channels: NDArray[np.integer | np.floating]) -> FloatArray:  # [h, w, 3] -> [h, w]
    """The largest of three channels; numpy's own way takes ten times as long."""
    red, green, blue = cv2.split(channels)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.float32)


def _large(certain: FloatArray, face: float) -> Mask:
    """Where furniture is: what is wider than an earring or a lock of hair."""
    height, width = certain.shape
    scale = min(1.0, _COARSE_FACE_PX / face)
    small = scaled_size((height, width), scale, 2)
    found = cv2.resize(certain, small, interpolation=cv2.INTER_AREA) > 0.3
    ball = _ball(max(2, round(_WIDEST / 2 * scale * face)))
    solid = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_OPEN, ball)
    # Grown back twice: furniture has corners.
    large = cv2.dilate(solid, ball).astype(np.float32)
    return np.asarray(cv2.resize(large, (width, height), interpolation=cv2.INTER_LINEAR) > 0.5)


def _certain(other: FloatArray, least: FloatArray, where: Mask) -> FloatArray:
    """[h, w] 0..1 how surely a difference is more than the least."""
    return np.where(where, np.clip((other - least) / (_SOFT * least), 0, 1), 0).astype(np.float32)


def _held(certain: FloatArray, clear: Mask, away: FloatArray, face: float) -> Mask:
    """Where things are that touch the person or are very clear."""
    _, labels = cv2.connectedComponents((certain > 0).astype(np.uint8), connectivity=8)
    held = (certain > 0) & ((away < _TOUCHING * face) | clear)
    return np.isin(labels, np.unique(labels[held]))


def _hair(other: FloatArray, least: FloatArray, away: FloatArray, face: float) -> FloatArray:
    """[h, w] how surely hair is seen; `other` is the difference from the background, `away` the person's distance."""
    reach = _HAIR * face
    ring = (away > 0) & (away < reach)
    certain = _certain(other, least, ring)
    certain[
        _leading_away(ring & (other > _LIKELY * least), away, reach) | (_large(certain, face) & (away > _APART * reach))
    ] = 0
    certain[~_held(certain, other > _CLEAR[1] * least, away, face)] = 0
    return _grown(certain, ring & (other > _FAINT * least), face)


def _earrings(other: FloatArray, least: FloatArray, away: FloatArray, landmarks: FloatArray) -> FloatArray:
    """[h, w] how surely earrings are seen; arguments as `_hair`, `away` is 0 where none can be."""
    face = face_height(landmarks)
    certain = _certain(other, least, away > 0)
    ball = _ball(max(1, round(_SOLID * face)))
    solid = np.asarray(cv2.morphologyEx(certain, cv2.MORPH_CLOSE, ball), np.float32)
    certain = np.where(_held(solid, other > _CLEAR[0] * least, away, face) & _hanging(solid > 0, landmarks), solid, 0)
    return _grown(certain, (away > 0) & (other > _FAINT * least), face)


def _grown(certain: FloatArray, faint: Mask, face: float) -> FloatArray:
    """With what is next to it and differs at all: the soft ends of hair, the dark side of a hoop."""
    ball = _ball(max(1, round(_NEXT_TO * face)))
    for _ in range(_GROWN):
        certain = np.where(faint, np.asarray(cv2.dilate(certain, ball), np.float32), certain)
    return certain


def _hanging(found: Mask, landmarks: FloatArray) -> Mask:
    """Where things are that have an earring's shape and place: they hang near the ear, and are taller than wide."""
    count, labels = cv2.connectedComponents(found.astype(np.uint8), connectivity=8)
    face = face_height(landmarks)
    down = (landmarks[_CHIN] - landmarks[_HAIRLINE]) / face
    rows, columns = np.nonzero(labels)
    label = labels[rows, columns].astype(np.intp) - 1
    kept = np.zeros(count - 1, bool)
    for ear in (_RIGHT_EAR, _LEFT_EAR):
        x, y = ((p + 0.5 - landmarks[ear, k]) / face for k, p in enumerate((columns, rows)))
        top, bottom = _extent(down[0] * x + down[1] * y, label, count - 1)
        left, right = _extent(down[1] * x - down[0] * y, label, count - 1)
        hangs = (top > _LOBE[0]) & (top < _LOBE[1]) & (bottom < _LOWEST)
        narrow = right - left < np.minimum(_WIDEST, bottom - top)
        kept |= hangs & narrow & (np.abs(left + right) / 2 < _ASIDE)
    return np.append(False, kept)[labels]


def _extent(values: FloatArray, label: NDArray[np.intp], count: int) -> tuple[FloatArray, FloatArray]:
    """The least and the largest value with each label, [count] each."""
    least, largest = np.full(count, np.inf, np.float32), np.full(count, -np.inf, np.float32)
    np.minimum.at(least, label, values.astype(np.float32))
    np.maximum.at(largest, label, values.astype(np.float32))
    return least, largest


def _leading_away(likely: Mask, away: FloatArray, reach: float) -> Mask:
    """Where things are that lead out of the reach."""
    apart = likely & (away > _APART * reach)
    _, labels = cv2.connectedComponents(apart.astype(np.uint8), connectivity=8)
    leaving = np.unique(labels[apart & (away > _LEAVING * reach)])
    return np.isin(labels, leaving[leaving > 0]) & (away > _KEPT * reach)
