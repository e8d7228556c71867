"""Emotions: expressions that lie under the speech, as offsets of ARKit weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Emotion:
    """One emotion at full strength. Channels without a side stand for both.

    Attributes:
        face: weights of eyes, brows, cheeks and nose, 0..1; they stay while the mouth speaks.
        mouth: weights of the mouth, 0..1; they make room for the lips' work, and never open or close the lips.
        parted_mm: by how much the lips stand further apart where nothing asks them to close, less where they are open.
        replaces: beginnings of the names of those channels of the photo's own expression that give way.
        pitch, gaze: degrees by which the head and the eyes are lowered.
    """

    face: Mapping[str, float] = field(default_factory=dict)
    mouth: Mapping[str, float] = field(default_factory=dict)
    parted_mm: float = 0.0
    replaces: tuple[str, ...] = ()
    pitch: float = 0.0
    gaze: float = 0.0


_FROWN, _RAISE = ("browDown", "noseSneer", "mouthFrown"), ("browInnerUp", "browOuterUp", "eyeWide")
_SMILE = ("mouthSmile", "mouthDimple", "cheekSquint")

EMOTIONS: Mapping[str, Emotion] = {
    "neutral": Emotion(),
    "happy": Emotion(
        face={"cheekSquint": 0.40, "eyeSquint": 0.22, "browOuterUp": 0.10, "browInnerUp": 0.06},
        mouth={"mouthSmile": 0.50, "mouthDimple": 0.10},
        replaces=_FROWN,
        pitch=-1.0,
    ),
    "sad": Emotion(
        face={"browInnerUp": 0.75, "browDown": 0.06, "eyeBlink": 0.10},
        mouth={"mouthFrown": 0.55, "mouthShrugLower": 0.18},
        replaces=(*_SMILE, "browOuterUp", "eyeWide", "noseSneer"),
        pitch=3.0,
        gaze=2.0,
    ),
    "angry": Emotion(
        face={"browDown": 0.75, "eyeSquint": 0.25, "noseSneer": 0.30, "cheekSquint": 0.10},
        mouth={"mouthFrown": 0.36, "mouthPress": 0.18, "mouthUpperUp": 0.06},
        replaces=(*_SMILE, *_RAISE),
        pitch=2.0,
        gaze=-2.0,
    ),
    "surprised": Emotion(
        face={"browInnerUp": 0.65, "browOuterUp": 0.60, "eyeWide": 0.50},
        mouth={"mouthFunnel": 0.06},
        parted_mm=5.0,
        replaces=("browDown", "eyeSquint", "noseSneer", *_SMILE),
        pitch=-1.5,
    ),
}


def channels(weights: Mapping[str, float]) -> Array:  # [52]
    """Named weights as a row; a name without a side stands for both."""
    row = np.zeros(len(ARKIT_NAMES), np.float32)
    for name, value in weights.items():
        for full in (name, f"{name}Left", f"{name}Right"):
            if full in ARKIT_INDEX:
                row[ARKIT_INDEX[full]] = value
    return row


def starting_with(names: tuple[str, ...]) -> NDArray[np.bool_]:  # [52]
    """Which channels begin with one of `names`."""
    return np.array([name.startswith(names) for name in ARKIT_NAMES]) if names else np.zeros(52, np.bool_)
