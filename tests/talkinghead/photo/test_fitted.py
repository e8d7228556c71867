"""Which faces an avatar can be made of."""

from __future__ import annotations

import dataclasses
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from face3d.detect.face import FaceDetection
from face3d.errors import InputError
from face3d.fit.detector_calibration import load_calibration
from face3d.fit.photo_fit import PhotoFit
from face3d.model.landmark_sets import LEFT_LOWER_LID, LEFT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_UPPER_LID
from face3d.parameters import FaceParameters
from talkinghead.config import load_config
from talkinghead.photo import fitted as portrait
from talkinghead.photo.fitted import (
    FittedPhoto,
    check_animatable,
    fit_found,
    fit_photo_files,
    may_differ,
    turned_away_degrees,
)
from talkinghead.photo.found_face import FoundFace
from talkinghead.photo.poses import nobody


@pytest.mark.parametrize("yaw", [-60.0, -20.0, 0.0, 35.0, 80.0])
@pytest.mark.parametrize("pitch", [0.0, 20.0])
def test_angle(yaw: float, pitch: float) -> None:
    """It is the turn to the side that counts, and the way in which the head is held changes it little."""
    parameters = dataclasses.replace(nobody(10), rotation=torch.tensor([[0.0, math.radians(yaw), 0.0]]))
    assert turned_away_degrees(parameters) == pytest.approx(abs(yaw), abs=0.01)
    tilted = torch.tensor([[math.radians(pitch), 0.0, 0.0]])
    assert turned_away_degrees(dataclasses.replace(nobody(10), rotation=tilted)) == pytest.approx(0, abs=0.01)


def test_a_head_beside_the_picture_is_seen_from_the_side() -> None:
    """It faces the way the camera looks, but the camera sees its side."""
    beside = dataclasses.replace(nobody(10), translation=torch.tensor([[850.0, 0.0, 850.0]]))
    assert turned_away_degrees(beside) == pytest.approx(45, abs=0.01)


@pytest.mark.parametrize(("yaw", "refused"), [(30.0, False), (-39.0, False), (50.0, True), (-70.0, True)])
def test_heads_turned_too_far(yaw: float, refused: bool, astronaut, astronaut_fit: PhotoFit) -> None:  # type: ignore[no-untyped-def]
    centred = torch.tensor([[0.0, 0.0, 800.0]])
    turned = torch.tensor([[0.0, math.radians(yaw), 0.0]])
    parameters = dataclasses.replace(astronaut_fit.parameters, rotation=turned, translation=centred)
    turned_portrait = FittedPhoto(astronaut, dataclasses.replace(astronaut_fit, parameters=parameters))
    if not refused:
        check_animatable(turned_portrait)
        return
    with pytest.raises(InputError, match=f"turned {abs(yaw):.0f} degrees .* at most 35"):
        check_animatable(turned_portrait)


def mean_identity() -> torch.Tensor:
    return torch.from_numpy(load_calibration().prior_mean).float()


@pytest.mark.parametrize(("edge", "words"), [("mouth", "within the mouth"), ("eye", "within the eye"), ("chin", None)])
def test_faces_that_the_photo_cuts_off(edge: str, words: str | None, astronaut, astronaut_fit: PhotoFit) -> None:  # type: ignore[no-untyped-def]
    """Landmarks go on beyond the border, where nothing is seen."""
    x, y = astronaut_fit.detection.landmarks_px[{"mouth": 13, "eye": 33, "chin": 199}[edge]]
    cut = astronaut[:, int(x) + 3 :] if edge == "eye" else astronaut[: int(y) + 1]
    shift = (int(x) + 3, 0) if edge == "eye" else (0, 0)
    detection = dataclasses.replace(
        astronaut_fit.detection, landmarks_px=astronaut_fit.detection.landmarks_px - np.float32(shift)
    )
    shown = FittedPhoto(np.ascontiguousarray(cut), dataclasses.replace(astronaut_fit, detection=detection))
    if words is None:
        check_animatable(shown)
        return
    with pytest.raises(InputError, match=words):
        check_animatable(shown)


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ((2.0, 0.0), (2.0, 0.0), False),
        ((1.0, 0.0), (5.0, 0.0), False),  # one head in two poses: the same direction, however far
        ((3.0, 0.0), (3.0, 2.5), False),
        ((2.0, 0.0), (0.0, 2.0), True),
        ((2.0, 0.0), (-2.0, 0.3), True),
    ],
)
def test_shapes_that_are_far_apart(first: tuple[float, float], second: tuple[float, float], apart: bool) -> None:
    def person(place: tuple[float, float]) -> FaceParameters:
        identity = mean_identity()
        identity[:2] += torch.tensor(place)
        return dataclasses.replace(nobody(10), identity=identity)

    assert may_differ(person(first), person(second)) == apart
    assert may_differ(person(second), person(first)) == apart


@pytest.mark.parametrize("another", [False, True])
def test_photos_of_different_people_are_mentioned(
    another: bool, astronaut_fit: PhotoFit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    photo = Path(__file__).parents[2] / "data" / "astronaut.jpg"
    real, count = portrait.fit_detection, 0

    def fit_detection(*arguments: Any, **options: Any) -> PhotoFit:
        nonlocal count
        count += 1
        fit = real(*arguments, **options)
        if another and count == 2:
            opposite = 2 * mean_identity() - fit.parameters.identity
            return dataclasses.replace(fit, parameters=dataclasses.replace(fit.parameters, identity=opposite))
        return fit

    monkeypatch.setattr(portrait, "fit_detection", fit_detection)
    with caplog.at_level(logging.INFO, logger="talkinghead"):
        assert len(fit_photo_files([photo, photo], load_config().photo)) == 2
    assert ("may show different people" in caplog.text) == another


def blink(face: FaceDetection) -> FaceDetection:
    """The same face with its lower lids drawn up to the upper ones."""
    points = face.landmarks_px.copy()
    points[list(LEFT_LOWER_LID)] = points[list(LEFT_UPPER_LID)]
    points[list(RIGHT_LOWER_LID)] = points[list(RIGHT_UPPER_LID)]
    return dataclasses.replace(face, landmarks_px=points)


def test_frames_with_open_eyes_come_first(
    astronaut: np.ndarray, astronaut_detection: FaceDetection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    photo = Path(__file__).parents[2] / "data" / "astronaut.jpg"
    awake = FoundFace(astronaut, astronaut_detection, ())
    asleep = FoundFace(astronaut, blink(astronaut_detection), ())
    options = load_config().photo
    assert fit_found([asleep, awake], photo, options, animated=True).fit.detection is awake.detection
    assert "eyes are shut" not in caplog.text
    assert fit_found([asleep, awake], photo, options, animated=False).fit.detection is asleep.detection
    assert fit_found([asleep], photo, options, animated=True).fit.detection is asleep.detection
    assert f"eyes are shut in {photo}" in caplog.text
