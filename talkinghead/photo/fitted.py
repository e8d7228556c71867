"""From a picture file to a fitted portrait: choose the frame and the face, crop, scale, fit."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.camera import HEAD_TO_CAMERA_DIAGONAL, axis_angle_to_matrix
from face3d.detect.detector import FaceDetector
from face3d.errors import InputError
from face3d.fit.detector_calibration import load_calibration
from face3d.fit.photo_fit import PhotoFit, fit_detection, fit_detections
from face3d.model.landmark_sets import LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from face3d.parameters import FaceParameters
from renderers.photo.cutout import CutOut
from talkinghead.config import PhotoConfig
from talkinghead.media.image import is_picture
from talkinghead.photo.found_face import FoundFace, eyes_shut, find_face, found_faces

_log = logging.getLogger(__name__)

# An avatar needs both eyes and the whole mouth; the fit of one photo knows its angle to a few degrees.
_MOST_TURNED, _ANGLE_ERROR = 35.0, 5.0
# 1 - cosine of two photos' identities, seen from that of people at large. How far they are from there depends much on
# pose and expression, in which direction it is less; see `may_differ`.
_SHAPES_APART = 0.8


@dataclass(frozen=True, eq=False)
class FittedPhoto:
    """A photo ready to be animated.

    Attributes:
        image: [H, W, 3] uint8 RGB, cropped and scaled.
        fit: the face in `image`.
        cutout: head and shoulders of `image`, if they are cut out already.
    """

    image: NDArray[np.uint8]
    fit: PhotoFit
    cutout: CutOut | None = None

    def with_parameters(self, parameters: FaceParameters) -> FittedPhoto:
        """The same photo with other parameters of its face, one frame."""
        return replace(self, fit=replace(self.fit, parameters=parameters))


def fit_photo_file(
    path: str | Path, options: PhotoConfig, size: int | None = None, animated: bool = False
) -> FittedPhoto:
    """Read a photo, or the first good frame of a video, and fit its face.

    Args:
        path: a picture or a video.
        options: crop, face and scale.
        size: pixels along the longer side; None keeps the photo's own up to `options.max_side`.
        animated: the face must also be one that an avatar can be made of, see `check_animatable`.

    Raises:
        InputError: unreadable, or no usable face in it.
    """
    with closing(found_faces(path, options, size)) as found:
        return fit_found(found, path, options, animated)


def fit_picture(
    image: NDArray[np.uint8], options: PhotoConfig, size: int | None = None, animated: bool = False
) -> FittedPhoto:  # [H, W, 3] sRGB
    """Fit the face of a picture that is read already; further arguments as for :func:`fit_photo_file`.

    Raises:
        InputError: no picture, or no usable face in it.
    """
    if not (isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3):
        kind = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"A picture must be a path or [H, W, 3] uint8 sRGB, got {kind}.")
    with FaceDetector(kind=options.detector) as detector:
        photo = _fit(find_face(detector, np.ascontiguousarray(image), options, size))
    if animated:
        check_animatable(photo)
    for message in photo.fit.messages:
        _log.info(message)
    return _with_background(photo, "The picture", options)


def fit_found(
    found: Iterable[FoundFace | InputError], path: str | Path, options: PhotoConfig, animated: bool
) -> FittedPhoto:
    """Fit the first good one of the faces that were found in a file.

    Args:
        found: what :func:`talkinghead.photo.found_face.found_faces` gives.
        path: the file.
        options, animated: as for :func:`fit_photo_file`.

    Raises:
        InputError: none is usable.
    """
    problem = InputError(f"{path} holds no picture.")
    for face in _awake_first(found) if animated else found:
        try:
            portrait = _fit(face)
            if animated:
                check_animatable(portrait)
        except InputError as error:
            problem = error
            continue
        for message in portrait.fit.messages:
            _log.info(message)
        if animated and eyes_shut(portrait.fit.detection):
            _log.info("The eyes are shut in %s and will stay shut; use a photo with open eyes.", path)
        if not is_picture(path):
            _log.info("%s is a video: using its first frame with a usable face.", path)
        return _with_background(portrait, path, options)
    raise InputError(f"{path}: {problem}")


def _awake_first(found: Iterable[FoundFace | InputError]) -> Iterator[FoundFace | InputError]:
    """What was found, but faces with shut eyes only at the end, and of them only the first."""
    asleep: FoundFace | None = None
    for face in found:
        if isinstance(face, FoundFace) and eyes_shut(face.detection):
            asleep = asleep or face
        else:
            yield face
    if asleep is not None:
        yield asleep


def _fit(found: FoundFace | InputError) -> FittedPhoto:
    if isinstance(found, InputError):
        raise found
    size = found.image.shape[1], found.image.shape[0]
    return FittedPhoto(found.image, fit_detection(found.detection, size, messages=found.messages), found.cutout)


def may_differ(one: FaceParameters, other: FaceParameters) -> bool:
    """Whether two fits of single photos have shapes that photos of one person hardly ever have.

    A guess that would rather say nothing than be wrong (`scripts/measure_likeness.py`). It is true for none of 700
    pairs of frames of one person's videos and for 4 % of 144 pairs of drawings of one head that turns and grimaces; of
    pairs of different people for 37 % of 8,400 portraits, 30 % of 1,300 frames of films and 17 % of 4,400 drawn heads.
    """
    mean = torch.from_numpy(load_calibration().prior_mean).float()
    return float(1 - torch.cosine_similarity(one.identity - mean, other.identity - mean, dim=0)) > _SHAPES_APART


def check_animatable(portrait: FittedPhoto) -> None:
    """Refuse faces whose photo shows too little to make them speak.

    Raises:
        InputError: the head is turned too far from the camera, the photo ends within the mouth or an eye, or the face
            is a drawing.
    """
    _check_whole(portrait)
    angle = turned_away_degrees(portrait.fit.parameters)
    if angle > _MOST_TURNED + _ANGLE_ERROR:
        raise InputError(
            f"The head is turned {angle:.0f} degrees away from the camera, which hides half of the face; "
            f"use a photo with at most {_MOST_TURNED:.0f} degrees."
        )
    from renderers.photo.is_drawing import looks_drawn

    if looks_drawn(portrait.image, portrait.fit.detection.landmarks_px):
        raise InputError("The face looks drawn; use a photo, or a painting with light and shade.")


def _check_whole(portrait: FittedPhoto) -> None:
    """Refuse a photo that ends within the mouth or an eye: what is seen of it lies inside, the rest is a guess."""
    height, width = portrait.image.shape[:2]
    points = portrait.fit.detection.landmarks_px
    for name, ring in (("mouth", OUTER_LIPS), ("eye", (*LEFT_EYE, *RIGHT_EYE))):
        seen = points[list(ring)]
        if (seen < 0).any() or (seen > (width, height)).any():
            raise InputError(f"The photo ends within the {name}; use one that shows the whole face.")


def turned_away_degrees(parameters: FaceParameters) -> float:
    """How far the head of a fit's first frame is turned to the side, as the camera sees it, degrees."""
    forward = axis_angle_to_matrix(parameters.rotation[0])[:, 2]  # camera at +z in the head's axes
    away = parameters.translation[0] * forward.new_tensor(HEAD_TO_CAMERA_DIAGONAL)
    to_camera = -away / away.norm()
    facing, sideways = (forward * to_camera).sum(), float(forward[0] * to_camera[2] - forward[2] * to_camera[0])
    return math.degrees(math.atan2(abs(sideways), float(facing)))


