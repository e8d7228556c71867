"""`fit --refine`: what light and shade add to a landmark fit, for photos and for videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.fit.photo_fit import PhotoFit, interocular_px, project_landmarks
from face3d.fit.track_fit import SequenceFit, SequenceOptions, fit_track
from face3d.follow.track import Track
from face3d.model.morphable_model import MorphableModel, load_default_model
from face3d.parameters import FaceParameters
from renderers.photometric import Photo, Refined, Refiner
from talkinghead.fitting.report import head_degrees
from talkinghead.media.video_file import VideoFile

Progress = Callable[[int, int], None]

# A video's person is refined from up to so many of its frames together. Frames that look alike do not tell more than
# one of them, but would count as if they did: their heads must differ by this many degrees.
_KEY_FRAMES, _APART_DEGREES = 5, 8.0


@dataclass(frozen=True)
class PhotometricError:
    """Median relative error of the brightness of the face's triangles (0.05 = 5 %), mean over the refined pictures."""

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
    return results, _mean_error(refined)


def refine_video(
    video: VideoFile, track: Track, fit: SequenceFit, progress: Progress
) -> tuple[SequenceFit, PhotometricError]:
    """A video's fit with a person refined by light and shade.

    The person (identity, residual, texture) comes from a few frames together; then pose and expression of all frames
    are fitted to the landmarks again, with that person's shape.

    Args:
        video: the video.
        track: what was detected in it.
        fit: what was fitted to that.
        progress: of the second fit, called with (frames done, frames in all).
    """
    keys = key_frames(fit.parameters, fit.nme)
    images = _read_frames(video, keys)
    # What the landmarks say of the person's shape is left to the pictures.
    plain = replace(fit.parameters, landmark_shapes=None)
    photos = [
        Photo(image, plain.frames(i, i + 1), np.array(track.landmarks_px[i]))
        for i, image in zip(keys, images, strict=True)
    ]
    refined = Refiner().refine(photos)
    person = refined.parameters[0]
    again = fit_track(track, SequenceOptions(model=frozen_model(person)), progress)
    parameters = replace(
        again.parameters,
        identity=person.identity,
        shape_residual=person.shape_residual,
        texture=person.texture,
        light=person.light,
    )
    return replace(again, parameters=parameters), _mean_error(refined)


def frozen_model(person: FaceParameters) -> MorphableModel:
    """The model of one person only: whatever its identity coefficients are, it has this one's shape."""
    model = load_default_model()
    if person.shape_residual is not None:
        model = model.with_residual(person.shape_residual)
    return replace(model, mean=model.neutral(person.identity), identity_basis=torch.zeros_like(model.identity_basis))


def key_frames(parameters: FaceParameters, nme: NDArray[np.float32]) -> list[int]:
    """Measured frames whose landmarks fit well and whose heads look into clearly different directions.

    The best frame first, then each time the one whose (yaw, pitch) is furthest from those chosen.
    """
    measured = np.flatnonzero((parameters.confidence.numpy() == 1) & np.isfinite(nme))
    good = measured[nme[measured] <= np.median(nme[measured])]
    directions = head_degrees(parameters.rotation[torch.from_numpy(good)])[:, :2]
    chosen = [int(np.argmin(nme[good]))]
    while len(chosen) < _KEY_FRAMES:
        distance = np.linalg.norm(directions[:, None] - directions[chosen], axis=-1).min(1)
        if distance.max() < _APART_DEGREES:
            break
        chosen.append(int(distance.argmax()))
    return [int(good[i]) for i in chosen]


def _read_frames(video: VideoFile, numbers: list[int]) -> list[NDArray[np.uint8]]:
    kept = {}
    with video.read() as frames:
        for index, image in zip(range(max(numbers) + 1), frames, strict=False):
            if index in numbers:
                kept[index] = image
    return [kept[number] for number in numbers]


def _mean_error(refined: Refined) -> PhotometricError:
    return PhotometricError(float(refined.error_before.mean()), float(refined.error_after.mean()))
