"""Puts a smoothed head back where it is seen.

Where a face is in the picture is known to a fraction of a pixel, its turn to a fraction of a degree only: smoothed each
on its own, the parts of a pose no longer agree, and a quickly moving head trails behind by several pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.camera import Camera
from face3d.fit.noise_levels import CENTER_NOISE, CENTER_STIFFNESS
from face3d.fit.smoothing import smooth
from face3d.model.landmark_motion import LandmarkMotion

Array = NDArray[np.float64]

_BATCH = 256


def centers_of(motion: LandmarkMotion, values: Array, camera: Camera) -> Array:  # [T, 62] -> [T, 2] px
    """Mean of the projected landmarks in every frame.

    Args:
        motion: the person's landmarks.
        values: rotation 3, translation 3, expression 52, eyes 4 of each frame; rows of NaN give NaN.
        camera: of the picture.
    """
    result = np.empty((len(values), 2))
    for start in range(0, len(values), _BATCH):
        part = torch.from_numpy(values[start : start + _BATCH]).float()
        eyes = part[:, 58:].reshape(-1, 2, 2)
        pixels = motion.pixels(part[:, 6:58].clamp(0, 1), eyes, (part[:, :3], part[:, 3:6]), camera)
        result[start : start + len(part)] = pixels.mean(1).numpy()
    return result


def anchor(
    motion: LandmarkMotion,
    camera: Camera,
    measured: Array,  # [T, 62]
    smoothed: Array,  # [T, 62]
    present: NDArray[np.bool_],  # [T]
    size_px: float,
    fps: float,
) -> Array:  # [T, 3] mm
    """The translations with which the smoothed faces' centres lie where the measured ones do, hardly smoothed.

    Args:
        motion: the person's landmarks.
        camera: of the picture.
        measured: the fit of every frame, as in :func:`centers_of`; rows of frames that are not present are ignored.
        smoothed: the same after smoothing, finite everywhere.
        present: which frames were measured.
        size_px: larger side of the landmarks' box.
        fps: of the video.
    """
    index = np.flatnonzero(present)
    wanted = np.zeros((len(measured), 2))
    wanted[index] = centers_of(motion, measured[index], camera)
    noise = np.full(2, CENTER_NOISE * size_px)
    wanted = smooth(wanted, noise, noise / CENTER_STIFFNESS * (25.0 / fps) ** 2, present)
    moved = wanted - centers_of(motion, smoothed, camera)
    result = smoothed[:, 3:6].copy()
    result[:, :2] += moved * result[:, 2:] / camera.focal_px
    return result
