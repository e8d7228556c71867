"""The face to use in a picture file, in the picture as it will be shown.

Nothing here needs torch: the main job looks for the face while torch is being imported.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.detect.detector import FaceDetector
from face3d.detect.face import FaceDetection, choose_face
from face3d.errors import InputError
from face3d.model.landmark_sets import (
    LEFT_EYE,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    RIGHT_EYE,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
)
from renderers.photo.cutout import CutOut, cut_out_small
from talkinghead.config import PhotoConfig
from talkinghead.media.image import iter_stills

# Half the side of a head-and-shoulders square, and how far its middle lies below the face's, in sizes of the face.
_CROP_REACH = 1.35
_CROP_DROP = 0.12
# An eye whose lids are nearer than this, in its widths, is shut: in blinks of GRID it is 0.03 to 0.1, in portraits with
# open eyes 0.21 and more.
_SHUT = 0.14


@dataclass(frozen=True, eq=False)
class FoundFace:
    """A face in a picture.

    Attributes:
        image: [H, W, 3] uint8 RGB, cropped and scaled.
        detection: the face in `image`.
        messages: what the user should know, one sentence each.
        cutout: head and shoulders of `image`, for an avatar; None when nobody has asked for it.
    """

    image: NDArray[np.uint8]
    detection: FaceDetection
    messages: tuple[str, ...]
    cutout: CutOut | None = None


def found_faces(
    path: str | Path, options: PhotoConfig, size: int | None = None, cut: bool = False
) -> Generator[FoundFace | InputError, None, None]:
    """The face of a photo, or those of a video's frames one after the other, or why there is none.

    Args:
        path: a picture or a video.
        options: detector, crop, face and scale.
        size: pixels along the longer side; None keeps the photo's own up to `options.max_side`.
        cut: whether to cut the heads out too.

    Raises:
        InputError: the file cannot be read.
    """
    with FaceDetector(kind=options.detector) as detector:
        for still in iter_stills(path):
            try:
                found = find_face(detector, still, options, size)
            except InputError as error:
                yield error
                continue
            yield replace(found, cutout=cut_out_small(found.image, found.detection.landmarks_px)) if cut else found


def find_face(detector: FaceDetector, still: NDArray[np.uint8], options: PhotoConfig, size: int | None) -> FoundFace:
    """The face to use of one picture; arguments as for :func:`found_faces`.

    Raises:
        InputError: no usable face.
    """
    messages: tuple[str, ...] = ()
    if options.crop == "head":
        face, messages = choose_face(detector.detect(still), options.face_index, smallest_face_px=0)
        still, middle = _crop_head(still, face)
    image, factor = scale_picture(still, size, options.max_side)
    faces = detector.detect(image)
    try:
        if options.crop == "head":
            # The face chosen before, whatever others the crop shows.
            faces = sorted(faces, key=lambda f: float(np.linalg.norm(_middle(f) / factor - middle)))
            face, _ = choose_face(faces, 0)
        else:
            face, messages = choose_face(faces, options.face_index)
    except InputError as error:
        if factor >= 1:
            raise
        advice = f"the photo was scaled to {image.shape[1]} x {image.shape[0]}, so try --crop head or a larger --size"
        raise InputError(f"{str(error).rstrip('.')}; {advice}.") from error
    return FoundFace(image, face, messages)


def eyes_shut(face: FaceDetection) -> bool:
    """Whether both eyes are shut, as in the middle of a blink."""
    points = face.landmarks_px
    eyes = (RIGHT_EYE, RIGHT_UPPER_LID, RIGHT_LOWER_LID), (LEFT_EYE, LEFT_UPPER_LID, LEFT_LOWER_LID)
    for ring, upper, lower in eyes:
        outer, inner = ring[0], ring[len(ring) // 2]
        gaps = np.linalg.norm(points[list(upper[2:5])] - points[list(lower[2:5])], axis=1)
        if gaps.mean() > _SHUT * np.linalg.norm(points[outer] - points[inner]):
            return False
    return True


def scale_picture(
    image: NDArray[np.uint8],  # [H, W, 3]
    size: int | None,
    max_side: int,
) -> tuple[NDArray[np.uint8], float]:
    """The picture with `size` pixels along its longer side, or at most `max_side`; and the factor."""
    longer = max(image.shape[:2])
    factor = size / longer if size else min(1.0, max_side / longer)
    if factor == 1:
        return image, 1.0
    width, height = (max(2, round(n * factor)) for n in (image.shape[1], image.shape[0]))
    resampling = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=resampling), np.uint8), factor


def _crop_head(image: NDArray[np.uint8], face: FaceDetection) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Head and shoulders, as square as the picture allows; and the face's middle in the crop, pixels."""
    x, y = _middle(face)
    reach = _CROP_REACH * face.size_px
    y_crop = y + _CROP_DROP * face.size_px
    left, right = max(0, round(x - reach)), min(image.shape[1], round(x + reach))
    top, bottom = max(0, round(y_crop - reach)), min(image.shape[0], round(y_crop + reach))
    return np.ascontiguousarray(image[top:bottom, left:right]), np.array([x - left, y - top])


def _middle(face: FaceDetection) -> NDArray[np.float64]:
    box = np.asarray(face.box, np.float64)
    return (box[:2] + box[2:]) / 2
