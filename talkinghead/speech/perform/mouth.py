"""From the network's pose and gates to ARKit weights: how lips close on this project's head.

The network predicts an *open* pose, how the mouth would stand if no constraint held, and three gates, 0..1: lips
pressed (p b m), lower lip on the upper teeth (f v), rest (silence). The gates then enforce what must be exact: a
regressed closure is an average and leaves a gap.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES

Array = NDArray[np.float32]

POSE_CHANNELS: tuple[str, ...] = (
    "jawOpen", "jawForward", "mouthFunnel", "mouthPucker", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
    "mouthShrugUpper", "mouthLowerDown", "mouthUpperUp", "mouthStretch", "mouthSmile", "mouthDimple", "tongueOut",
)  # fmt: skip
GATES: tuple[str, ...] = ("bilabial", "labiodental", "rest")

# Millimetres by which a weight of 1 parts the inner lips at the middle, measured on the CC0 head's ARKit units
# (left + right where there are two). mouthClose is the exact opposite of jawOpen.
LIP_GAP_MM: Mapping[str, float] = {
    "jawOpen": 34.8, "jawForward": 1.4, "mouthFunnel": 13.1, "mouthPucker": -2.4, "mouthRollLower": -3.2,
    "mouthRollUpper": -1.2, "mouthShrugLower": -5.0, "mouthShrugUpper": 3.5, "mouthLowerDown": 3.8, "mouthUpperUp": 5.0,
    "mouthStretch": 0.6, "mouthSmile": -2.8, "mouthDimple": 0.5, "mouthPress": -2.4,
}  # fmt: skip
_CLOSE_MM = 34.8

# How much of the open pose stays under a closure (the neighbours' rounding shows through), and what is added to it.
_KEPT = {
    "bilabial": {"jawOpen": 0.45, "mouthFunnel": 0.2, "mouthPucker": 0.7, "mouthStretch": 0.5, "mouthSmile": 0.6,
                 "mouthDimple": 0.6, "jawForward": 0.6},
    "labiodental": {"jawOpen": 0.2, "mouthFunnel": 0.15, "mouthPucker": 0.4, "mouthStretch": 0.6, "mouthSmile": 0.5,
                    "mouthDimple": 0.5},
    "rest": {},
}  # fmt: skip
_ADDED = {
    "bilabial": {"mouthRollLower": 0.12, "mouthRollUpper": 0.06, "mouthPress": 0.15},
    "labiodental": {"jawOpen": 0.03, "mouthRollLower": 0.44, "mouthUpperUp": 0.26, "mouthShrugLower": 0.08},
    "rest": {},
}
_PRESSED_MM = -0.2  # the lips just touch: deeper, they would pass through each other


def _columns(name: str) -> list[int]:
    return [ARKIT_INDEX[n] for n in (name, f"{name}Left", f"{name}Right") if n in ARKIT_INDEX]


def assemble(
    pose: Array,  # [T, 14] open pose, 0..1, in the order of POSE_CHANNELS
    gates: Array,  # [T, 3] 0..1, in the order of GATES
) -> Array:  # [T, 52]
    """ARKit weights, 0..1. A gate at 1 gives its closure whatever the open pose is."""
    weights = _expand({name: pose[:, i] for i, name in enumerate(POSE_CHANNELS)}, len(pose))
    bilabial, labiodental, rest = (gates[:, i, None] for i in range(3))
    weights = weights * (1 - labiodental) + _constrained(pose, "labiodental") * labiodental
    weights = weights * (1 - bilabial) + _pressed(pose) * bilabial
    return np.clip(weights * (1 - rest), 0, 1).astype(np.float32)


def _expand(channels: Mapping[str, Array], frames: int) -> Array:
    weights = np.zeros((frames, len(ARKIT_NAMES)), np.float32)
    for name, values in channels.items():
        for column in _columns(name):
            weights[:, column] = values
    return weights


def _constrained_channels(pose: Array, gate: str) -> dict[str, Array]:
    kept = {name: pose[:, i] * np.float32(_KEPT[gate].get(name, 0)) for i, name in enumerate(POSE_CHANNELS)}
    for name, value in _ADDED[gate].items():
        kept[name] = np.minimum(kept.get(name, np.zeros(len(pose), np.float32)) + np.float32(value), 1)
    return kept


def _constrained(pose: Array, gate: str) -> Array:
    return _expand(_constrained_channels(pose, gate), len(pose))


def _pressed(pose: Array) -> Array:
    """The pose with its lips pressed: mouthClose takes up exactly the gap that the other weights leave.

    Where these already push the lips into each other (a wide smile does), the jaw gives way instead.
    """
    channels = _constrained_channels(pose, "bilabial")
    gap = sum(channels[name] * np.float32(mm) for name, mm in LIP_GAP_MM.items() if name in channels)
    excess = (np.asarray(gap, np.float32) - _PRESSED_MM) / _CLOSE_MM
    channels["mouthClose"] = np.clip(excess, 0, 1)
    channels["jawOpen"] = channels["jawOpen"] + np.clip(-excess, 0, 1)
    return _expand(channels, len(pose))


def lip_gap_mm(expression: Array) -> Array:  # [T, 52] -> [T]
    """Opening of the inner lips at the middle that the weights cause, mm; 0 for the neutral face, < 0 if pressed."""
    gap = np.zeros(len(expression), np.float32)
    for name, mm in {**LIP_GAP_MM, "mouthClose": -_CLOSE_MM}.items():
        gap += expression[:, _columns(name)].mean(1) * np.float32(mm)
    return gap
