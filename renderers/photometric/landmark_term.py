"""Residuals of the landmarks with their derivatives: what keeps a refined face on its features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d.camera import Camera
from face3d.model.landmark_sets import (
    FACE_OVAL,
    INNER_LIPS,
    LEFT_EYE,
    LEFT_EYE_OUTER,
    OUTER_LIPS,
    RIGHT_EYE,
    RIGHT_EYE_OUTER,
)
from renderers.photometric.patch import LANDMARKS, Patch, Shape, View, head_to_camera_matrix

Array = NDArray[np.float64]

# The outline slides over the head with the pose; lips and lids carry what the viewer looks at.
_OUTLINE, _LIPS, _LIDS = 2.0, 0.5, 0.6
# Beyond this many standard deviations an error counts linearly (Huber).
_HUBER = 2.0


class LandmarkTerm:
    """The landmarks of one photo.

    Args:
        landmarks_px: [478, 2] as detected.
        camera: of the photo.
        share: standard deviation as a share of the distance of the outer eye corners.
        patch: the face.
    """

    def __init__(self, landmarks_px: NDArray[np.floating], camera: Camera, share: float, patch: Patch) -> None:
        self._points = np.asarray(landmarks_px[:LANDMARKS], np.float64)
        self._camera, self._patch = camera, patch
        sigma = np.full(LANDMARKS, share)
        sigma[list(FACE_OVAL)] *= _OUTLINE
        sigma[[*OUTER_LIPS, *INNER_LIPS]] *= _LIPS
        sigma[[*LEFT_EYE, *RIGHT_EYE]] *= _LIDS
        eyes = self._points[[LEFT_EYE_OUTER, RIGHT_EYE_OUTER]]
        self._sigma = sigma * float(np.linalg.norm(eyes[0] - eyes[1]))

    def __call__(self, shape: Shape, view: View) -> tuple[Array, Array, Array, Array]:
        """[936] weighted residuals in standard deviations; their derivatives by the linear unknowns
        [936, K + 52 + 3 M], the pose [936, 6] and the zoom [936]."""
        positions = np.asarray(self._patch.at_landmarks(self._patch.camera(shape, view)), np.float64)
        depth = positions[:, 2:]
        focal = self._camera.focal_px * np.exp(shape.zoom)
        projected = positions[:, :2] / depth * focal
        error = (projected + self._camera.principal_point_px - self._points) / self._sigma[:, None]
        weight = np.sqrt(np.minimum(1, _HUBER / np.maximum(np.linalg.norm(error, axis=1), 1e-9)))
        # d pixel / d position, [468, 2, 3]
        slope = np.zeros((LANDMARKS, 2, 3))
        slope[:, 0, 0] = slope[:, 1, 1] = focal
        slope[:, :, 2] = -projected
        slope *= (weight / self._sigma)[:, None, None] / depth[..., None]
        turned = np.asarray(slope @ head_to_camera_matrix(view), np.float32)
        linear = turned @ self._patch.landmark_basis
        pose = slope @ self._patch.pose_columns(positions, view)
        return (
            (error * weight[:, None]).ravel(),
            linear.reshape(2 * LANDMARKS, -1),
            pose.reshape(2 * LANDMARKS, -1),
            (projected * (weight / self._sigma)[:, None]).ravel(),
        )
