"""The smoothed head stays where it is seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from face3d.camera import Camera
from face3d.fit.photo_fit import project_landmarks
from face3d.fit.recentre import anchor, centers_of
from face3d.model.landmark_motion import LandmarkMotion
from face3d.model.morphable_model import MorphableModel
from face3d.parameters import FaceParameters

CAMERA = Camera(1200.0, (320.0, 240.0), (640, 480))
FRAMES = 60


@pytest.fixture(scope="module")
def motion(model: MorphableModel) -> LandmarkMotion:
    return LandmarkMotion.of(model, torch.zeros(model.identity_size))


def swaying(seed: int = 0) -> np.ndarray:
    """[T, 62] a head that nods and sways widely and quickly."""
    rng = np.random.default_rng(seed)
    t = np.arange(FRAMES)
    values = np.zeros((FRAMES, 62))
    values[:, 1] = 0.3 * np.sin(t / 4)
    values[:, 3] = 60 * np.sin(t / 5)
    values[:, 5] = 800 + 30 * np.cos(t / 7)
    values[:, 6:58] = 0.1 * rng.random((FRAMES, 52))
    return values


def test_centers_are_those_of_the_projected_landmarks(model: MorphableModel, motion: LandmarkMotion) -> None:
    values = swaying()
    tensor = torch.from_numpy(values).float()
    parameters = FaceParameters(
        identity=torch.zeros(model.identity_size),
        expression=tensor[:, 6:58],
        rotation=tensor[:, :3].contiguous(),
        translation=tensor[:, 3:6].contiguous(),
        eye_rotation=tensor[:, 58:].reshape(-1, 2, 2),
        confidence=torch.ones(FRAMES),
        fps=25.0,
        camera=CAMERA,
    )
    expected = project_landmarks(model, parameters).mean(1).numpy()
    np.testing.assert_allclose(centers_of(motion, values, CAMERA), expected, atol=1e-3)


def test_a_lagging_head_is_put_back(motion: LandmarkMotion) -> None:
    """Smoothing that trails two frames behind is off by many pixels; anchored, by a fraction of one."""
    measured = swaying()
    smoothed = np.roll(measured, 2, axis=0)
    smoothed[:2] = smoothed[2]
    result = smoothed.copy()
    result[:, 3:6] = anchor(motion, CAMERA, measured, smoothed, np.ones(FRAMES, bool), 250.0, 25.0)
    wanted = centers_of(motion, measured, CAMERA)

    def error(values: np.ndarray) -> float:
        return float(np.abs(centers_of(motion, values, CAMERA) - wanted).mean())

    assert error(smoothed) > 10
    assert error(result) < 0.05 * error(smoothed)
    np.testing.assert_array_equal(result[:, 5], smoothed[:, 5])


def test_gaps_are_bridged_and_their_rows_ignored(motion: LandmarkMotion) -> None:
    measured, present = swaying(), np.ones(FRAMES, bool)
    present[20:24] = False
    smoothed = measured.copy()
    measured[~present] = np.nan
    result = anchor(motion, CAMERA, measured, smoothed, present, 250.0, 25.0)
    assert np.isfinite(result).all()
    assert np.abs(result - smoothed[:, 3:6])[~present].max() < 10


def test_what_agrees_is_left_alone(motion: LandmarkMotion) -> None:
    still = np.repeat(swaying()[:1], FRAMES, axis=0)
    result = anchor(motion, CAMERA, still, still, np.ones(FRAMES, bool), 250.0, 25.0)
    np.testing.assert_allclose(result, still[:, 3:6], rtol=0, atol=1e-3)  # mm
