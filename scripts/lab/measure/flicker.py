"""How much successive frames of a video differ beyond the face's own motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d.model.landmark_sets import FACE_OVAL
from scripts.lab.measure.landmark_warp import Triangles, resample, source_positions
from scripts.lab.measure.regions import polygon
from scripts.lab.measure.similarity import luma

Image = NDArray[np.uint8]
Points = NDArray[np.floating]  # [478, 2] px


def flicker(
    frame: Image,
    previous: Image,
    points: Points,
    previous_points: Points,
    triangles: Triangles,
) -> float:
    """Mean square of `frame` less the previous frame moved onto it by the landmarks, over the face's oval, luma.

    Its mean over a video is the temporal variance of what the landmarks' motion does not explain: noise, flicker,
    light that moves over the face, and also the detector's own jitter, so compare it with that of a real video.

    Args:
        frame, previous: [H, W, 3] uint8.
        points, previous_points: their landmarks.
        triangles: of the landmarks, the same for all frames.
    """
    size = frame.shape[1], frame.shape[0]
    positions, covered = source_positions(previous_points, points, triangles, size)
    inside = covered & polygon(points[list(FACE_OVAL)], size)
    difference = luma(frame) - luma(resample(previous, positions))
    return float(np.square(difference[inside]).mean())
