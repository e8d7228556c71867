"""`SpeechModel`: speech in, mouth, blinks, gaze and head motion out; whole files or streams of any length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from face3d.errors import InputError
from talkinghead.resources import FILES
from talkinghead.speech.generate.generator import MotionGenerator
from talkinghead.speech.hear.encoder import LIVE_PACE, SpeechEncoder
from talkinghead.speech.hear.features import SAMPLE_RATE
from talkinghead.speech.hear.weights import load_network
from talkinghead.speech.options import MotionOptions, SpeechMotion
from talkinghead.speech.perform.frame_sources import FrameSource, GeneratedSource, LiveSource
from talkinghead.speech.perform.frames import frame_count
from talkinghead.speech.perform.performance import Performance
from talkinghead.speech.samples import mono_16k

Array = NDArray[np.float32]

NATURAL = MotionOptions()
ENCODER_FILE, GENERATOR_FILE = "speech-v2.safetensors", "motion-v2.safetensors"
LIVE_ENCODER_FILE = "speech-v2-live.safetensors"


class SpeechModel:
    """The trained encoder with the trained generator. One object serves any number of calls; it keeps no state.

    Args:
        encoder: hears phones, the open mouth and closures.
        generator: makes all motion of it; None: the mouth is the encoder's, the rest a random process, and frames come
            as soon as they are heard.
    """

    def __init__(self, encoder: SpeechEncoder, generator: MotionGenerator | None = None) -> None:
        self._encoder = encoder
        self._generator = generator

    @classmethod
    def load(cls, device: str = "cpu", path: Path | None = None, generator: Path | None = None) -> SpeechModel:
        """The model shipped with the package.

        Args:
            device: where its networks run.
            path: another encoder; alone, without `generator`, it moves the lips by itself.
            generator: another generator.

        Raises:
            InputError: a file that was given is not what it should be.
            InstallationError: a shipped file is missing or damaged.
        """
        if path is None:
            generator = generator or FILES.path(GENERATOR_FILE)
        encoder = SpeechEncoder(load_network(path or FILES.path(ENCODER_FILE), device), device)
        return cls(encoder, MotionGenerator.load(generator, device) if generator is not None else None)

    @classmethod
    def load_live(cls, device: str = "cpu", path: Path | None = None) -> SpeechModel:
        """The model for :meth:`stream` in conversation: a frame comes within 150 ms of the end of its sound.

        It hears 93 ms ahead and closes lips a little less surely; head, gaze and blinks are a random process.

        Raises:
            InputError: `path` is not an encoder.
            InstallationError: the shipped encoder is missing or damaged.
        """
        network = load_network(path or FILES.path(LIVE_ENCODER_FILE), device)
        return cls(SpeechEncoder(network, device, LIVE_PACE))

    def animate(
        self,
        samples: ArrayLike,
        fps: float,
        *,
        sample_rate: int = SAMPLE_RATE,
        seed: int = 0,
        motion: MotionOptions = NATURAL,
    ) -> SpeechMotion:
        """Motion of `ceil(N / sample_rate * fps)` frames.

        Args:
            samples: [N], [N, channels] or [channels, N]; floating-point in about -1..1, or integers of 8, 16 or 32 bits
                in their own full range.
            fps: frames per second.
            sample_rate: of the samples, Hz; other rates than 16,000 are resampled.
            seed: decides blinks, gaze, head and brows; the lips hardly depend on it.
            motion: how to move.

        Raises:
            InputError: the samples are no finite sound, or one of the rates is not usable.
        """
        return join_motion(list(self.stream([samples], fps, sample_rate=sample_rate, seed=seed, motion=motion)), fps)

    def stream(
        self,
        chunks: Iterable[ArrayLike],  # each as the samples of `animate`; any sizes
        fps: float,
        *,
        sample_rate: int = SAMPLE_RATE,
        seed: int = 0,
        motion: MotionOptions = NATURAL,
    ) -> Iterator[SpeechMotion]:
        """The frames of :meth:`animate` of the joined chunks, to about 1e-6, piece by piece, in constant memory.

        About 10 s of sound are held back at a time, of a model from :meth:`load_live` about 0.1 s.

        Raises:
            InputError: as :meth:`animate`, when the first piece is asked for or when the bad chunk arrives.
        """
        for (piece,) in self.performances(mono_16k(chunks, sample_rate), fps, seeds=(seed,), motion=motion):
            yield piece

    def performances(
        self, chunks: Iterable[Array], fps: float, *, seeds: Sequence[int], motion: MotionOptions = NATURAL
    ) -> Iterator[tuple[SpeechMotion, ...]]:
        """What :meth:`stream` gives of mono 16 kHz sound for each of several seeds: the sound is listened to once.

        Raises:
            InputError: as :meth:`stream`.
        """
        if not (isinstance(fps, int | float) and math.isfinite(fps) and 1 <= fps <= 240):
            raise InputError(f"The frame rate must be from 1 to 240 frames per second, got {fps!r}.")
        counter = _Counted(chunks)
        performances = [Performance(self._source(motion, fps, seed), motion, fps, seed) for seed in seeds]
        for heard in self._encoder.ticks(counter):
            pieces = tuple(p.push(heard) for p in performances)
            if len(pieces[0]):
                yield pieces
        pieces = tuple(p.finish(frame_count(counter.samples, SAMPLE_RATE, fps)) for p in performances)
        if len(pieces[0]):
            yield pieces

    def _source(self, motion: MotionOptions, fps: float, seed: int) -> FrameSource:
        if self._generator is None:
            return LiveSource(fps, seed, motion.blinks_per_minute)
        asked = motion.blink_rate is not None or motion.style is not None
        return GeneratedSource(self._generator, fps, seed, motion.blinks_per_minute if asked else None)


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
