"""What the generator hears: the encoder's ticks, two to a frame of `MOTION_RATE`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from talkinghead.speech.generate.channels import MOTION_RATE
from talkinghead.speech.hear.encoder import SpeechEncoder, Ticks
from talkinghead.speech.hear.network import OUTPUT_RATE, PHONE_CLASSES
from talkinghead.speech.perform.mouth import GATES, POSE_CHANNELS

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


class FrameConditions:
    """Frames as their ticks become known; a last half frame repeats its one tick."""

    def __init__(self) -> None:
        self._held = np.zeros((0, TICK_CONDITION), np.float32)

    def push(self, ticks: Ticks) -> Array:  # -> [m, CONDITION]
        """The frames that more ticks complete."""
        held = np.concatenate([self._held, tick_conditions(ticks)])
        whole = len(held) // _TICKS * _TICKS
        self._held = held[whole:]
        return held[:whole].reshape(-1, CONDITION)

    def finish(self) -> Array:  # -> [0 or 1, CONDITION]
        """The last half frame, if there is one."""
        held, self._held = self._held, self._held[:0]
        return np.repeat(held, _TICKS, 0).reshape(-1, CONDITION)


def frame_conditions(pieces: Iterable[Ticks]) -> Iterator[Array]:  # each [m, CONDITION]
    """What `FrameConditions` makes of all pieces."""
    frames = FrameConditions()
    for ticks in pieces:
        yield frames.push(ticks)
    yield frames.finish()


def conditions_of(encoder: SpeechEncoder, samples: Array) -> Array:  # [N] 16 kHz -> [ceil(N / 640), CONDITION]
    """Of a whole sound."""
    pieces = list(frame_conditions(encoder.ticks([samples])))
    return np.concatenate(pieces) if pieces else np.zeros((0, CONDITION), np.float32)


def open_pose(condition: Array) -> Array:  # [..., CONDITION] -> [..., 14]
    """The encoder's pose in a frame's condition: mean of its ticks."""
    ticks = condition.reshape(*condition.shape[:-1], _TICKS, TICK_CONDITION)
    return np.asarray(ticks[..., _POSE].mean(-2), np.float32)
