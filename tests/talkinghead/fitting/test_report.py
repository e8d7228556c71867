"""Figures of fitted videos."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from face3d.camera import axis_angle_to_matrix, matrix_to_axis_angle
from face3d.detect.detector import FaceDetection
from face3d.fit.photo_fit import PhotoFit, project_landmarks
from face3d.follow.track import Track
from face3d.model.landmark_sets import INNER_LIPS, OUTER_LIPS
from face3d.model.morphable_model import MorphableModel, load_default_model
from face3d.parameters import FaceParameters
from talkinghead.fitting.plot import draw_curves
from talkinghead.fitting.report import (
    Stability,
    Timing,
    head_degrees,
    mouth_free,
    ranges,
    stability,
    stability_figures,
    video_figures,
)
from talkinghead.media.image import load_photo


def repeated(fit: PhotoFit, count: int) -> FaceParameters:
    """A photo's parameters as a video of `count` frames."""
    fields = ("expression", "rotation", "translation", "eye_rotation")
    arrays = {n: getattr(fit.parameters, n).repeat(count, *[1] * (getattr(fit.parameters, n).ndim - 1)) for n in fields}
    return dataclasses.replace(fit.parameters, **arrays, confidence=torch.ones(count))


def track_of(parameters: FaceParameters, noise: float, shot: list[int] | None = None) -> Track:
    """The fitted landmarks with noise, as if detected."""
    points = project_landmarks(load_default_model(), parameters).numpy()
    points = points + np.random.default_rng(0).normal(scale=noise, size=points.shape).astype(np.float32)
    count = len(parameters)
    return Track(
        landmarks_px=points.astype(np.float32),
        landmarks_z=np.zeros((count, 478), np.float32),
        scores=np.zeros((count, 52), np.float32),
        found=np.ones(count, bool),
        shot=np.array(shot or [0] * count, np.int32),
        others=np.zeros(count, np.uint8),
        fps=25.0,
        image_size=parameters.camera.image_size,
    )


@given(st.lists(st.booleans(), max_size=20))
def test_ranges(mask: list[bool]) -> None:
    inside = [i for first, last in ranges(np.array(mask, bool)) for i in range(first, last + 1)]
    assert inside == [i for i, value in enumerate(mask) if value]
    runs = ranges(np.array(mask, bool))
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(runs)), "neighbours are one run"


@pytest.mark.parametrize(
    ("axis", "angles"),
    [((0, 0.3, 0), (0.3, 0, 0)), ((-0.3, 0, 0), (0, 0.3, 0)), ((0, 0, 0.3), (0, 0, 0.3))],
    ids=["yaw to the subject's left", "pitch up", "roll"],
)
def test_head_degrees(axis: tuple[float, ...], angles: tuple[float, ...]) -> None:
    np.testing.assert_allclose(head_degrees(torch.tensor([axis])), np.degrees([angles]), atol=1e-4)


@given(st.floats(-1.2, 1.2), st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))
def test_head_degrees_make_the_rotation(yaw: float, pitch: float, roll: float) -> None:
    turns = [axis_angle_to_matrix(torch.tensor(v)) for v in ([0, yaw, 0], [-pitch, 0, 0], [0, 0, roll])]
    rotation = matrix_to_axis_angle(turns[0] @ turns[1] @ turns[2])[None]
    np.testing.assert_allclose(head_degrees(rotation)[0], np.degrees([yaw, pitch, roll]), atol=0.1)


def test_lips_are_not_free_of_the_mouth(model: MorphableModel) -> None:
    points = set(mouth_free(model).tolist())
    assert not points & {*OUTER_LIPS, *INNER_LIPS, 152}
    assert points >= {33, 133, 263, 362, 168, 6, 10}, "eye corners, bridge of the nose, forehead"


def test_the_stability_index_is_one_over_the_variance_of_the_acceleration() -> None:
    points = np.random.default_rng(0).normal(size=(50, 3, 2)) * [[1], [2], [4]]
    acceleration = points[2:] - 2 * points[1:-1] + points[:-2]
    expected = (1 / acceleration.var(0).sum(-1)).mean()
    stability = Stability()
    stability.add(points)
    assert stability.index() == pytest.approx(expected)
    in_blocks = Stability()
    for start in range(0, 50, 10):
        in_blocks.add(points[start : start + 12])
    assert in_blocks.index() == pytest.approx(expected)


