"""Pictures to judge a renderer by eye: real and rendered faces or mouths beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.model.landmark_sets import OUTER_LIPS
from scripts.lab.renderer.reenactment_score import Target

Image = NDArray[np.uint8]

FACE_PX, MOUTH_PX = 320, 128
_AROUND_FACE = 0.25  # of the face box's width
_MOUTH_REACH = 0.75  # half a mouth cut's side over the width of the lips


def face_strip(target: Target, frames: Sequence[Image]) -> Image:  # [FACE_PX, FACE_PX * (N + 2), 3]
    """The real face, the N frames' beside it, and the first one's difference, three times as strong about grey."""
    around = target.box.grown(round(_AROUND_FACE * (target.box.right - target.box.left)), target.size)
    cuts = [frame[around.window] for frame in (target.image, *frames)]
    difference = cuts[1].astype(int) - cuts[0]
    cuts.append(np.clip(128 + 3 * difference, 0, 255).astype(np.uint8))
    return np.concatenate([_scaled(cut, FACE_PX) for cut in cuts], 1)


def mouth_column(target: Target, frames: Sequence[Image]) -> Image:  # [MOUTH_PX * (N + 1), MOUTH_PX, 3]
    """The real mouth, and the N frames' at the same place under it."""
    lips = target.points[list(OUTER_LIPS)]
    middle, reach = (lips.min(0) + lips.max(0)) / 2, _MOUTH_REACH * float(np.ptp(lips[:, 0]))
    factor = MOUTH_PX / (2 * reach)
    matrix = np.array([[factor, 0, MOUTH_PX / 2 - factor * middle[0]], [0, factor, MOUTH_PX / 2 - factor * middle[1]]])
    matrix[:, 2] += factor / 2 - 0.5  # OpenCV counts from the middle of the first pixel
    size = (MOUTH_PX, MOUTH_PX)
    cuts = [cv2.warpAffine(frame, matrix, size, flags=cv2.INTER_CUBIC) for frame in (target.image, *frames)]
    return np.asarray(np.concatenate(cuts), np.uint8)


def sheet(pieces: Sequence[Image], per_row: int) -> Image:
    """Pieces of one size in rows; what is missing in the last row is black."""
    height, width = pieces[0].shape[:2]
    rows = -(-len(pieces) // per_row)
    result = np.zeros((rows * height, min(per_row, len(pieces)) * width, 3), np.uint8)
    for number, piece in enumerate(pieces):
        y, x = number // per_row * height, number % per_row * width
        result[y : y + height, x : x + width] = piece
    return result


def evenly(pieces: Sequence[Image], count: int) -> list[Image]:
    """At most `count` of them, evenly spread."""
    index = np.unique(np.linspace(0, len(pieces) - 1, min(count, len(pieces))).round().astype(int))
    return [pieces[i] for i in index]


def save(picture: Image, path: str) -> None:
    """Write an RGB picture."""
    if not cv2.imwrite(path, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
        raise OSError(f"{path} could not be written")


def _scaled(cut: Image, side: int) -> Image:
    return np.asarray(cv2.resize(cut, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
