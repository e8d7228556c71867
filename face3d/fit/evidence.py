"""Detections of one person, with what they say about the face, as the solver wants them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d.fit.detector_calibration import Evidence, load_calibration
from face3d.fit.problem import IRIS_FIRST, Array, Observations
from face3d.model.morphable_model import DEFAULT_MODEL, MorphableModel

# Errors of one person's evidence are alike in every picture: so much of their variance no further picture removes.
SHARED_ERROR = 0.5
# How much a frame's expression (the length of its weights) adds to the error of its evidence, as a factor.
UNREST = 2.0


def observe(
    model: MorphableModel,
    landmarks_px: NDArray[np.floating],  # [B, 478, 2]
    landmarks_z: NDArray[np.floating],  # [B, 478]
    scores: NDArray[np.floating],  # [B, 52]
    centers: NDArray[np.floating],  # [B, 2] px
) -> Observations:
    """Collect B detections of one person.

    Expression and rotation mean the same for every model; what the detections say about the identity is known for the
    default model only, others keep their own prior.
    """
    evidence = load_calibration()(landmarks_px, landmarks_z, scores)
    if model.name == DEFAULT_MODEL:
        identity, identity_sd = pool_identity(evidence)
    else:
        identity, identity_sd = np.zeros(model.identity_size), np.ones(model.identity_size)
    depth = np.asarray(landmarks_z, float)[:, :IRIS_FIRST]
    return Observations(
        points=np.asarray(landmarks_px, float)[:, :IRIS_FIRST],
        depth=depth - depth.mean(1, keepdims=True),
        expression=evidence.expression,
        expression_sd=evidence.expression_sd,
        identity=identity,
        identity_sd=identity_sd,
        rotation=evidence.rotation,
        rotation_sd=evidence.rotation_sd,
        center=np.asarray(centers, float),
    )


def pool_identity(evidence: Evidence) -> tuple[Array, Array]:  # [K], [K]
    """The identity of one person from B pieces of evidence, and its standard deviation.

    Calm faces count more. Each piece is the posterior N(m, s^2) under the prior N(m0, s0^2) of the training heads, so a
    measurement of precision 1 / s^2 - 1 / s0^2. B of them with correlated errors are worth B / (1 + (B - 1)
    SHARED_ERROR).
    """
    count = len(evidence.identity)
    calm = 1 / (1 + UNREST * np.linalg.norm(evidence.expression, axis=1)) ** 2
    mean = (calm / calm.sum()) @ evidence.identity
    worth = count / (1 + (count - 1) * SHARED_ERROR)
    prior = 1 / evidence.prior_sd**2
    posterior = 1 / evidence.identity_sd**2
    measured = np.maximum(posterior - prior, 1e-3 * prior)
    pull = (mean * posterior - evidence.prior_mean * prior) * worth + evidence.prior_mean * prior
    precision = prior + worth * measured
    # Evidence that was no better than the prior adds nothing.
    return np.where(posterior > prior, pull / precision, evidence.prior_mean), 1 / np.sqrt(precision)
