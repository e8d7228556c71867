"""One look at a square picture for faces with their landmarks, as MediaPipe's Face Landmarker takes it."""

from __future__ import annotations

import cv2
import numpy as np

from face3d.detect.face_search import FaceSearch
from face3d.detect.landmark_nets import CROP_PX, LandmarkNets
from face3d.detect.raw_face import Landmarker, RawFace
from face3d.detect.turned_box import TurnedBox
from face3d.detect.view import ImageArray
from face3d.model.canonical_face import head_matrix

BUILTIN, MEDIAPIPE = "builtin", "mediapipe"

# Log-odds of a face in the crop.
_PRESENT = 0.0


def open_landmarker(kind: str, max_faces: int) -> Landmarker:
    """Load a landmarker; close it when done.

    Args:
        kind: "builtin", or "mediapipe" for MediaPipe's own program, an extra.
        max_faces: how many faces to look for in a picture, >= 1.

    Raises:
        InputError: MediaPipe is wanted and not installed.
    """
    if kind == BUILTIN:
        return NetLandmarker(max_faces)
    if kind == MEDIAPIPE:
        from face3d.detect.mediapipe_landmarker import MediaPipeLandmarker

        return MediaPipeLandmarker(max_faces)
    raise ValueError(f"the detector must be {BUILTIN!r} or {MEDIAPIPE!r}, got {kind!r}")


class NetLandmarker:
    """The Face Landmarker's nets, one after the other, without MediaPipe; any number of threads may use it.

    Its landmarks are MediaPipe's to 0.01 % of the distance of the outer eye corners on average.
    """

    def __init__(self, max_faces: int) -> None:
        self._max_faces = max_faces
        self._search = FaceSearch()
        self._nets = LandmarkNets()

    def look(self, picture: ImageArray) -> list[RawFace]:
        """The faces that one look at a picture [S, S, 3] uint8 RGB shows, the surest first."""
        looks = (self._measure(picture, box) for box in self._search.find(picture, self._max_faces))
        return [face for face in looks if face is not None]

    def close(self) -> None:
        """Nothing but memory is held."""

    def _measure(self, picture: ImageArray, box: TurnedBox) -> RawFace | None:
        seen = self._nets.run(box.sample(picture, CROP_PX, cv2.BORDER_REPLICATE))
        if seen.presence <= _PRESENT:
            return None
        matrix, width = box.matrix(CROP_PX), box.size[0]
        points = seen.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        landmarks = np.column_stack([points, seen.landmarks[:, 2] * (width / CROP_PX)]) / picture.shape[0]
        # The expressions are those of the face as it lies in the picture, which MediaPipe does not turn for it.
        scores = self._nets.score(points.astype(np.float32))
        return RawFace(landmarks.astype(np.float32), scores, head_matrix(landmarks)[0])
