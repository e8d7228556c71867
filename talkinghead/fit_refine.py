"""`fit --refine`: what light and shade add to a landmark fit, for photos and for videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from face3d.fitting import PhotoFit, interocular_px, project_landmarks
from face3d.morphable_model import load_default_model
from face3d.parameters import FaceParameters
from face3d.track import Track
from renderers.refinement import Photo, RefineOptions, Refiner
from talkinghead.fit_report import head_angles, ranges
from talkinghead.media.video_file import VideoFile

Progress = Callable[[int, int], None]

# A video's person is refined from so many of its frames together.
_KEY_FRAMES = 5
# What the pictures add to pose and expression is a slow correction of the landmarks' bias: the landmarks' own motion
# stays, and the noise of single frames goes. Standard deviation of the window, seconds.
_CORRECTION_SECONDS = 0.2
_CORRECTED = ("expression", "rotation", "translation", "eye_rotation")
_BLOCK = 256


@dataclass(frozen=True)
class PhotometricError:
    """Median relative error of the brightness of the face's triangles (0.05 = 5 %), mean over frames."""

    before: float
    after: float


def refine_photos(
    images: Sequence[NDArray[np.uint8]],  # [H, W, 3] each
    fits: Sequence[PhotoFit],
) -> tuple[list[PhotoFit], PhotometricError]:
    """Photos of one person, fitted with one identity, refined together by their light and shade."""
    given = [Photo(i, f.parameters, f.detection.landmarks_px) for i, f in zip(images, fits, strict=True)]
    refined = Refiner().refine(given)
    results = []
    for fit, parameters in zip(fits, refined.parameters, strict=True):
        projected = project_landmarks(load_default_model(), parameters)[0].numpy()
        error = np.linalg.norm(projected - fit.detection.landmarks_px, axis=1).mean()
        nme = float(error / interocular_px(fit.detection.landmarks_px))
        results.append(replace(fit, parameters=parameters, landmarks_px=projected, nme=nme))
    return results, PhotometricError(float(refined.error_before.mean()), float(refined.error_after.mean()))


def refine_video(
    video: VideoFile,
    track: Track,
    parameters: FaceParameters,
    nme: NDArray[np.float32],  # [T]
    progress: Progress,
) -> tuple[FaceParameters, NDArray[np.float32], PhotometricError]:
    """A video's fit refined by light and shade.

    The person (identity, residual, albedo) comes from a few frames together; then pose and expression of every
    measured frame are corrected, and the corrections smoothed over time.

    Args:
        video: the video.
        track: what was detected in it.
        parameters: what was fitted to that.
        nme: mean landmark error of each frame as a fraction.
        progress: called with (frames done, frames in all).

    Returns:
        The parameters, the new landmark error of each frame, and the photometric error.
    """
    person, scale = _refine_person(video, track, parameters, key_frames(parameters, nme, _KEY_FRAMES))
    start = replace(
        parameters,
        identity=person.identity,
        shape_residual=person.shape_residual,
        texture=person.texture,
        light=person.light,
        translation=parameters.translation * scale,
    )
    refiner = Refiner(RefineOptions(person=False))
    corrections = {name: torch.zeros_like(getattr(start, name)) for name in _CORRECTED}
    before, after = [], []
    with video.read() as frames:
        for index, image in zip(range(len(start)), frames, strict=False):
            if start.confidence[index] == 1 and track.found[index]:
                frame = start.frames(index, index + 1)
                refined = refiner.refine([Photo(image, frame, np.array(track.landmarks_px[index]))])
                for name, values in corrections.items():
                    values[index] = getattr(refined.parameters[0], name)[0] - getattr(frame, name)[0]
                before.append(float(refined.error_before[0]))
                after.append(float(refined.error_after[0]))
            progress(index + 1, len(start))
    result = _corrected(start, corrections, np.array(track.shot))
    errors = PhotometricError(float(np.mean(before)), float(np.mean(after)))
    return result, _landmark_errors(track, result), errors


def key_frames(parameters: FaceParameters, nme: NDArray[np.float32], count: int) -> list[int]:
    """Up to `count` measured frames whose landmarks fit well and whose heads look into different directions.

    The best frame first, then each time the one whose (yaw, pitch) is furthest from those chosen.
    """
    measured = np.flatnonzero((parameters.confidence.numpy() == 1) & np.isfinite(nme))
    good = measured[nme[measured] <= np.median(nme[measured])]
    directions = head_angles(parameters.rotation[torch.from_numpy(good)])[:, :2]
    chosen = [int(np.argmin(nme[good]))]
    while len(chosen) < min(count, len(good)):
        distance = np.linalg.norm(directions[:, None] - directions[chosen], axis=-1).min(1)
        distance[chosen] = -1
        chosen.append(int(distance.argmax()))
    return [int(good[i]) for i in chosen]


def _refine_person(
    video: VideoFile, track: Track, parameters: FaceParameters, keys: list[int]
) -> tuple[FaceParameters, float]:
    """The refined first key frame, and how much further away than before the key frames' heads are on average."""
    images = {}
    with video.read() as frames:
        for index, image in zip(range(max(keys) + 1), frames, strict=False):
            if index in keys:
                images[index] = image
    photos = [Photo(images[i], parameters.frames(i, i + 1), np.array(track.landmarks_px[i])) for i in keys]
    refined = Refiner().refine(photos)
    scales = [
        float(r.translation[0, 2] / p.parameters.translation[0, 2])
        for r, p in zip(refined.parameters, photos, strict=True)
    ]
    return refined.parameters[0], float(np.mean(scales))


def _corrected(start: FaceParameters, corrections: dict[str, Tensor], shot: NDArray[np.int32]) -> FaceParameters:
    """`start` with the corrections, smoothed within each run of measured frames of one shot."""
    measured = start.confidence.numpy() == 1
    sigma = _CORRECTION_SECONDS * start.fps
    fields: dict[str, Tensor] = {name: getattr(start, name).clone() for name in _CORRECTED}
    for number in np.unique(shot):
        for first, last in ranges(measured & (shot == number)):
            for name, values in corrections.items():
                part = values[first : last + 1].numpy()
                smooth = gaussian_filter1d(part, sigma, axis=0, mode="nearest").astype(np.float32)
                fields[name][first : last + 1] += torch.from_numpy(smooth)
    fields["expression"] = fields["expression"].clamp(0, 1)
    return replace(start, **fields)  # type: ignore[arg-type]


def _landmark_errors(track: Track, parameters: FaceParameters) -> NDArray[np.float32]:  # [T]
    """Mean distance to the detected landmarks over that of the outer eye corners; NaN where there are none."""
    model = load_default_model()
    errors = []
    for start in range(0, len(parameters), _BLOCK):
        part = parameters.frames(start, start + _BLOCK)
        projected = project_landmarks(model, part).numpy()
        for points, detected in zip(projected, track.landmarks_px[start : start + _BLOCK], strict=True):
            errors.append(np.linalg.norm(points - detected, axis=1).mean() / interocular_px(detected))
    return np.array(errors, np.float32)
