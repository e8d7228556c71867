"""Measuring a face whose place is nearly known, as in the next frame of a video."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.detect.face import FaceDetection, roll_matrix, roll_of
from face3d.detect.landmark_nets import CROP_PX, LandmarkNets
from face3d.detect.view import ImageArray, View
from face3d.model.canonical_face import head_matrix

# The crop that MediaPipe's detector chooses, from the landmarks that it leads to: over 30 GRID frames and 25 portraits
# its side is 1.41 +- 0.02 times the larger side of the landmarks' box in the upright crop, and its middle 0.033 +- 0.01
# times that below the box's.
_CROP_SCALE, _CROP_DROP = 1.406, 0.033
# The view that the head matrix of `FaceDetector` belongs to (its CROP_SCALE).
_POSE_SCALE = 2.0
# A crop that is 5 % of the face's size off moves the landmarks by 0.25 % on average, no more than the detector's noise.
_SETTLED, _ROUNDS = 0.05, 3
# Turn in degrees -> log-odds. Clear faces have 13 and more, half hidden ones 5 and more; of 470 crops of noise, a cat
# and backgrounds 8 had more than 2, and all of them "face" the camera. A head turned by 60 degrees has 2, by 80 still
# -4, with landmarks that are 3 to 5 % of the face's size off.
_PRESENCE_NEEDED = ((30.0, 60.0), (5.0, -5.0))
_STRANGEST = 0.2  # faces have up to 0.14


def crop_of(landmarks_px: NDArray[np.floating]) -> View:  # [478, 2]
    """The upright crop in which the landmark net expects a face."""
    angle = roll_of(landmarks_px)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])  # upright -> picture
    upright = landmarks_px @ turn
    low, high = upright.min(0), upright.max(0)
    size = float((high - low).max())
    x, y = turn @ ((low + high) / 2 + (0, _CROP_DROP * size))
    return View((float(x), float(y)), _CROP_SCALE * size, angle)


class FaceTracker:
    """Measures a face near a place where it is expected; the result agrees with `FaceDetector`'s within its noise.

    A call takes about 7 ms of one core for a face that hardly moved, twice that for one that moved far.

    Args:
        threads: how many a call may use.
    """

    def __init__(self, threads: int = 1) -> None:
        self._nets = LandmarkNets(threads)

    def track(self, image: ImageArray, expected_px: NDArray[np.floating]) -> FaceDetection | None:
        """The face at a place.

        Args:
            image: [H, W, 3] uint8 RGB.
            expected_px: [478, 2] about where its landmarks are, off by at most a third of its size.

        Returns:
            The face, or None when there is none: what the nets see elsewhere is unlike a face or faces away.
        """
        for _ in range(_ROUNDS):
            face, presence, strangeness = self._measure(image, expected_px)
            moved = np.linalg.norm(face.landmarks_px - expected_px, axis=1).mean()
            if moved <= _SETTLED * face.size_px:
                break
            expected_px = face.landmarks_px
        is_face = strangeness < _STRANGEST and presence > needed_presence(turn_of(face.head_matrix))
        return face if is_face else None

    def _measure(self, image: ImageArray, expected_px: NDArray[np.floating]) -> tuple[FaceDetection, float, float]:
        """The face in the crop at a place, its log-odds of being there, and how unlike a face it is."""
        view = crop_of(expected_px)
        crop, matrix = view.resample(image, CROP_PX, cv2.INTER_LINEAR)
        seen = self._nets.run(crop)
        landmarks = (seen.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        z = (seen.landmarks[:, 2] * (view.side / CROP_PX)).astype(np.float32)
        box = np.concatenate([landmarks.min(0), landmarks.max(0)])
        pose, strangeness = _pose(landmarks, z)
        scores = self._nets.score(seen.landmarks[:, :2])
        face = FaceDetection(landmarks, z, scores, pose, box, float((box[2:] - box[:2]).max()))
        return face, seen.presence, strangeness


def turn_of(head_matrix: NDArray[np.floating]) -> float:  # [4, 4]
    """The angle between the line of sight and where the head faces, radians; roll does not count."""
    return float(np.arccos(np.clip(head_matrix[2, 2] / np.linalg.norm(head_matrix[:3, 2]), -1, 1)))


def needed_presence(turn: float) -> float:  # radians
    """The log-odds from which the nets' view is a face, less for a head that turns away (see `_PRESENCE_NEEDED`)."""
    return float(np.interp(np.degrees(turn), *_PRESENCE_NEEDED))


def _pose(landmarks_px: NDArray[np.float32], z: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """`head_matrix` of the landmarks in the view that `FaceDetector` measures in, as it is in the picture."""
    angle = roll_of(landmarks_px)
    low, high = landmarks_px.min(0), landmarks_px.max(0)
    side = _POSE_SCALE * float((high - low).max())
    c, s = np.cos(angle) / side, np.sin(angle) / side
    xy = (landmarks_px - (low + high) / 2) @ np.array([[c, -s], [s, c]]) + 0.5
    matrix, strangeness = head_matrix(np.column_stack([xy, z / side]))
    return roll_matrix(angle) @ matrix, strangeness
