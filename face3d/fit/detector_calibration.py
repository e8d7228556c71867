"""What a detection says about a face, learnt on rendered heads whose parameters are known.

MediaPipe's landmarks and scores are biased and correlated: they shrink towards its own mean face, smiles move its jaw
line, its pitch is off by degrees. A small network, trained on pictures of random heads of our model
(`scripts/train_calibration.py`), turns them into unbiased evidence with a measured spread for each quantity:
expression, identity and head rotation. The solver weighs that evidence against the landmarks themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from face3d.resources import asset_path
from face3d.rotations import matrices_of, vectors_of

Array = NDArray[Any]

_SKIN = 468  # landmarks before the irises
# Pixels (+y down, +z away) to the head's axes.
_AXES = np.array([1.0, -1.0, -1.0])
# Scores are compared on the logistic scale, where a doubtful 0.02 and a certain 0.98 both count.
_SCORE_LIMIT = 1e-4
# Radians to the size of the other features (mm, logits), so that one principal-component basis serves all.
ROTATION_SCALE = 20.0
IRIS_SCALE = 0.3


@dataclass(frozen=True, eq=False)
class Evidence:
    """What B detections say.

    Attributes:
        expression [B, 52] 0..1 and its standard deviation [52].
        identity [B, K] and its standard deviation [K] for one frame.
        rotation [B, 3, 3] of the head relative to the line of sight, and its standard deviation [3] in radians.
        prior_mean, prior_sd: [K] of the identity of people at large.
    """

    expression: Array
    expression_sd: Array
    identity: Array
    identity_sd: Array
    rotation: Array
    rotation_sd: Array
    prior_mean: Array
    prior_sd: Array


@dataclass(frozen=True, eq=False)
class Calibration:
    """The network and its spreads; see :func:`load_calibration`.

    Attributes:
        canonical: [478, 3] mm, the mean face's landmarks, to which detections are aligned.
        center [F], components [F, P]: principal components of the features, whitened.
        layers: (weight [O, I], bias [O]) of the three layers; direct: of the linear path beside them.
        channels: [E] which of the 52 weights the outputs stand for.
        output_mean, output_scale: [E + K + 3], outputs to expression, identity and a correcting turn (rad).
        expression_sd [52], identity_sd [K], rotation_sd [3]: spread of the truth around the output.
        prior_mean, prior_sd: [K] identity of the training heads, which were spread like fits of photos of people.
    """

    canonical: Array
    center: Array
    components: Array
    layers: tuple[tuple[Array, Array], ...]
    direct: tuple[Array, Array]
    channels: Array
    output_mean: Array
    output_scale: Array
    expression_sd: Array
    identity_sd: Array
    rotation_sd: Array
    prior_mean: Array
    prior_sd: Array

    def __call__(self, landmarks_px: Array, landmarks_z: Array, scores: Array) -> Evidence:
        """Evidence from detections.

        Args:
            landmarks_px: [B, 478, 2]; landmarks_z: [B, 478] px; scores: [B, 52], as `FaceDetection` has them.
        """
        features, rotation = describe(self.canonical, landmarks_px, landmarks_z, scores, self.channels)
        x = (features - self.center).astype(np.float32) @ self.components
        output = _affine(x, self.direct)
        for layer in self.layers[:-1]:
            x = _affine(x, layer)
            x = x / (1 + np.exp(-np.clip(x, -60, 60)))  # SiLU
        output = (output + _affine(x, self.layers[-1])) * self.output_scale + self.output_mean
        count = len(self.channels)
        expression = np.zeros((len(output), 52))
        expression[:, self.channels] = np.clip(output[:, :count], 0, 1)
        turn = matrices_of(output[:, -3:])
        return Evidence(
            expression,
            self.expression_sd,
            output[:, count:-3].astype(float),
            self.identity_sd,
            turn @ rotation,
            self.rotation_sd,
            self.prior_mean,
            self.prior_sd,
        )


def _affine(x: Array, layer: tuple[Array, Array]) -> Array:
    result: Array = x @ layer[0].T + layer[1]
    return result


def describe(
    canonical: Array,  # [478, 3] mm
    landmarks_px: Array,  # [B, 478, 2]
    landmarks_z: Array,  # [B, 478] px
    scores: Array,  # [B, 52]
    channels: Array,  # [E]
) -> tuple[Array, Array]:
    """Features [B, F] that do not depend on the face's place and size in the picture, and a rough rotation [B, 3, 3].

    The detected points, with their depth, are laid on the canonical face by a similarity (Umeyama 1991); what is left
    in millimetres, the rotation and the scores' logits are the features.
    """
    points = np.concatenate([landmarks_px, landmarks_z[..., None]], -1).astype(float) * _AXES
    scale, rotation, origin = align(canonical[:_SKIN], points[:, :_SKIN])
    laid = np.einsum("bji,blj->bli", rotation, points - origin[:, None]) / scale[:, None, None] - canonical
    laid[:, _SKIN:] *= IRIS_SCALE
    kept = np.clip(scores[:, channels].astype(float), _SCORE_LIMIT, 1 - _SCORE_LIMIT)
    turns = vectors_of(rotation) * ROTATION_SCALE
    return np.concatenate([laid.reshape(len(laid), -1), turns, np.log(kept / (1 - kept))], 1), rotation


def align(source: Array, targets: Array) -> tuple[Array, Array, Array]:  # [L, 3], [B, L, 3] -> [B], [B, 3, 3], [B, 3]
    """Scale, rotation and translation with ``target ~ s R source + t`` (Umeyama 1991)."""
    from_mean, to_mean = source.mean(0), targets.mean(1, keepdims=True)
    covariance = np.einsum("bli,lj->bij", targets - to_mean, source - from_mean)
    u, values, vt = np.linalg.svd(covariance)
    signs = np.ones((len(targets), 3))
    signs[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * signs[:, None]) @ vt
    scale = (values * signs).sum(1) / ((source - from_mean) ** 2).sum()
    return scale, rotation, to_mean[:, 0] - scale[:, None] * (rotation @ from_mean)


@lru_cache(maxsize=1)
def load_calibration() -> Calibration:
    """The calibration of the default model that comes with the package."""
    return calibration_from(load_file(asset_path("calibration-v1.safetensors")))


def calibration_from(tensors: dict[str, Array]) -> Calibration:
    """From the tensors of a calibration file."""

    def layer(name: str) -> tuple[Array, Array]:
        return tensors[f"{name}.weight"].astype(np.float32), tensors[f"{name}.bias"].astype(np.float32)

    plain = {name: tensors[name] for name in Calibration.__dataclass_fields__ if name in tensors}
    plain["center"], plain["components"] = (tensors[name].astype(np.float32) for name in ("center", "components"))
    count = sum(1 for name in tensors if name.startswith("layers.")) // 2
    return Calibration(layers=tuple(layer(f"layers.{i}") for i in range(count)), direct=layer("direct"), **plain)
