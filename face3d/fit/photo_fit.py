"""Y -> Y' for photos: pose, identity, expression and gaze from MediaPipe's landmarks, depth and ARKit scores.

Landmarks alone leave opposite ARKit units degenerate and the identity no better than the mean face. What the detection
says about both, calibrated on heads whose parameters are known (`face3d.fit.detector_calibration`), is the prior of a
bounded Levenberg-Marquardt fit to the landmarks (`face3d.fit.solver`). Several photos of a person share one identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX
from face3d.camera import Camera, head_to_camera
from face3d.detect.detector import FaceDetection, FaceDetector
from face3d.detect.face import SMALLEST_FACE_PX, choose_face
from face3d.errors import InputError
from face3d.fit.evidence import observe
from face3d.fit.gaze import conjugate, eye_rotation_from_iris
from face3d.fit.problem import LandmarkModel, Weights
from face3d.fit.solver import solve
from face3d.model.landmark_sets import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from face3d.model.morphable_model import MorphableModel, load_default_model
from face3d.model.personal_shapes import personal_model
from face3d.parameters import FaceParameters

_KNOWN = 1e-4  # standard deviation of an identity that no longer moves


@dataclass(frozen=True)
class FitOptions:
    """How a photo is fitted.

    Attributes:
        weights: trust in the terms of the objective.
        smallest_face_px: faces whose landmark box is smaller are refused.
        model: the morphable model; the one that comes with the package when not given.
    """

    weights: Weights = field(default_factory=Weights)
    smallest_face_px: float = SMALLEST_FACE_PX
    model: MorphableModel | None = None


@dataclass(frozen=True, eq=False)
class PhotoFit:
    """A fitted photo.

    Attributes:
        parameters: one frame (T = 1).
        detection: the face that was fitted.
        landmarks_px: [478, 2] float32 projections of the model's landmarks.
        nme: mean distance of the 478 points to the detected ones over the distance of the outer eye corners.
        messages: what the user should know, one sentence each.
    """

    parameters: FaceParameters
    detection: FaceDetection
    landmarks_px: NDArray[np.float32]
    nme: float
    messages: tuple[str, ...] = ()


def interocular_px(landmarks_px: NDArray[np.float32]) -> float:
    """Distance of the outer eye corners of [478, 2] points."""
    return float(np.linalg.norm(landmarks_px[LEFT_EYE_OUTER] - landmarks_px[RIGHT_EYE_OUTER]))


def fit_photo(
    image: NDArray[np.uint8],  # [H, W, 3] RGB
    face_index: int | None = None,
    options: FitOptions | None = None,
    detector: FaceDetector | None = None,
) -> PhotoFit:
    """Detect and fit the face of a photo.

    Args:
        image: [H, W, 3] uint8 RGB.
        face_index: which face, 0 = the largest; None takes the largest and says so when there are several.
        options: see `FitOptions`.
        detector: an open detector to reuse; else one is opened and closed.

    Raises:
        InputError: no usable face.
    """
    options = options or FitOptions()
    if detector is None:
        with FaceDetector() as own:
            faces = own.detect(image)
    else:
        faces = detector.detect(image)
    face, messages = choose_face(faces, face_index, options.smallest_face_px)
    return fit_detection(face, (image.shape[1], image.shape[0]), options, messages)


def fit_photos(
    images: Sequence[NDArray[np.uint8]],  # [H, W, 3] RGB each
    face_index: int | None = None,
    options: FitOptions | None = None,
    detector: FaceDetector | None = None,
) -> tuple[PhotoFit, ...]:
    """Detect and fit photos of one person, of any sizes and cameras; all fits have the same identity.

    Args:
        images: one or more [H, W, 3] uint8 RGB.
        face_index, options, detector: as for :func:`fit_photo`.

    Raises:
        InputError: no photo, or one without a usable face.
    """
    options = options or FitOptions()
    if not images:
        raise InputError("No photo to fit was given.")
    if detector is None:
        with FaceDetector() as own:
            return fit_photos(images, face_index, options, own)
    chosen = [choose_face(detector.detect(image), face_index, options.smallest_face_px) for image in images]
    sizes = [(image.shape[1], image.shape[0]) for image in images]
    fits = fit_detections([face for face, _ in chosen], sizes, options)
    return tuple(replace(fit, messages=messages) for fit, (_, messages) in zip(fits, chosen, strict=True))


def fit_detection(
    face: FaceDetection,
    image_size: tuple[int, int],
    options: FitOptions | None = None,
    messages: tuple[str, ...] = (),
) -> PhotoFit:
    """Fit one detected face of a picture of `image_size` (width, height)."""
    return replace(fit_detections([face], [image_size], options)[0], messages=messages)


def fit_detections(
    faces: Sequence[FaceDetection],
    image_sizes: Sequence[tuple[int, int]],
    options: FitOptions | None = None,
) -> tuple[PhotoFit, ...]:
    """Fit detections of one person in pictures of these sizes (width, height), each with a camera of its own."""
    options = options or FitOptions()
    model = options.model or load_default_model()
    seen = observe(
        model,
        np.stack([face.landmarks_px for face in faces]),
        np.stack([face.landmarks_z for face in faces]),
        np.stack([face.scores for face in faces]),
        np.array(image_sizes, float) / 2,
    )
    points = LandmarkModel.of(model)
    solution = solve(points, seen, options.weights)
    identity = torch.from_numpy(solution.identity).float()
    if len(faces) > 1:  # the identity is known now: each photo's own pose and expression
        seen = replace(seen, identity=solution.identity, identity_sd=np.full_like(solution.identity, _KNOWN))
        solutions = [solve(points, seen.frames(np.array([i])), options.weights) for i in range(len(faces))]
    else:
        solutions = [solution]
    fits = []
    for face, size, own in zip(faces, image_sizes, solutions, strict=True):
        camera = Camera(float(own.focal_px[0]), (size[0] / 2, size[1] / 2), size)
        rotation, translation, expression = (
            torch.from_numpy(values[0]).float() for values in (own.rotation, own.translation, own.expression)
        )
        eyes = conjugate(eye_rotation_from_iris(model, identity, rotation, translation, camera, face.landmarks_px))
        parameters = FaceParameters(
            identity=identity,
            expression=with_eye_look(expression, eyes)[None],
            rotation=rotation[None],
            translation=translation[None],
            eye_rotation=eyes[None],
            confidence=torch.ones(1),
            fps=25.0,
            camera=camera,
            model=model.name,
        )
        projected = project_landmarks(model, parameters)[0].numpy()
        error = np.linalg.norm(projected - face.landmarks_px, axis=1).mean() / interocular_px(face.landmarks_px)
        fits.append(PhotoFit(parameters, face, projected, float(error)))
    return tuple(fits)


def project_landmarks(model: MorphableModel, parameters: FaceParameters) -> torch.Tensor:  # [T, 478, 2] px
    """The model's 478 landmarks in the picture, for every frame."""
    person = personal_model(parameters, model)
    vertices = person.vertices(parameters.identity, parameters.expression, parameters.eye_rotation)
    points = model.landmarks478.of(vertices)
    return parameters.camera.project(head_to_camera(points, parameters.rotation, parameters.translation))


# eyeLook* at weight 1 is taken as this rotation, in radians: the reach of a comfortable gaze.
EYE_LOOK_REACH = {"Up": 0.45, "Down": 0.55, "In": 0.60, "Out": 0.60}


def with_eye_look(expression: torch.Tensor, eye_rotation: torch.Tensor) -> torch.Tensor:
    """The [..., 52] expression with its eight eyeLook weights set from the [..., 2, 2] eyeball rotation."""
    result = expression.clone()
    for side, name in enumerate(("Left", "Right")):
        pitch, yaw = eye_rotation[..., side, 0], eye_rotation[..., side, 1]
        outward = yaw if name == "Left" else -yaw
        amounts = {"Down": pitch, "Up": -pitch, "Out": outward, "In": -outward}
        for direction, amount in amounts.items():
            weight = (amount / EYE_LOOK_REACH[direction]).clamp(0, 1)
            result[..., ARKIT_INDEX[f"eyeLook{direction}{name}"]] = weight
    return result
