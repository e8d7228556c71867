"""What the generator hears: the encoder's ticks, two to a frame of `MOTION_RATE`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from talkinghead.speech.channels import MOTION_RATE
from talkinghead.speech.encoder import SpeechEncoder, Ticks
from talkinghead.speech.mouth import GATES, POSE_CHANNELS
from talkinghead.speech.network import OUTPUT_RATE, PHONE_CLASSES

Array = NDArray[np.float32]

_TICKS = OUTPUT_RATE // MOTION_RATE
_POSE = slice(PHONE_CLASSES, PHONE_CLASSES + len(POSE_CHANNELS))
TICK_CONDITION = _POSE.stop + len(GATES) + 2
CONDITION = _TICKS * TICK_CONDITION  # numbers for a frame
_LOUDNESS_DB = 15.0  # what counts as 1


def tick_conditions(ticks: Ticks) -> Array:  # -> [n, TICK_CONDITION]
    """Phones, open pose, decided gates, loudness and audibility, side by side, each within about -4..1."""
    loudness = np.maximum(ticks.loudness / _LOUDNESS_DB, -4)
    levels = np.stack([loudness, ticks.audible], 1)
    return np.concatenate([ticks.phones, ticks.pose, ticks.gates, levels], 1).astype(np.float32)


def frame_conditions(pieces: Iterable[Ticks]) -> Iterator[Array]:  # each [m, CONDITION]
    """Frames as their ticks become known; a last half frame repeats its one tick."""
    held = np.zeros((0, TICK_CONDITION), np.float32)
    for ticks in pieces:
        held = np.concatenate([held, tick_conditions(ticks)])
        whole = len(held) // _TICKS * _TICKS
        if whole:
            yield held[:whole].reshape(-1, CONDITION)
        held = held[whole:]
    if len(held):
        yield np.repeat(held, _TICKS, 0).reshape(1, CONDITION)


def conditions_of(encoder: SpeechEncoder, samples: Array) -> Array:  # [N] 16 kHz -> [ceil(N / 640), CONDITION]
    """Of a whole sound."""
    pieces = list(frame_conditions(encoder.ticks([samples])))
    return np.concatenate(pieces) if pieces else np.zeros((0, CONDITION), np.float32)


def open_pose(condition: Array) -> Array:  # [..., CONDITION] -> [..., 14]
    """The encoder's pose in a frame's condition: mean of its ticks."""
    ticks = condition.reshape(*condition.shape[:-1], _TICKS, TICK_CONDITION)
    return np.asarray(ticks[..., _POSE].mean(-2), np.float32)
