"""MediaPipe's own Face Landmarker: an extra, and the oracle of the tests of ours."""

from __future__ import annotations

import logging
import os
from functools import cache
from importlib import import_module
from types import ModuleType

import numpy as np

from face3d.arkit import ARKIT_NAMES
from face3d.detect.face_search import CONFIDENCE
from face3d.detect.raw_face import RawFace
from face3d.detect.view import ImageArray
from face3d.errors import InputError
from face3d.resources import asset_path

TELEMETRY = (
    "mediapipe sends records of its use to Google (versions, sizes, timings, no pictures; "
    "google-ai-edge/mediapipe#6291); the builtin detector sends nothing."
)
_log = logging.getLogger(__name__)


class MediaPipeLandmarker:
    """MediaPipe's program with the same nets.

    Raises:
        InputError: MediaPipe is not installed or does not load.
    """

    def __init__(self, max_faces: int) -> None:
        os.environ.setdefault("GLOG_minloglevel", "2")
        try:
            tasks, vision = import_module("mediapipe.tasks.python"), import_module("mediapipe.tasks.python.vision")
            self._mediapipe: ModuleType = import_module("mediapipe")
        except (ImportError, OSError) as error:
            raise InputError(
                f"The detector mediapipe is not installed here, or lacks something ({error}): use the builtin one, or "
                "add it with `python3 scripts/setup_environment.py --extras mediapipe`."
            ) from error
        _tell_once()
        options = vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(asset_path("face_landmarker.task"))),
            num_faces=max_faces,
            min_face_detection_confidence=CONFIDENCE,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        self._landmarker = vision.FaceLandmarker.create_from_options(options)

    def look(self, picture: ImageArray) -> list[RawFace]:
        """The faces that one look at a picture [S, S, 3] uint8 RGB shows, the surest first."""
        wrapped = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(picture)
        )
        result = self._landmarker.detect(wrapped)
        faces = []
        for points, categories, matrix in zip(
            result.face_landmarks, result.face_blendshapes, result.facial_transformation_matrixes, strict=True
        ):
            scores = {category.category_name: category.score for category in categories}
            faces.append(
                RawFace(
                    np.array([(p.x, p.y, p.z) for p in points], dtype=np.float32),
                    np.array([scores.get(name, 0.0) for name in ARKIT_NAMES], dtype=np.float32),
                    np.asarray(matrix, dtype=np.float32),
                )
            )
        return faces

    def close(self) -> None:
        """Stop MediaPipe's threads and free its memory; at interpreter exit leave that to the end of the process."""
        try:
            self._landmarker.close()
        except RuntimeError as error:
            if "after shutdown" not in str(error):
                raise
            self._landmarker._handle = None  # or its destructor tries again and prints a traceback


@cache
def _tell_once() -> None:
    _log.info(TELEMETRY)