def test_steady_motion_is_stable_and_nothing_has_no_index() -> None:
    steady = Stability()
    steady.add(np.arange(10.0)[:, None, None] * np.ones((1, 3, 2)))
    assert steady.index() > 1e9
    assert math.isnan(Stability().index())


def test_stability_of_a_still_fit_over_a_noisy_detector(astronaut_fit: PhotoFit) -> None:
    still = repeated(astronaut_fit, 300)
    raw, fitted = stability(track_of(still, 0.5), still)
    assert raw == pytest.approx(1 / (2 * 6 * 0.25), rel=0.1), "a second difference has 6 times the variance"
    assert fitted > 1000 * raw


def test_a_cut_is_no_motion(astronaut_fit: PhotoFit) -> None:
    parameters = repeated(astronaut_fit, 40)
    moved = parameters.translation.clone()
    moved[20:, 0] += 100
    parameters = dataclasses.replace(parameters, translation=moved)
    with_cut, _ = stability(track_of(parameters, 0.5, [0] * 20 + [1] * 20), parameters)
    without, _ = stability(track_of(parameters, 0.5), parameters)
    assert with_cut > 5 * without


def test_all_figures(astronaut_fit: PhotoFit, astronaut_detection: FaceDetection) -> None:
    parameters = repeated(astronaut_fit, 6)
    parameters = dataclasses.replace(parameters, confidence=torch.tensor([1.0, 1, 1, 0.5, 0, 0]))
    track = Track.of([astronaut_detection] * 3 + [None] * 3, 25.0, (320, 320), [0, 0, 1, 1, 1, 1])
    nme = np.array([0.01, 0.02, 0.06, np.nan, np.nan, np.nan], np.float32)
    figures = video_figures(track, parameters, nme)
    assert figures["frames_with_a_face"] == 3
    assert (figures["lost"], figures["interpolated"], figures["cuts"]) == ([[4, 5]], [[3, 3]], [2])
    errors = figures["nme_percent"]
    assert errors["mean"] == pytest.approx(3)
    assert errors["median"] == pytest.approx(2)
    assert (errors["worst"], errors["worst_frame"]) == (pytest.approx(6), 2)
    assert figures["face_px"] == pytest.approx(astronaut_detection.size_px, rel=1e-5)
    assert "NaN" not in json.dumps(figures)
    assert stability_figures(track.frames(0, 2), parameters.frames(0, 2)) == dict.fromkeys(
        ("raw_msi", "fitted_msi", "ratio")
    ), "two frames have no acceleration"


def test_timing() -> None:
    timing = Timing()
    timing.add("following", 2.0, 100)
    assert timing.figures() == {"following": {"seconds": 2.0, "frames_per_second": 50.0}}


def test_curves(tmp_path: Path, astronaut_fit: PhotoFit) -> None:
    """Lost frames are shaded red, interpolated ones orange."""
    confidence = torch.ones(50)
    pictures = []
    for lost in (False, True):
        if lost:
            confidence[10:20], confidence[30:40] = 0, 0.5
        parameters = dataclasses.replace(repeated(astronaut_fit, 50), confidence=confidence.clone())
        nme = np.where(confidence.numpy() == 1, 0.01, np.nan).astype(np.float32)
        draw_curves(tmp_path / "p.png", parameters, nme, [25], "A title")
        pictures.append(load_photo(tmp_path / "p.png").astype(int))
    clean, marked = pictures
    assert clean.shape == marked.shape == (750, 1200, 3)

    def tinted(picture: np.ndarray, left: float, right: float) -> float:
        part = picture[50:-60, int(1200 * left) : int(1200 * right)]
        return float((part[..., 0] - part[..., 2] > 40).mean())

    assert tinted(marked, 0.26, 0.4) > 0.5
    assert tinted(marked, 0.64, 0.76) > 0.5
    assert tinted(marked, 0.08, 0.2) < 0.1
    assert tinted(clean, 0.08, 0.95) < 0.1
