"""From a fitted clip's 52 ARKit weights to the open pose of the speech model: how far, not by which of many ways.

A fit may write one and the same mouth in many ways (jaw open and lips closed, smile and frown, left against right).
Here the way is fixed: the lips' points as the fit moves them, made symmetric and measured from the speaker's resting
face, are written with the 14 open-pose channels alone, as near to the fit's own weights as the points allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.model.landmark_sets import LOWER_LIP_RINGS, UPPER_LIP_RINGS
from face3d.model.morphable_model import load_default_model
from face3d.parameters import FaceParameters
from talkinghead.speech.perform.mouth import POSE_CHANNELS

Array = NDArray[np.float64]

_INNER_UPPER, _INNER_LOWER = 13, 14
_CORNERS = ((61, 291), (78, 308))  # outer and inner corner of the lips, right and left
_MIRRORED = np.array([-1.0, 1.0, 1.0])
_GAP_WEIGHT = 10.0  # of the measured gap of the lips against one coordinate of one point
_WIDTH_WEIGHT = 10.0  # of the measured width of the mouth
# mm per unit weight: what the points must gain for a weight to leave the fit's own. What a fit explains odd lips with
# is held at 0 instead, and more firmly.
_PRIOR_WEIGHT = 8.0
_FIRM_WEIGHT = 50.0
_FIRM = frozenset(("mouthShrugLower", "mouthShrugUpper", "mouthRollLower", "mouthRollUpper", "jawForward"))
_SWEEPS = 40
_NAMES = {"jawOpen": (("jawOpen", 1.0), ("mouthClose", -1.0))}
_UNMEASURED = ("tongueOut",)


@dataclass(frozen=True)
class LipPoints:
    """What weights do to the lips of the default head.

    Attributes:
        index: [L] MediaPipe's points; mirror: [L] where each one's mirror image stands in `index`.
        rest: [L, 3] mm; basis: [14, L, 3] mm at weight 1 of the open-pose channels.
    """

    index: NDArray[np.intp]
    mirror: NDArray[np.intp]
    rest: Array
    basis: Array


@lru_cache(maxsize=1)
def lip_points() -> LipPoints:
    """The lips of the default head."""
    order: list[int] = []
    partner: dict[int, int] = {}
    for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS, *_CORNERS):
        order += ring
        partner |= dict(zip(ring, reversed(ring), strict=True))
    index = np.array(order)
    mirror = np.array([order.index(partner[point]) for point in order])
    model = load_default_model()
    basis = model.landmarks478.of(model.expression_basis)[:, index].double().numpy()
    rest = model.landmarks478.of(model.mean)[index].double().numpy()
    channels = [sum(basis[ARKIT_INDEX[n]] for n in _sides(name)) for name in POSE_CHANNELS]
    return LipPoints(index, mirror, rest, np.stack(channels))


def _sides(name: str) -> list[str]:
    return [n for n in (name, f"{name}Left", f"{name}Right") if n in ARKIT_INDEX]


def lip_motion(parameters: FaceParameters) -> Array:  # -> [T, L, 3] mm
    """How the fit moves this person's lips from the model's rest, made symmetric."""
    lips = lip_points()
    model = load_default_model()
    basis = model.landmarks478.of(model.expression_basis)[:, lips.index]
    own = parameters.landmark_shapes
    if own is not None:
        basis = basis + own[1:, lips.index]
    moved = torch.tensordot(parameters.expression, basis, dims=1).double().numpy()
    return (moved + moved[:, lips.mirror] * _MIRRORED) / 2


def named_pose(expression: Array) -> Array:  # [T, 52] -> [T, 14]
    """The open-pose channels by name: mean of left and right, jaw less mouthClose; below 0 where that is larger."""
    columns = []
    for name in POSE_CHANNELS:
        parts = _NAMES.get(name) or tuple((n, 1 / len(_sides(name))) for n in _sides(name))
        columns.append(sum(expression[:, ARKIT_NAMES.index(n)] * share for n, share in parts))
    return np.stack(columns, 1)


def open_pose(
    motion: Array,  # [T, L, 3] mm, of `lip_motion`, from the speaker's rest
    named: Array,  # [T, 14] from the speaker's rest, the prior
    size_mm: Array,  # [T, 2] measured gap of the inner lips and width of the mouth, from rest
) -> NDArray[np.float32]:  # [T, 14] 0..1
    """Non-negative least squares by coordinate descent, all frames at once."""
    lips = lip_points()
    basis = lips.basis.reshape(len(POSE_CHANNELS), -1)
    sizes = size_basis() * (_GAP_WEIGHT, _WIDTH_WEIGHT)
    firm = np.array([name in _FIRM for name in POSE_CHANNELS])
    firmness = np.where(firm, _FIRM_WEIGHT, _PRIOR_WEIGHT) ** 2
    prior = np.where(firm, 0, np.clip(named, 0, 1))
    normal = basis @ basis.T + sizes @ sizes.T + np.diag(firmness)
    right = motion.reshape(len(motion), -1) @ basis.T + (size_mm * (_GAP_WEIGHT, _WIDTH_WEIGHT)) @ sizes.T
    right += firmness * prior
    free = [i for i, name in enumerate(POSE_CHANNELS) if name not in _UNMEASURED]
    pose = np.where(np.isin(np.arange(len(basis)), free), prior, 0.0)
    for _ in range(_SWEEPS):
        for column in free:
            step = (right[:, column] - pose @ normal[column]) / normal[column, column]
            pose[:, column] = np.clip(pose[:, column] + step, 0, 1)
    return pose.astype(np.float32)


def size_basis() -> Array:  # [14, 2]
    """What the channels at weight 1 add to the gap of the inner lips and to the width of the mouth, mm."""
    lips = lip_points()
    at = {point: row for row, point in enumerate(lips.index.tolist())}
    right, left = _CORNERS[0]
    gap = lips.basis[:, at[_INNER_UPPER], 1] - lips.basis[:, at[_INNER_LOWER], 1]
    return np.stack([gap, lips.basis[:, at[left], 0] - lips.basis[:, at[right], 0]], 1)


def measured_size_mm(parameters: FaceParameters, landmarks_px: NDArray[np.float32]) -> Array:  # [T, 478, 2] -> [T, 2]
    """Gap of the inner lips and width of the mouth at the head's distance; NaN where the face is lost."""
    scale = parameters.translation[:, 2].double().numpy() / parameters.camera.focal_px
    pairs = ((_INNER_UPPER, _INNER_LOWER), _CORNERS[0])
    pixels = np.stack([np.linalg.norm(landmarks_px[:, a] - landmarks_px[:, b], axis=1) for a, b in pairs], 1)
    return np.asarray(pixels * scale[:, None], np.float64)


def captured_pose(
    parameters: FaceParameters,
    landmarks_px: NDArray[np.float32],  # [T, 478, 2]
    resting: NDArray[np.bool_],  # [T] frames in which the speaker's mouth idles
) -> NDArray[np.float32]:  # [T, 14]
    """The open pose of a fitted clip, measured from the speaker's resting lips.

    A mouth that rests open stays open: only the shape of the resting lips is taken away, not their gap.
    """
    lips, jaw = lip_points(), POSE_CHANNELS.index("jawOpen")
    motion, named = lip_motion(parameters), named_pose(parameters.expression.double().numpy())
    sizes = measured_size_mm(parameters, landmarks_px)
    rest, rest_named, rest_size = (np.median(x[resting], axis=0) for x in (motion, named, sizes))
    idle = max(float(rest_size[0] - np.percentile(sizes[:, 0], 2)), 0.0) / size_basis()[jaw, 0]
    rest = rest - idle * lips.basis[jaw]
    rest_named[jaw] -= idle
    rest_size = rest_size - idle * size_basis()[jaw]
    return open_pose(motion - rest, named - rest_named, sizes - rest_size)
