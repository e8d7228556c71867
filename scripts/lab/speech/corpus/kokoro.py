"""Kokoro-82M (Apache-2.0) with the time of every letter that it speaks.

The network predicts how long each letter of its phonetic alphabet lasts, in frames of 600 samples at 24 kHz, but its
file does not list that tensor as an output. The sound comes about 45 ms before the predicted time (measured: vowels
against energy, sibilants against spectral tilt); Kokoro's own code takes off its padding frames in the same place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 24_000
_FRAME_SAMPLES = 600
_LATE_SECONDS = 0.045
_DURATIONS = "/encoder/Clip_output_0"
_SPEAKER = re.compile(r"(\w+)(?:\+(\w+)@([\d.]+))?")


@dataclass(frozen=True)
class TimedLetters:
    """Sound `samples [N]` at 24 kHz and the letters that made it, each with its start and end in seconds."""

    samples: NDArray[np.float32]
    letters: list[tuple[str, float, float]]


class Kokoro:
    """The network with its voices. `folder` holds `kokoro.onnx` and `voices/*.bin`."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime  # type: ignore[import-untyped]

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = with_output((folder / "kokoro.onnx").read_bytes(), _DURATIONS)
        self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._voices = folder / "voices"

    def style(self, speaker: str) -> NDArray[np.float32]:  # [510, 256]
        """Style vectors by length of text. `a+b@0.4` is a speaker between two: 0.6 of `a` and 0.4 of `b`."""
        match = _SPEAKER.fullmatch(speaker)
        if match is None:
            raise ValueError(f"{speaker!r} is no Kokoro speaker: expected NAME or NAME+NAME@SHARE.")
        one, other, share = match.groups()
        style = self._read(one)
        if other is None:
            return style
        return ((1 - float(share)) * style + float(share) * self._read(other)).astype(np.float32)

    def _read(self, name: str) -> NDArray[np.float32]:
        return np.fromfile(self._voices / f"{name}.bin", np.float32).reshape(-1, 256)

    def speak(self, phonemes: str, vocabulary: dict[str, int], speaker: str, tempo: float) -> TimedLetters:
        """Speak one sentence of phonemes; letters outside the vocabulary are left out."""
        letters = [letter for letter in phonemes if letter in vocabulary]
        ids = [0, *(vocabulary[letter] for letter in letters), 0]
        style = self.style(speaker)
        style = style[min(len(letters), len(style) - 1)][None]
        feed = {"tokens": np.array([ids], np.int64), "style": style, "speed": np.array([tempo], np.float32)}
        samples, frames = self._session.run(None, feed)
        edges = np.concatenate([[0], np.cumsum(frames.reshape(-1))]) * (_FRAME_SAMPLES / RATE) - _LATE_SECONDS
        edges = np.clip(edges, 0, samples.size / RATE)
        timed = [(letter, float(a), float(b)) for letter, a, b in zip(letters, edges[1:], edges[2:], strict=False)]
        return TimedLetters(samples.reshape(-1), timed)


def with_output(model: bytes, tensor: str) -> bytes:
    """An ONNX file that also lists an inner tensor as an output.

    Protocol buffers merge a message that comes twice: appending a `ModelProto.graph` (field 7) that holds nothing but a
    `GraphProto.output` (field 12) with its `ValueInfoProto.name` (field 1) adds that output to the graph.
    """
    return model + _field(7, _field(12, _field(1, tensor.encode())))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])
