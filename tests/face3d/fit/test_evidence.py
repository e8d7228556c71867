"""What several detections of one person say about the identity."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from face3d.detect.detector import FaceDetection
from face3d.fit.detector_calibration import Evidence, load_calibration
from face3d.fit.evidence import SHARED_ERROR, observe, pool_identity
from face3d.fit.problem import IRIS_FIRST, Observations
from face3d.model.morphable_model import MorphableModel

PRIOR_MEAN, PRIOR_SD = np.array([0.2, -0.1, 0.0]), np.array([1.0, 0.8, 0.5])
PIECE_SD = np.array([0.4, 0.5, 0.45])


def evidence_of(identity: np.ndarray, expression: np.ndarray | None = None, sd: np.ndarray = PIECE_SD) -> Evidence:
    count = len(identity)
    return Evidence(
        expression=np.zeros((count, 52)) if expression is None else expression,
        expression_sd=np.ones(52),
        identity=identity,
        identity_sd=sd,
        rotation=np.tile(np.eye(3), (count, 1, 1)),
        rotation_sd=np.ones(3),
        prior_mean=PRIOR_MEAN,
        prior_sd=PRIOR_SD,
    )


def test_one_piece_is_itself() -> None:
    piece = np.array([[1.0, -0.7, 0.3]])
    mean, sd = pool_identity(evidence_of(piece))
    np.testing.assert_allclose(mean, piece[0])
    np.testing.assert_allclose(sd, PIECE_SD)


def test_agreeing_pieces_move_away_from_the_prior() -> None:
    """Each was drawn towards the prior; together they know better, but errors that they share stay."""
    piece = np.array([1.0, -0.7, 0.3])
    means, sds = zip(*(pool_identity(evidence_of(np.tile(piece, (n, 1)))) for n in (1, 2, 5, 1000)), strict=True)
    assert (np.diff(np.abs(means - PRIOR_MEAN), axis=0) > 0).all()
    assert (np.diff(sds, axis=0) < 0).all()
    measured = 1 / PIECE_SD**2 - 1 / PRIOR_SD**2
    least = 1 / np.sqrt(1 / PRIOR_SD**2 + measured / SHARED_ERROR)  # what no number of pictures removes
    assert (sds[-1] > least).all()
    np.testing.assert_allclose(sds[-1], least, rtol=1e-3)


def test_pieces_are_averaged() -> None:
    pieces = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.4]])
    both = pool_identity(evidence_of(pieces))[0]
    alike = pool_identity(evidence_of(np.tile(pieces.mean(0), (2, 1))))[0]
    np.testing.assert_allclose(both, alike)
    np.testing.assert_allclose(pool_identity(evidence_of(pieces[::-1]))[0], both)


def test_calm_faces_count_more() -> None:
    pieces = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    expression = np.zeros((2, 52))
    expression[1, 10:14] = 0.8
    calm_high = pool_identity(evidence_of(pieces, expression))[0]
    calm_low = pool_identity(evidence_of(pieces, expression[::-1]))[0]
    middle = pool_identity(evidence_of(pieces))[0]
    assert (calm_high > middle).all()
    assert (middle > calm_low).all()


def test_evidence_worse_than_the_prior_adds_nothing() -> None:
    sd = np.array([0.4, 0.9, 0.5])  # the second is wider than the prior, the third as wide
    mean, spread = pool_identity(evidence_of(np.full((4, 3), 3.0), sd=sd))
    assert mean[0] > 2
    np.testing.assert_allclose(mean[1:], PRIOR_MEAN[1:])
    np.testing.assert_allclose(spread[1:], PRIOR_SD[1:], rtol=0.01)


# --- observe


def observed(model: MorphableModel, face: FaceDetection, count: int = 1) -> Observations:
    return observe(
        model,
        np.tile(face.landmarks_px, (count, 1, 1)),
        np.tile(face.landmarks_z, (count, 1)),
        np.tile(face.scores, (count, 1)),
        np.full((count, 2), 160.0),
    )


def test_the_default_model_gets_the_evidence(model: MorphableModel, astronaut_detection: FaceDetection) -> None:
    seen = observed(model, astronaut_detection, 2)
    face = astronaut_detection
    evidence = load_calibration()(face.landmarks_px[None], face.landmarks_z[None], face.scores[None])
    np.testing.assert_allclose(seen.expression, np.tile(evidence.expression, (2, 1)), atol=1e-6)
    np.testing.assert_allclose(seen.points[1], face.landmarks_px[:IRIS_FIRST])
    np.testing.assert_allclose(seen.depth.mean(1), 0, atol=1e-4)
    assert np.ptp(seen.depth[0] - face.landmarks_z[:IRIS_FIRST]) < 1e-3
    one = observed(model, astronaut_detection)
    assert np.abs(one.identity).max() > 0.3
    assert (seen.identity_sd < one.identity_sd).mean() > 0.9
    assert (seen.identity_sd <= one.identity_sd).all()


@pytest.mark.parametrize("size", [5, 70])
def test_other_models_keep_their_own_prior(
    model: MorphableModel, astronaut_detection: FaceDetection, size: int
) -> None:
    basis = model.identity_basis[:1].repeat(size, 1, 1)
    other = dataclasses.replace(model, name="someone-elses", identity_basis=basis)
    seen = observed(other, astronaut_detection)
    np.testing.assert_array_equal(seen.identity, np.zeros(size))
    np.testing.assert_array_equal(seen.identity_sd, np.ones(size))
    assert seen.expression.max() > 0.3  # expressions mean the same for every model
