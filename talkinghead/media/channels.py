"""Decoded sound of any sample format and any arrangement of speakers -> finite floats of one or two channels.

FFmpeg's own mixer refuses many arrangements that files have (one channel called "front left", front left + centre,
ten channels without names), and AAC cannot hold them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

Samples = NDArray[np.float32]

# Float files may go over full scale; what is beyond this many times of it is damage.
_LOUDEST = 64.0
_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
# Speakers in the order in which WAV files of so many channels have them, for files that do not name them.
_USUAL = {
    2: "FL FR",
    3: "FL FR FC",
    4: "FL FR BL BR",
    5: "FL FR FC BL BR",
    6: "FL FR FC LFE BL BR",
    7: "FL FR FC LFE BC SL SR",
    8: "FL FR FC LFE BL BR SL SR",
}
_HALF_POWER = 0.5**0.5


def planar_samples(frame: AudioFrame) -> tuple[Samples, int]:  # [C, N], about -1..1
    """The samples of a decoded frame, and how many of them were no numbers or far out of range (they are now 0)."""
    name = frame.format.name
    kind, channels = np.dtype(_TYPES[name.removesuffix("p")]), frame.layout.nb_channels
    if name.endswith("p"):
        raw = np.stack([np.frombuffer(memoryview(plane), kind, frame.samples) for plane in frame.planes])
    else:
        raw = np.frombuffer(memoryview(frame.planes[0]), kind, frame.samples * channels).reshape(-1, channels).T
    if kind.kind == "f":
        good = np.abs(raw) <= _LOUDEST  # False for what is no number
        wrong = int(raw.size - np.count_nonzero(good))
        return np.where(good, raw, 0).astype(np.float32), wrong
    zero, full = (128, 128) if kind.kind == "u" else (0, 2 ** (8 * kind.itemsize - 1))
    # The last bits of 32 are beyond hearing; 64-bit ones would overflow if a zero were taken off.
    return (raw.astype(np.float32) - np.float32(zero)) / np.float32(full), 0


def stereo_of(samples: Samples, speakers: tuple[str, ...]) -> Samples:  # [C, N] -> [2, N]
    """What is heard on the left and on the right; one channel goes to both, whatever speaker it is called."""
    if len(samples) == 1:
        return np.repeat(samples, 2, 0)
    return stereo_weights(len(samples), speakers) @ samples


def stereo_weights(channels: int, speakers: tuple[str, ...]) -> Samples:  # [2, C]
    """What each channel adds to left and right: all of a front speaker, half the power of the others.

    The deep-notes channel (LFE) is left out. Each row has at most power 1: voices keep their level among others.

    Args:
        channels: how many there are, at least 2.
        speakers: FFmpeg's names of them, or of none that is known.
    """
    if not any(_weights_of(name) for name in speakers):
        speakers = tuple(_USUAL.get(channels, "").split()) or ("FC",) * channels
    weights = np.zeros((2, channels), np.float32)
    for index, name in enumerate(speakers[:channels]):
        weights[:, index] = _weights_of(name) or (0, 0)
    # One-sided files (front left + deep notes, a single side) are heard on both sides.
    for side in range(2):
        if not weights[side].any():
            weights[side] = weights[1 - side]
    power = np.sqrt((weights.astype(np.float64) ** 2).sum(1, keepdims=True))
    return (weights / np.maximum(power, 1)).astype(np.float32)


def _weights_of(name: str) -> tuple[float, float] | None:
    """How loud a speaker is heard on the left and on the right; None: not known, or only for deep notes."""
    if name in {"FL", "DL"}:
        return 1.0, 0.0
    if name in {"FR", "DR"}:
        return 0.0, 1.0
    if name in {"FC", "FLC", "FRC"}:
        left = {"FC": _HALF_POWER, "FLC": 0.85, "FRC": 0.5}[name]
        return left, float((1 - left**2) ** 0.5) if name != "FC" else left
    if name.startswith("LFE") or name in {"NONE", "UNK", "UNSD"}:
        return None
    if name == "AMBI0":  # an ambisonic recording's sum of all directions
        return 1.0, 1.0
    if name.endswith("C"):  # behind, above, below
        return 0.5, 0.5
    if name.endswith("L"):
        return _HALF_POWER, 0.0
    return (0.0, _HALF_POWER) if name.endswith("R") else None
