"""`SpeechModel`: 16 kHz speech in, mouth, blinks, gaze and head motion out; whole files or streams of any length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.speech.encoder import SpeechEncoder
from talkinghead.speech.features import SAMPLE_RATE
from talkinghead.speech.frames import frame_count
from talkinghead.speech.network import SpeechNetwork
from talkinghead.speech.options import MotionOptions, SpeechMotion
from talkinghead.speech.performance import Performance
from talkinghead.speech.weights import load_network

Array = NDArray[np.float32]

NATURAL = MotionOptions()
WEIGHTS_FILE = Path(__file__).resolve().parents[1] / "assets" / "speech-v1.safetensors"


class SpeechModel:
    """The trained speech network with its idle motion. One object serves any number of calls; it keeps no state."""

    def __init__(self, network: SpeechNetwork, device: str = "cpu") -> None:
        self._encoder = SpeechEncoder(network, device)

    @classmethod
    def load(cls, device: str = "cpu", path: Path | None = None) -> SpeechModel:
        """The model shipped with the package, or the one in `path`.

        Raises:
            InputError: `path` is not a speech model.
        """
        return cls(load_network(path or WEIGHTS_FILE, device), device)

    def animate(
        self,
        samples: Array,  # [N] 16 kHz, mono, -1..1
        fps: float,
        *,
        seed: int = 0,
        motion: MotionOptions = NATURAL,
    ) -> SpeechMotion:
        """Motion of `ceil(N / 16000 * fps)` frames.

        The lips depend on the sound alone; `seed` decides blinks, gaze, head and brows.

        Raises:
            InputError: the samples are not a finite, one-dimensional signal or the frame rate is not usable.
        """
        return join_motion(list(self.stream([samples], fps, seed=seed, motion=motion)), fps)

    def stream(
        self,
        chunks: Iterable[Array],  # each [n] 16 kHz, mono, -1..1; any sizes
        fps: float,
        *,
        seed: int = 0,
        motion: MotionOptions = NATURAL,
    ) -> Iterator[SpeechMotion]:
        """The same frames as :meth:`animate` of the joined chunks, piece by piece, in constant memory.

        About 10 s of sound are held back at a time.

        Raises:
            InputError: as :meth:`animate`, when the first piece is asked for or when the bad chunk arrives.
        """
        for (piece,) in self.performances(chunks, fps, seeds=(seed,), motion=motion):
            yield piece

    def performances(
        self, chunks: Iterable[Array], fps: float, *, seeds: Sequence[int], motion: MotionOptions = NATURAL
    ) -> Iterator[tuple[SpeechMotion, ...]]:
        """What :meth:`stream` gives for each of several seeds, side by side: the sound is listened to once.

        Raises:
            InputError: as :meth:`stream`.
        """
        if not (isinstance(fps, int | float) and math.isfinite(fps) and 1 <= fps <= 240):
            raise InputError(f"The frame rate must be from 1 to 240 frames per second, got {fps!r}.")
        counter = _Counted(chunks)
        performances = [Performance(motion, fps, seed) for seed in seeds]
        for heard in self._encoder.ticks(counter):
            pieces = tuple(p.push(heard) for p in performances)
            if len(pieces[0]):
                yield pieces
        pieces = tuple(p.finish(frame_count(counter.samples, SAMPLE_RATE, fps)) for p in performances)
        if len(pieces[0]):
            yield pieces


class _Counted:
    """Passes chunks on and counts their samples."""

    def __init__(self, chunks: Iterable[Array]) -> None:
        self._chunks = chunks
        self.samples = 0

    def __iter__(self) -> Iterator[Array]:
        for chunk in self._chunks:
            self.samples += np.size(chunk)
            yield chunk


def join_motion(pieces: list[SpeechMotion], fps: float) -> SpeechMotion:
    """Pieces of a stream as one motion; no pieces are no frames."""
    if not pieces:
        return SpeechMotion(torch.zeros(0, 52), torch.zeros(0, 3), torch.zeros(0, 2, 2), fps)
    return SpeechMotion(
        torch.cat([p.expression for p in pieces]),
        torch.cat([p.rotation for p in pieces]),
        torch.cat([p.eye_rotation for p in pieces]),
        fps,
    )
