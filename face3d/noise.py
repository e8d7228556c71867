"""How large the measuring errors of tracked faces are, and how stiffly each parameter may be smoothed.

Measured by `scripts/measure_noise.py` on 7 GRID frames and 10 portraits at sizes of 60 to 450 pixels: pictures that
differ by sensor noise, compression and a fraction of a pixel only. All levels grow alike as the face gets smaller:
`size_factor`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_NAMES

FloatArray = NDArray[np.float64]

# Of large faces. Landmarks: each coordinate, as a share of the face's size (`FaceDetection.size_px`); depth: of z.
LANDMARK_NOISE, LIP_NOISE, LID_NOISE, OUTLINE_NOISE, DEPTH_NOISE = 0.00115, 0.00125, 0.00105, 0.0016, 0.0014
# Of the head: turns about the camera's x, y and z, radians; place in the picture as a share of the face's size; log
# distance.
ROTATION_NOISE, PLACE_NOISE, SCALE_NOISE = (0.0042, 0.0026, 0.0015), 0.00063, 0.0015
FACE_MM = 165.0  # what `size_px` spans on a middling face
# An iris moves by LANDMARK_NOISE * FACE_MM against an eyeball of 12 mm radius.
GAZE_NOISE = 0.016  # radians
# What four of five faces do not exceed; of lips what half of them do not, or little more, so as to keep what they do. A
# score near 0 or 1 hardly changes, so those that stay there have no noise of their own.
_LEAST_SCORE_NOISE, _LEAST_LIP_SCORE_NOISE = 0.008, 0.004
_SCORE_NOISE = {
    **{"eyeBlink": 0.016, "eyeLookDown": 0.023, "eyeLookIn": 0.026, "eyeLookOut": 0.022, "eyeLookUp": 0.022},
    **{"eyeSquint": 0.027, "browDown": 0.028, "browInnerUp": 0.024, "browOuterUp": 0.025},
    **{"mouthPucker": 0.008, "mouthSmile": 0.017, "mouthStretch": 0.007, "mouthPress": 0.008},
}
# Noise over agility (see `face3d.smoothing.smooth`): heads and brows are smoothed hard until they move, lids less, lips
# hardly, for what they do in two frames matters.
_LIP_CHANNELS = ("mouth", "jaw", "tongue", "cheekPuff")
_STIFF, _LIDS, _LIPS = 10.0, 3.0, 2.0


@dataclass(frozen=True)
class SmoothingLevels:
    """Per coefficient, in the order rotation (3), translation (3), expression (52), eye rotation (4).

    Attributes:
        noise: [62] standard deviation of the measuring error, in the coefficient's unit (rad, mm, 0..1, rad).
        agility: [62] second difference per frame that needs no evidence, in the same units.
    """

    noise: FloatArray
    agility: FloatArray


def size_factor(size_px: float) -> float:
    """How much larger the errors of a face of this size are than a large one's: 1.2 at 130 pixels, 1.7 at 60."""
    return float(np.hypot(1.0, 80.0 / size_px))


def score_noise() -> FloatArray:  # [52]
    """Of large faces' expression scores, in the order of `face3d.arkit.ARKIT_NAMES`."""
    return np.array([_SCORE_NOISE.get(_without_side(name), _least_noise(name)) for name in ARKIT_NAMES])


def smoothing_levels(size_px: float, distance_mm: float, fps: float = 25.0) -> SmoothingLevels:
    """What to smooth a fitted face with.

    Args:
        size_px: larger side of its landmarks' box.
        distance_mm: from the camera.
        fps: of the video, > 0; a second difference shrinks with the square of the time between frames.
    """
    lateral = PLACE_NOISE * FACE_MM
    head = [*ROTATION_NOISE, lateral, lateral, SCALE_NOISE * distance_mm]
    noise = size_factor(size_px) * np.array([*head, *score_noise(), *[GAZE_NOISE] * 4])
    stiffness = [_STIFF] * 6 + [_expression_stiffness(name) for name in ARKIT_NAMES] + [_LIDS] * 4
    return SmoothingLevels(noise, noise / np.array(stiffness) * (25.0 / fps) ** 2)


def _expression_stiffness(name: str) -> float:
    if name.startswith(_LIP_CHANNELS):
        return _LIPS
    return _LIDS if name.startswith("eye") else _STIFF


def _least_noise(name: str) -> float:
    return _LEAST_LIP_SCORE_NOISE if name.startswith(_LIP_CHANNELS) else _LEAST_SCORE_NOISE


def _without_side(name: str) -> str:
    return name.removesuffix("Left").removesuffix("Right")
