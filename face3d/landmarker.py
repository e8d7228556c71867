"""MediaPipe's Face Landmarker behind three functions: create, run, close. Everything MediaPipe-specific is here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from face3d.late_import import imported_when_used
from face3d.quiet import quiet_stderr
from face3d.resources import asset_path

if TYPE_CHECKING:
    from mediapipe.tasks.python.vision import FaceLandmarker

LANDMARK_COUNT = 478
# Of 600 real faces the lowest score was 0.64 (cropped tight); a colour wheel scores 0.56.
DETECTION_CONFIDENCE = 0.6


@dataclass(frozen=True)
class RawFace:
    """One face as MediaPipe reports it.

    Attributes:
        landmarks: [478, 3] float32; x and y in 0..1 of the picture's width and height, z in units of its width.
        scores: blendshape name -> 0..1 (51 ARKit names and `_neutral`).
        head_matrix: [4, 4] float32, canonical face (cm) to camera.
    """

    landmarks: NDArray[np.float32]
    scores: dict[str, float]
    head_matrix: NDArray[np.float32]


def create_landmarker(max_faces: int) -> FaceLandmarker:
    """Load the shipped model for still pictures; close it with :func:`close_landmarker`."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    # MediaPipe's drawing functions, which nothing here calls, would take half of the time to import it.
    with imported_when_used("matplotlib.pyplot"):
        from mediapipe.tasks.python import BaseOptions
        from mediapipe.tasks.python.vision import FaceLandmarker, FaceLandmarkerOptions

    options = FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(asset_path("face_landmarker.task"))),
        num_faces=max_faces,
        min_face_detection_confidence=DETECTION_CONFIDENCE,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    with quiet_stderr():
        landmarker = FaceLandmarker.create_from_options(options)
        run_landmarker(landmarker, np.zeros((64, 64, 3), np.uint8))  # the first call writes notes too
    return landmarker


def run_landmarker(landmarker: FaceLandmarker, image: NDArray[np.uint8]) -> list[RawFace]:  # image [H, W, 3] RGB
    """The faces that one look at a picture shows."""
    from mediapipe import Image, ImageFormat

    result = landmarker.detect(Image(image_format=ImageFormat.SRGB, data=np.ascontiguousarray(image)))
    return [
        RawFace(
            np.array([(p.x, p.y, p.z) for p in points], dtype=np.float32),
            {category.category_name: category.score for category in categories},
            np.asarray(matrix, dtype=np.float32),
        )
        for points, categories, matrix in zip(
            result.face_landmarks, result.face_blendshapes, result.facial_transformation_matrixes, strict=True
        )
    ]


def close_landmarker(landmarker: FaceLandmarker) -> None:
    """Stop MediaPipe's threads and free its memory; at interpreter exit leave that to the end of the process."""
    try:
        landmarker.close()
    except RuntimeError as error:
        if "after shutdown" not in str(error):
            raise
        landmarker._handle = None  # or its destructor tries again and prints a traceback
