"""How large the errors of faces tracked and fitted in a video are, and how stiffly to smooth each parameter.

Measured by `scripts/measure_noise.py` on pictures that differ by sensor noise, compression and a fraction of a pixel
only: 7 GRID frames and 10 portraits with faces of 60 to 450 pixels, and 12 GRID frames for the fitted parameters. The
levels are what four of five faces do not exceed, for large faces; all grow alike as the face shrinks: `size_factor`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_NAMES

FloatArray = NDArray[np.float64]

# Of the head: turns about the camera's x, y and z, radians; place in the picture as a share of the face's size; log
# distance.
ROTATION_NOISE, PLACE_NOISE, SCALE_NOISE = (0.0053, 0.0033, 0.0018), 0.00078, 0.0020
# Of the mean of all landmarks, as a share of the face's size, and its noise over agility: heads move quickly.
CENTER_NOISE, CENTER_STIFFNESS = 0.0016, 8.0
FACE_MM = 165.0  # what `size_px` spans on a middling face
GAZE_NOISE = (0.0090, 0.0142)  # pitch, yaw, radians
# Of fitted expression weights. Those at rest hardly change: _LEAST_EXPRESSION_NOISE.
_LEAST_EXPRESSION_NOISE = 0.003
_EXPRESSION_NOISE = {
    **{"eyeBlink": 0.012, "eyeLookDown": 0.016, "eyeLookIn": 0.023, "eyeLookOut": 0.022, "eyeSquint": 0.020},
    **{"eyeWide": 0.012, "browDown": 0.008, "browInnerUp": 0.011, "browOuterUp": 0.007},
    **{"cheekPuff": 0.005, "cheekSquint": 0.007, "noseSneer": 0.010},
    **{"jawForward": 0.006, "jaw": 0.007, "jawOpen": 0.0055, "mouthFunnel": 0.0035, "mouth": 0.005},
    **{"mouthSmile": 0.0045, "mouthFrown": 0.007, "mouthDimple": 0.005, "mouthStretch": 0.007},
    **{"mouthRollUpper": 0.012, "mouthShrugLower": 0.0095, "mouthShrugUpper": 0.012, "mouthPress": 0.005},
    **{"mouthLowerDown": 0.007, "mouthUpperUp": 0.007},
}
# Noise over agility (see `face3d.fit.smoothing.smooth`): heads and brows are smoothed hard until they move, lids less,
# lips hardly, for what they do in two frames matters.
_LIP_CHANNELS = ("mouth", "jaw", "tongue", "cheekPuff")
_STIFF, _LIDS, _LIPS = 10.0, 3.0, 2.0


@dataclass(frozen=True, eq=False)
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


def expression_noise() -> FloatArray:  # [52]
    """Of large faces' expression weights, in the order of `face3d.arkit.ARKIT_NAMES`."""
    return np.array([_EXPRESSION_NOISE.get(_without_side(name), _LEAST_EXPRESSION_NOISE) for name in ARKIT_NAMES])


def smoothing_levels(size_px: float, distance_mm: float, fps: float = 25.0) -> SmoothingLevels:
    """What to smooth a fitted face with.

    Args:
        size_px: larger side of its landmarks' box.
        distance_mm: from the camera.
        fps: of the video, > 0; a second difference shrinks with the square of the time between frames.
    """
    lateral = PLACE_NOISE * FACE_MM
    head = [*ROTATION_NOISE, lateral, lateral, SCALE_NOISE * distance_mm]
    noise = size_factor(size_px) * np.array([*head, *expression_noise(), *GAZE_NOISE, *GAZE_NOISE])
    stiffness = [_STIFF] * 6 + [_expression_stiffness(name) for name in ARKIT_NAMES] + [_LIDS] * 4
    return SmoothingLevels(noise, noise / np.array(stiffness) * (25.0 / fps) ** 2)


def _expression_stiffness(name: str) -> float:
    if name.startswith(_LIP_CHANNELS):
        return _LIPS
    return _LIDS if name.startswith("eye") else _STIFF


def _without_side(name: str) -> str:
    return name.removesuffix("Left").removesuffix("Right")