def _with_background(portrait: FittedPhoto, path: str | Path, options: PhotoConfig) -> FittedPhoto:
    """The person before what the options ask for.

    Raises:
        InputError: the person cannot be told from the background.
    """
    if options.background == "keep":
        return portrait
    from renderers.photo.replace_background import Backdrop, replace_background

    backdrop = Backdrop()
    if options.background == "color":
        red, green, blue = bytes.fromhex(options.background_color[1:])
        backdrop = Backdrop((red, green, blue))
    image = replace_background(portrait.image, portrait.fit.detection.landmarks_px, backdrop)
    if image is None:
        raise InputError(f"{path}: the person cannot be told from the background; use --background keep.")
    return replace(portrait, image=image, cutout=None)


def fit_photo_files(paths: Sequence[str | Path], options: PhotoConfig, size: int | None = None) -> list[FittedPhoto]:
    """Several photos of one person, fitted together: all get the same identity.

    Args and errors as :func:`fit_photo_file`, of which this is the plural.
    """
    portraits = [fit_photo_file(path, options, size) for path in paths]
    if len(portraits) == 1:
        return portraits
    for path, portrait in zip(paths[1:], portraits[1:], strict=True):
        if may_differ(portraits[0].fit.parameters, portrait.fit.parameters):
            _log.info("%s and %s may show different people; photos fitted together must be of one.", paths[0], path)
    sizes = [(p.image.shape[1], p.image.shape[0]) for p in portraits]
    fits = fit_detections([p.fit.detection for p in portraits], sizes)
    return [
        replace(portrait, fit=replace(fit, messages=portrait.fit.messages))
        for portrait, fit in zip(portraits, fits, strict=True)
    ]
