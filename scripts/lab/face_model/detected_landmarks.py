"""Where MediaPipe sees its 478 points on a head: its detector and our rasterizer, in two rounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from face3d.detect.detector import FaceDetector
from face3d.model.morphable_model import MorphableModel
from renderers.raster.numba_rasterizer import rasterize_arrays
from scripts.lab.face_model.landmarks import Embedding, brow_points, embed_landmarks, label_lips


def detected_landmarks(
    model: MorphableModel, parts: np.ndarray, people: tuple[int, int], report: Callable[[str], None]
) -> Embedding:
    """The points; the second round paints the lips and brows that the first found.

    Args:
        model: whose people are rendered; its landmarks do not matter.
        parts: [F] part of each triangle, lips as skin or not.
        people: rendered in the first and in the second round.
        report: takes a line after each round.
    """

    def rasterize(vertices: np.ndarray, triangles: np.ndarray, h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
        fragments = rasterize_arrays(vertices, triangles.astype(np.int32), h, w)
        return fragments.face_index, fragments.barycentric

    with FaceDetector(max_faces=1) as detector:

        def detect(picture: np.ndarray) -> np.ndarray | None:
            faces = detector.detect(picture)
            return faces[0].landmarks_px if faces else None

        first = embed_landmarks(model, parts, rasterize, detect, people=people[0], seed=0)
        report(f"first round: single observations lie {first.spread_mm.mean():.2f} mm from their points")
        parts, brows = label_lips(model, parts, first), brow_points(model, first)
        second = embed_landmarks(model, parts, rasterize, detect, people=people[1], seed=1, brows=brows)
    report(f"second round: {second.spread_mm.mean():.2f} mm")
    return second
