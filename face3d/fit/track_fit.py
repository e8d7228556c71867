"""Y -> Y' for one followed person: one identity and one focal length for the video, then every frame, then smoothing.

1. Identity and focal length come from a few frames that are as different in pose and as calm in expression as the
   video offers, fitted together; what the detections say about the identity is pooled over many more.
2. With both fixed, frames are independent: pose and expression are solved in batches, and the gaze from the irises.
3. Each shot is smoothed by the noise of its coefficients; gaps are bridged, and never across a cut.
4. What the landmarks still differ by, the same way whenever the face does the same, becomes part of the person.

Memory is that of the result (about 250 bytes per frame): the track may lie on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.camera import Camera
from face3d.errors import InputError
from face3d.fit.detector_calibration import load_calibration
from face3d.fit.evidence import observe, pool_identity
from face3d.fit.gaze import conjugate, eye_rotation_from_iris
from face3d.fit.noise_levels import smoothing_levels
from face3d.fit.photo_fit import with_eye_look
from face3d.fit.problem import FRAME_WEIGHTS, PERSON_WEIGHTS, LandmarkModel, Weights
from face3d.fit.recentre import anchor
from face3d.fit.smoothing import smooth
from face3d.fit.solver import solve, solve_frames
from face3d.follow.track import Track
from face3d.model.landmark_motion import LandmarkMotion
from face3d.model.landmark_sets import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from face3d.model.morphable_model import DEFAULT_MODEL, MorphableModel, load_default_model
from face3d.model.personal_shapes import fit_personal_shapes, personal_model
from face3d.parameters import FaceParameters

Array = NDArray[np.float64]

_BATCH = 128
_CALM = 0.5  # radians that an expression weight of 1 counts in the choice of key frames


@dataclass(frozen=True)
class SequenceOptions:
    """How a video is fitted.

    Attributes:
        person_weights: trust in the terms of the objective when the identity is fitted.
        weights: the same for single frames.
        key_frames: from how many frames identity and focal length are fitted.
        candidates: from how many, evenly spread over the video, these are chosen.
        bridged_seconds: gaps up to this long are interpolated with some confidence, longer ones with none.
        smoothing: whether to remove jitter.
        personal_shapes: whether to correct the model's shapes by what the video shows of this person's.
        model: the morphable model; the one that comes with the package when not given.
    """

    person_weights: Weights = PERSON_WEIGHTS
    weights: Weights = FRAME_WEIGHTS
    key_frames: int = 8
    candidates: int = 200
    bridged_seconds: float = 0.4
    smoothing: bool = True
    personal_shapes: bool = True
    model: MorphableModel | None = None


@dataclass(frozen=True, eq=False)
class SequenceFit:
    """A fitted video.

    Attributes:
        parameters: T frames; `confidence` is 1 where the face was measured, between 0 and 1 in bridged gaps, else 0.
        nme: [T] float32, mean distance of the 478 projected points to the detected ones over the distance of the outer
            eye corners; NaN where the face is lost.
        messages: what the user should know, one sentence each.
    """

    parameters: FaceParameters
    nme: NDArray[np.float32]
    messages: tuple[str, ...] = ()


def fit_track(
    track: Track,
    options: SequenceOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SequenceFit:
    """Fit one followed person.

    Args:
        track: detections, frame by frame.
        options: see `SequenceOptions`.
        progress: called with (frames done, frames in all).

    Raises:
        InputError: the face is in no frame.
    """
    options = options or SequenceOptions()
    found = np.flatnonzero(track.found)
    if not len(found):
        raise InputError("No face was found in the video; use one where the face is visible, upright and sharp.")
    model = options.model or load_default_model()
    identity, focal = _fit_person(model, track, found, options)
    camera = Camera(focal, (track.image_size[0] / 2, track.image_size[1] / 2), track.image_size)
    values = _fit_frames(model, track, identity, camera, options, progress)
    confidence = np.zeros(len(track))
    motion = LandmarkMotion.of(model, torch.from_numpy(identity).float())
    for shot in _shots(track.shot):
        _finish_shot(track, shot, values, confidence, motion, camera, options)
    _fill_lost_shots(values)
    parameters = _to_parameters(values, identity, confidence, track, camera, model.name)
    if options.personal_shapes:
        parameters = replace(parameters, landmark_shapes=fit_personal_shapes(motion, parameters, track.landmarks_px))
    return SequenceFit(parameters, _errors(model, track, parameters), _messages(track))


def _fit_person(
    model: MorphableModel, track: Track, found: NDArray[np.intp], options: SequenceOptions
) -> tuple[Array, float]:
    """Identity [K] and focal length."""
    candidates = found[np.unique(np.linspace(0, len(found) - 1, options.candidates).round().astype(int))]
    evidence = load_calibration()(
        track.landmarks_px[candidates], track.landmarks_z[candidates], track.scores[candidates]
    )
    keys = np.sort(candidates[_choose_keys(evidence.rotation, evidence.expression, options.key_frames)])
    centers = np.tile(np.array(track.image_size) / 2, (len(keys), 1))
    seen = observe(model, track.landmarks_px[keys], track.landmarks_z[keys], track.scores[keys], centers)
    if model.name == DEFAULT_MODEL:
        pooled, pooled_sd = pool_identity(evidence)
        seen = replace(seen, identity=pooled, identity_sd=pooled_sd)
    solution = solve(LandmarkModel.of(model), seen, options.person_weights, shared_focal=True, iterations=25)
    return solution.identity, float(solution.focal_px[0])


def _choose_keys(rotation: Array, expression: Array, count: int) -> NDArray[np.intp]:
    """Farthest points in pose, starting from the calmest frame; a busy expression counts against a frame."""
    forward = rotation[:, :, 2]  # where the nose points
    unrest = _CALM * np.linalg.norm(expression, axis=1)
    chosen = [int(unrest.argmin())]
    distance = np.full(len(forward), np.inf)
    while len(chosen) < min(count, len(forward)):
        distance = np.minimum(distance, np.linalg.norm(forward - forward[chosen[-1]], axis=1))
        score = distance - unrest
        score[chosen] = -np.inf
        chosen.append(int(score.argmax()))
    return np.array(chosen)


def _fit_frames(
    model: MorphableModel,
    track: Track,
    identity: Array,
    camera: Camera,
    options: SequenceOptions,
    progress: Callable[[int, int], None] | None,
) -> Array:  # [T, 62]: rotation 3, translation 3, expression 52, eyes 4; NaN where the face is lost
    points = LandmarkModel.of(model)
    person = torch.from_numpy(identity).float()
    result = np.full((len(track), 62), np.nan)
    for start in range(0, len(track), _BATCH):
        part = track.frames(start, start + _BATCH)
        index = np.flatnonzero(part.found)
        if len(index):
            landmarks = np.array(part.landmarks_px[index])
            centers = np.tile(np.array(camera.principal_point_px), (len(index), 1))
            seen = observe(model, landmarks, part.landmarks_z[index], part.scores[index], centers)
            seen = replace(seen, identity=identity)
            solution = solve_frames(points, seen, camera.focal_px, options.weights)
            rotation, translation = (
                torch.from_numpy(np.asarray(a)).float() for a in (solution.rotation, solution.translation)
            )
            eyes = conjugate(eye_rotation_from_iris(model, person, rotation, translation, camera, landmarks))
            result[start + index] = np.concatenate(
                [solution.rotation, solution.translation, solution.expression, eyes.reshape(-1, 4).numpy()], 1
            )
        if progress is not None:
            progress(min(start + _BATCH, len(track)), len(track))
    return result


def _shots(shot: NDArray[np.int32]) -> Iterator[slice]:
    """The frames between cuts."""
    edges = [0, *(np.flatnonzero(np.diff(shot)) + 1), len(shot)]
    yield from (slice(int(a), int(b)) for a, b in pairwise(edges))


def _finish_shot(
    track: Track,
    shot: slice,
    values: Array,
    confidence: Array,
    motion: LandmarkMotion,
    camera: Camera,
    options: SequenceOptions,
) -> None:
    """Bridge gaps and smooth one shot, in place."""
    present = np.asarray(track.found[shot])
    if not present.any():
        return
    part = values[shot]
    measured = part[present]
    box = track.landmarks_px[shot][present]
    size = float(np.median((box.max(1) - box.min(1)).max(1)))
    levels = smoothing_levels(size, float(np.median(measured[:, 5])), track.fps)
    bridged = smooth(part, levels.noise, levels.agility, present)
    bridged[:, 3:6] = anchor(motion, camera, part, bridged, present, size, track.fps)
    values[shot] = bridged if options.smoothing else np.where(present[:, None], part, bridged)
    confidence[shot] = _confidence(present, options.bridged_seconds * track.fps)


def _confidence(present: NDArray[np.bool_], longest: float) -> Array:
    """1 where measured; in gaps of at most `longest` frames it falls with the distance to the nearest measured one."""
    result = present.astype(float)
    edges = np.flatnonzero(np.diff(np.concatenate([[1], present.astype(int), [1]])))
    for first, stop in edges.reshape(-1, 2):
        if first > 0 and stop < len(present) and stop - first <= longest:
            place = np.arange(first, stop)
            nearest = np.minimum(place - first + 1, stop - place)
            result[first:stop] = 1 - nearest / (longest / 2 + 1)
    return result


def _fill_lost_shots(values: Array) -> None:
    """A shot without the face holds the nearest pose, at rest."""
    lost = np.isnan(values[:, 0])
    if not lost.any():
        return
    known, index = np.flatnonzero(~lost), np.flatnonzero(lost)
    after = np.searchsorted(known, index)
    before, after = known[np.maximum(after - 1, 0)], known[np.minimum(after, len(known) - 1)]
    values[index] = values[np.where(np.abs(index - before) <= np.abs(after - index), before, after)]
    values[index, 6:] = 0


def _to_parameters(
    values: Array, identity: Array, confidence: Array, track: Track, camera: Camera, model: str
) -> FaceParameters:
    tensor = torch.from_numpy(values).float()
    eyes = tensor[:, 58:].reshape(-1, 2, 2)
    return FaceParameters(
        identity=torch.from_numpy(identity).float(),
        expression=with_eye_look(tensor[:, 6:58].clamp(0, 1), eyes),
        rotation=tensor[:, :3].contiguous(),
        translation=tensor[:, 3:6].contiguous(),
        eye_rotation=eyes.contiguous(),
        confidence=torch.from_numpy(confidence).float(),
        fps=track.fps,
        camera=camera,
        model=model,
    )


def _errors(model: MorphableModel, track: Track, parameters: FaceParameters) -> NDArray[np.float32]:
    motion = LandmarkMotion.of(personal_model(parameters, model), parameters.identity)
    result = np.full(len(track), np.nan, np.float32)
    for start in range(0, len(track), _BATCH):
        index = start + np.flatnonzero(track.found[start : start + _BATCH])
        if len(index):
            detected = track.landmarks_px[index]
            offset = motion.project(parameters, index) - detected
            eyes = np.linalg.norm(detected[:, LEFT_EYE_OUTER] - detected[:, RIGHT_EYE_OUTER], axis=1)
            result[index] = np.linalg.norm(offset, axis=2).mean(1) / eyes
    return result


def _messages(track: Track) -> tuple[str, ...]:
    lost = int((~track.found).sum())
    cuts = int(np.count_nonzero(np.diff(track.shot)))
    messages = []
    if lost:
        messages.append(f"The person is not seen in {lost} of {len(track)} frames; their confidence is below 1.")
    if cuts:
        messages.append(f"{cuts} {'cut was' if cuts == 1 else 'cuts were'} found; nothing is smoothed across them.")
    return tuple(messages)
