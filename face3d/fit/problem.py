"""What the landmark fit works on: the model at its landmarks, what is seen, and what is solved for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX, EYE_LOOK_CHANNELS
from face3d.camera import HEAD_TO_CAMERA_DIAGONAL
from face3d.model.landmark_sets import (
    FACE_OVAL,
    LEFT_EYE_OUTER,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_INNER_LIP,
    RIGHT_EYE_OUTER,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_INNER_LIP,
)
from face3d.model.morphable_model import MorphableModel

Array = NDArray[Any]

IRIS_FIRST = 468
# Turned by the eyeballs, which are solved afterwards.
FIXED_CHANNELS = (*EYE_LOOK_CHANNELS, ARKIT_INDEX["tongueOut"])
FREE_CHANNELS = np.setdiff1d(np.arange(52), FIXED_CHANNELS)
FLIP = np.array(HEAD_TO_CAMERA_DIAGONAL)
# Opposite points of lips and lids.
GAP_UPPER = np.array([*UPPER_INNER_LIP, *LEFT_UPPER_LID, *RIGHT_UPPER_LID])
GAP_LOWER = np.array([*LOWER_INNER_LIP, *LEFT_LOWER_LID, *RIGHT_LOWER_LID])
_LIP_GAPS = len(UPPER_INNER_LIP)


@dataclass(frozen=True)
class Weights:
    """Standard deviations of the terms: a smaller number means more trust.

    Attributes:
        landmark: of a landmark, as a share of the inter-ocular distance.
        depth: of MediaPipe's relative depth, as a share of the inter-ocular distance.
        identity, expression, rotation: factors on the standard deviations that the evidence comes with.
        distance_mm, log_distance: median and log standard deviation of the camera's distance.
        outline, hidden: factors on the standard deviation of those landmarks.
        lip_gap, lid_gap: of the distance between opposite points of lips and of lids, as a share of the inter-ocular
            distance: landmarks err together, so how far a mouth is open is known much better than where it is.
        busy: where frames share an identity, how much a frame's expression (the length of its weights) adds to the
            standard deviation of its landmarks, as a factor.
        gap_slack: what the gap itself adds to that, as a share of it: touching lips are certain, wide open ones not.
    """

    landmark: float = 0.035
    depth: float = 0.4
    identity: float = 0.4
    expression: float = 0.08
    rotation: float = 0.2
    distance_mm: float = 900.0
    log_distance: float = 0.35
    outline: float = 2.0
    hidden: float = 4.0
    lip_gap: float = 0.006
    lid_gap: float = 0.01
    gap_slack: float = 0.15
    busy: float = 5.0


# Of the frames from which a video's identity is taken: it is known from many of them, so what lips do is expression,
# while in one photo it may be their shape.
PERSON_WEIGHTS = Weights(expression=0.12, gap_slack=0.02)
# Of the frames of a known person: landmarks decide, because a video that is drawn again must have its own in place.
FRAME_WEIGHTS = Weights(landmark=0.007, expression=0.24, lip_gap=0.002, lid_gap=0.004, gap_slack=0.02, busy=1.0)


@dataclass(frozen=True, eq=False)  # an identity of its own, to keep what is computed from it
class LandmarkModel:
    """A morphable model at its 468 skin landmarks: mean [468, 3], identity [K, 468, 3], expression [52, 468, 3] mm,
    and the outward normals [468, 3] of the mean face."""

    mean: Array
    identity: Array
    expression: Array
    normals: Array

    @classmethod
    @lru_cache(maxsize=2)
    def of(cls, model: MorphableModel) -> LandmarkModel:
        """Collect in float64; kept for the models used last."""

        def at(value: Any) -> Array:
            taken: Array = model.landmarks478.of(value)[..., :IRIS_FIRST, :].double().numpy()
            return taken

        corners = model.mean[model.landmarks478.triangles[:IRIS_FIRST]].double().numpy()
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return cls(at(model.mean), at(model.identity_basis), at(model.expression_basis), normals)

    def astype(self, dtype: type[np.floating[Any]]) -> LandmarkModel:
        """The same in another precision."""
        return LandmarkModel(*(np.asarray(a, dtype) for a in (self.mean, self.identity, self.expression, self.normals)))


@dataclass(frozen=True, eq=False)
class Observations:
    """Detections of one person in B frames.

    Attributes:
        points: [B, 468, 2] px. depth: [B, 468] px, zero mean in each frame.
        expression, expression_sd: [B, 52] and [52], what the detector's scores say (`face3d.fit.detector_calibration`).
        identity, identity_sd: [K], evidence about the identity; the model's prior where there is none.
        rotation: [B, 3, 3] head rotation relative to the line of sight, rotation_sd: [3] rad.
        center: [B, 2] px, the principal points.
    """

    points: Array
    depth: Array
    expression: Array
    expression_sd: Array
    identity: Array
    identity_sd: Array
    rotation: Array
    rotation_sd: Array
    center: Array

    def frames(self, index: Array) -> Observations:
        """Some of the frames."""
        chosen = {name: getattr(self, name)[index] for name in _PER_FRAME}
        return replace(self, **chosen)

    def astype(self, dtype: type[np.floating[Any]]) -> Observations:
        """The same in another precision."""
        return Observations(*(np.asarray(getattr(self, name), dtype) for name in self.__dataclass_fields__))

    @cached_property
    def scale_px(self) -> Array:
        """[B] distance of the outer eye corners in space-true pixels, which turning the head changes little."""
        ends = np.concatenate([self.points, self.depth[..., None]], -1)[:, [RIGHT_EYE_OUTER, LEFT_EYE_OUTER]]
        distance: Array = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=-1)
        return distance


_PER_FRAME = ("points", "depth", "expression", "rotation", "center")


@dataclass(frozen=True, eq=False)
class Solution:
    """B frames: rotation [B, 3] rad, translation [B, 3] mm, focal_px [B], identity [K], expression [B, 52] in 0..1,
    cost (the sum of squared weighted residuals)."""

    rotation: Array
    translation: Array
    focal_px: Array
    identity: Array
    expression: Array
    cost: float


@dataclass(frozen=True, eq=False)
class State:
    """What is solved for."""

    rotation: Array  # [B, 3, 3]
    translation: Array  # [B, 3]
    log_focal: Array  # [B]
    identity: Array  # [K]
    expression: Array  # [B, 52]

    def frames(self, index: Array) -> State:
        """Some of the frames."""
        return replace(self, **{name: getattr(self, name)[index] for name in _POSED})

    def put(self, index: Array, other: State) -> None:
        """Overwrite some of the frames, in place."""
        for name in _POSED:
            getattr(self, name)[index] = getattr(other, name)


_POSED = ("rotation", "translation", "log_focal", "expression")


@dataclass(frozen=True, eq=False)
class Terms:
    """Normal equations: per frame [B, L, L], [B, L]; frame to shared [B, L, S]; shared [S, S], [S]."""

    local: Array
    local_gradient: Array
    cross: Array
    shared: Array
    shared_gradient: Array


def point_share(weights: Weights) -> Array:  # [468]
    """Factors on the landmarks' standard deviation."""
    share = np.ones(IRIS_FIRST)
    share[list(FACE_OVAL)] = weights.outline  # the outline slides over the head with the pose
    return share


def gap_share(weights: Weights) -> Array:  # [G]
    """Standard deviation of the gaps as a share of the inter-ocular distance."""
    share = np.full(len(GAP_UPPER), weights.lid_gap)
    share[:_LIP_GAPS] = weights.lip_gap
    return share
