"""Filmed clips as arrays for the calibration of the teacher: the phones of all clips, and what the lips did."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.lab.speech.captures.captures import Capture
from scripts.lab.speech.corpus.phones import SILENCE, VOWELS, PhoneSegment
from scripts.lab.speech.teacher.teacher import Motion, TeacherOptions, opening_factors, phone_parts, teach
from scripts.lab.speech.teacher.visemes import HAND_MADE
from talkinghead.speech.generate.channels import MOTION_RATE
from talkinghead.speech.hear.features import log_mel_stream, loudness_db
from talkinghead.speech.perform.mouth import LIP_GAP_MM, POSE_CHANNELS

Array = NDArray[np.float64]

CHANNELS = ("jawOpen", "mouthLowerDown", "mouthUpperUp", "mouthFunnel", "mouthPucker", "mouthStretch", "mouthSmile",
            "mouthDimple")  # fmt: skip
GAP_MM = np.array([LIP_GAP_MM[name] for name in CHANNELS])
NAMES = tuple(HAND_MADE.visemes)
_JAW_GAP = LIP_GAP_MM["jawOpen"]
_LEAD_IN, _LEAD_OUT = 0.03, 0.05  # s around speech that count


@dataclass(frozen=True)
class FilmedPhones:
    """C clips of up to P parts of phones and T frames at `MOTION_RATE`.

    Attributes:
        index: [C, P] into `NAMES`; start, end: [C, P] s; there: [C, P, N] one-hot, zero where a clip has fewer parts.
        opening: [C, P] by how much loudness and length scale the opening.
        channels: [C, T, K] of `CHANNELS`. jawOpen is what they need beside them for the measured gap of the lips.
        gap_mm: [C, T] measured; weight: [C, T] 1 in speech, 0 in closures and on the teeth, which the gates make.
        pressed, rest: [C, T] the gates.
        contexts: [N] in how many neighbourhoods each phone was seen.
    """

    index: NDArray[np.int64]
    start: Array
    end: Array
    there: Array
    opening: Array
    channels: Array
    gap_mm: Array
    weight: Array
    pressed: Array
    rest: Array
    contexts: Array

    def every(self, step: int) -> FilmedPhones:
        """Each `step`-th clip."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "contexts"}
        return dataclasses.replace(self, **{name: value[::step] for name, value in fields.items()})


def loudness_of(capture: Capture) -> Array:  # -> [4 T] dB at 100 per second
    """Loudness of a capture, as `teach` takes it, as long as its motion."""
    loudness = loudness_db(np.concatenate(list(log_mel_stream([capture.samples]))))
    frames = 4 * len(capture.motion)
    return np.pad(loudness, (0, max(0, frames - len(loudness))), mode="edge")[:frames]


def non_rhotic(phones: list[PhoneSegment]) -> list[PhoneSegment]:
    """British English does not speak the r that the American dictionary writes after a vowel: the vowel lasts."""
    result: list[PhoneSegment] = []
    for i, phone in enumerate(phones):
        after = phones[i + 1].name if i + 1 < len(phones) else SILENCE
        if phone.name == "R" and result and result[-1].name in VOWELS and after not in VOWELS:
            result[-1] = PhoneSegment(result[-1].name, result[-1].start, phone.end)
        else:
            result.append(phone)
    return result


def at_motion_rate(motion: Motion) -> tuple[Array, Array]:  # [2 T, .] -> [T, 14], [T, 3]
    """The teacher's ticks as frames of `MOTION_RATE`: means, but of closures the larger."""
    pose = motion.pose.reshape(-1, 2, motion.pose.shape[1]).mean(1)
    gates = motion.gates.reshape(-1, 2, motion.gates.shape[1])
    return pose, np.concatenate([gates[:, :, :2].max(1), gates[:, :, 2:].mean(1)], 1)


def filmed_phones(captures: list[Capture], options: TeacherOptions) -> FilmedPhones:
    """Pack clips; all need phones and a measured gap. The gates are the teacher's with these options."""
    clips = [_clip(capture, options) for capture in captures]
    parts, frames = max(len(c[0]) for c in clips), max(len(c[1]) for c in clips)
    count = len(clips)
    index, there = np.zeros((count, parts), np.int64), np.zeros((count, parts, len(NAMES)))
    times = np.full((2, count, parts), 1e3)
    opening = np.ones((count, parts))
    values = np.zeros((count, frames, len(CHANNELS) + 4))
    values[:, :, -1] = 1.0  # rest
    contexts: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row, (pieces, curves) in enumerate(clips):
        for column, (name, start, end, factor) in enumerate(pieces):
            index[row, column], opening[row, column] = NAMES.index(name), factor
            times[:, row, column] = start, end
            there[row, column, index[row, column]] = 1
            around = [pieces[i][0] if 0 <= i < len(pieces) else SILENCE for i in (column - 1, column + 1)]
            contexts[name].add((around[0], around[1]))
        values[row, : len(curves)] = curves
    seen = np.array([float(len(contexts[name])) for name in NAMES])
    k = len(CHANNELS)
    return FilmedPhones(index, times[0], times[1], there, opening, values[..., :k], values[..., k], values[..., k + 1],
                        values[..., k + 2], values[..., k + 3], seen)  # fmt: skip


def _clip(capture: Capture, options: TeacherOptions) -> tuple[list[tuple[str, float, float, float]], Array]:
    """Parts of phones with times and opening factor, and [T, K + 4] channels, gap, weight, pressed, rest."""
    phones, loudness = non_rhotic(capture.phones), loudness_of(capture)
    spoken = [phone for phone in phones if phone.name != SILENCE]
    pieces = [
        (name, start, end, factor)
        for phone, factors in zip(spoken, opening_factors(spoken, loudness, options), strict=True)
        for (name, start, end), factor in zip(phone_parts(phone), factors, strict=True)
    ]
    _, gates = at_motion_rate(teach(phones, loudness, options))
    channels = capture.motion[:, [POSE_CHANNELS.index(name) for name in CHANNELS]].astype(np.float64)
    gap = capture.aperture_mm.astype(np.float64)
    channels[:, 0] += (gap - channels @ GAP_MM) / _JAW_GAP
    middles = (np.arange(len(gap)) + 0.5) / MOTION_RATE
    speech = (middles > pieces[0][1] - _LEAD_IN) & (middles < pieces[-1][2] + _LEAD_OUT)
    weight = speech & (gates[:, 0] < 0.6) & (gates[:, 1] < 0.3)
    return pieces, np.column_stack([channels, gap, weight, gates[:, 0], gates[:, 2]])
