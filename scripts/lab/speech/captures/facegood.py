"""FACEGOOD-Audio2Face's rig weights (MIT) as our open pose: channels by name, amplitudes matched to filmed lips.

The recordings are isolated words of one speaker (Mandarin, it seems; not checked), and the curves look keyed by an
animator: they meet 0 exactly between words, and the tongue, the eyes and the brows never move. They follow the sound
well (jaw against energy r 0.79, one frame late, as in filmed speech). The rig's units are not those of our head, so
each channel is scaled to give about the 95th percentile that the GRID captures have.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.speech.generate.channels import MOTION_RATE
from talkinghead.speech.perform.mouth import POSE_CHANNELS

Array = NDArray[np.float32]

# Channel -> the rig's weights, each with its gain. Left and right are equal in all recordings.
_MAP: dict[str, dict[str, float]] = {
    "jawOpen": {"mouth_stretch_c": 0.8, "mouth_oh_c": 0.15},
    "mouthFunnel": {"mouth_funnel_dl": 0.3, "mouth_oh_c": 0.1},
    "mouthPucker": {"mouth_pucker_l": 1.0, "mouth_oo_c": 1.0, "mouth_oh_c": 0.3},
    "mouthLowerDown": {"mouth_lowerLipDepress_l": 1.0},
    "mouthUpperUp": {"mouth_upperLipRaise_l": 1.4},
    "mouthStretch": {"mouth_lipStretch_l": 1.0},
    "mouthSmile": {"mouth_lipCornerPull_l": 0.7},
}
_PRESS = {"mouth_press_l": 1.0, "mouth_suck_dl": 1.0, "mouth_suck_ul": 1.0}
_FULL_PRESS = 0.1  # of these weights together: the lips are closed, whatever the jaw does
_CLOSED = ("jawOpen", "mouthLowerDown", "mouthUpperUp", "mouthFunnel")


def facegood_pose(
    weights: Array,  # [T, 116] at `fps`
    names: list[str],
    fps: float,
) -> tuple[Array, NDArray[np.bool_]]:  # [T', 14] at MOTION_RATE, [14] which channels are measured
    """The open pose of a recording.

    Raises:
        InputError: a weight that is needed is not among the names.
    """
    needed = {name for parts in (*_MAP.values(), _PRESS) for name in parts}
    if missing := sorted(needed - set(names)):
        raise InputError(f"These FACEGOOD weights lack {', '.join(missing)}.")
    at_rate = _resampled(weights, fps)
    column = {name: at_rate[:, names.index(name)] for name in needed}
    pose = np.zeros((len(at_rate), len(POSE_CHANNELS)), np.float32)
    for channel, parts in _MAP.items():
        pose[:, POSE_CHANNELS.index(channel)] = sum(column[name] * gain for name, gain in parts.items())
    press = np.clip(sum(column[name] * gain for name, gain in _PRESS.items()) / _FULL_PRESS, 0, 1)
    closing = [POSE_CHANNELS.index(name) for name in _CLOSED]
    pose[:, closing] *= np.asarray(1 - press, np.float32)[:, None]
    return np.clip(pose, 0, 1), np.array([name in _MAP for name in POSE_CHANNELS])


def _resampled(weights: Array, fps: float) -> Array:
    """Mean of the straight-line curve over each frame's time at `MOTION_RATE`."""
    inside = 4
    frames = int(len(weights) / fps * MOTION_RATE + 1e-6)
    times = (np.arange(frames * inside) + 0.5) / (inside * MOTION_RATE)
    position = np.clip(times * fps - 0.5, 0, len(weights) - 1)
    low = np.minimum(position.astype(int), len(weights) - 2)
    share = (position - low)[:, None].astype(np.float32)
    curves = weights[low] * (1 - share) + weights[low + 1] * share
    return np.asarray(curves.reshape(frames, inside, -1).mean(1), np.float32)
