"""Training batches: random crops of the corpus with their teacher's motion, augmented."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkinghead.speech.features import MEL_BANDS, POWER_FLOOR, log_mel_stream, loudness_db, normalised
from talkinghead.speech.mouth import GATES, POSE_CHANNELS
from talkinghead.training.augment import AugmentOptions, augment, noise_pool
from talkinghead.training.corpus import utterances
from talkinghead.training.phones import PHONE_INDEX, SILENCE
from talkinghead.training.teacher import Motion, teach


@dataclass(frozen=True)
class Example:
    """One utterance, ready: `mel [2 T, bands]` log power and the teacher's `motion` of `T` frames."""

    mel: NDArray[np.float16]
    motion: Motion
    voice: str


@dataclass(frozen=True)
class Batch:
    """Network input and targets."""

    features: Tensor  # [B, 2 T, FEATURES]
    pose: Tensor  # [B, 14, T]
    gates: Tensor  # [B, 3, T]
    phones: Tensor  # [B, T]


def load_examples(corpus: Path, part: str) -> list[Example]:
    """All utterances of a part of the corpus, in a fixed order."""
    examples = []
    for utterance in utterances(corpus, part):
        mel = np.concatenate(list(log_mel_stream([utterance.samples])))
        mel = mel[: len(mel) // 2 * 2]
        examples.append(Example(mel.astype(np.float16), teach(utterance.phones, loudness_db(mel)), utterance.voice))
    return examples


_FIELDS = len(POSE_CHANNELS) + len(GATES) + 1  # columns of a target row: pose, gates, phone


class CropSampler:
    """Draws batches. Utterances follow each other with random pauses, so that crops contain silence and restarts."""

    def __init__(self, examples: list[Example], seed: int, seconds: float, options: AugmentOptions) -> None:
        self._examples = examples
        self._rng = np.random.default_rng(seed)
        self._frames = int(seconds * 100) // 2 * 2
        self._options = options
        self._pool = noise_pool(self._rng, [e.mel.astype(np.float32) for e in examples], options.pool_seconds)
        self._order: Iterator[int] = iter(())

    def batch(self, size: int) -> Batch:
        """`size` crops."""
        mels, targets = zip(*(self._crop() for _ in range(size)), strict=True)
        features = normalised(np.stack(mels))
        stacked = torch.from_numpy(np.stack(targets)).transpose(1, 2)
        poses = len(POSE_CHANNELS)
        return Batch(torch.from_numpy(features), stacked[:, :poses].contiguous(), stacked[:, poses:-1].contiguous(),
                     stacked[:, -1].long())  # fmt: skip

    def _next(self) -> Example:
        index = next(self._order, None)
        if index is None:
            self._order = iter(self._rng.permutation(len(self._examples)).tolist())
            index = next(self._order)
        return self._examples[index]

    def _crop(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rng = self._rng
        if rng.random() < 0.05:  # no speech at all: rest
            mel = np.full((self._frames, MEL_BANDS), np.log(POWER_FLOOR), np.float32)
            if rng.random() < 0.8:
                mel = _without_speech(self._pool, self._frames, rng)
            return augment(mel, self._pool, rng, self._options), _resting(self._frames // 2)
        mels: list[NDArray[np.float32]] = []
        targets: list[NDArray[np.float32]] = []
        length = 0
        while length < self._frames:
            mel, target = self._stretched(self._next())
            if rng.random() < 0.4:
                pause = int(rng.integers(5, 60))
                mels.append(np.full((2 * pause, MEL_BANDS), np.log(POWER_FLOOR), np.float32))
                targets.append(_resting(pause))
                length += 2 * pause
            start = 0
            if not length and len(mel) > self._frames:
                start = int(rng.integers(0, (len(mel) - self._frames) // 2 + 1)) * 2
            mels.append(mel[start:])
            targets.append(target[start // 2 :])
            length += len(mel) - start
        joined = np.concatenate(mels)[: self._frames]
        return augment(joined, self._pool, rng, self._options), np.concatenate(targets)[: self._frames // 2]

    def _stretched(self, example: Example) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The utterance with its targets, sometimes at another tempo."""
        motion = example.motion
        target = np.concatenate([motion.pose, motion.gates, motion.phones[:, None].astype(np.float32)], 1)
        mel = example.mel.astype(np.float32)
        if self._rng.random() >= self._options.tempo:
            return mel, target
        frames = round(len(target) * self._rng.uniform(*self._options.tempo_range))
        nearest = np.minimum(((np.arange(frames) + 0.5) * len(target) / frames).astype(int), len(target) - 1)
        position = np.clip((np.arange(2 * frames) + 0.5) * len(mel) / (2 * frames) - 0.5, 0, len(mel) - 1)
        low = np.minimum(position.astype(int), len(mel) - 2)
        weight = (position - low)[:, None].astype(np.float32)
        return mel[low] * (1 - weight) + mel[low + 1] * weight, target[nearest]


def _resting(frames: int) -> NDArray[np.float32]:
    target = np.zeros((frames, _FIELDS), np.float32)
    target[:, len(POSE_CHANNELS) + GATES.index("rest")] = 1
    target[:, -1] = PHONE_INDEX[SILENCE]
    return target


def _without_speech(pool: list[NDArray[np.float32]], frames: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A stretch of the pool's noises, babble (its last four) left out: whose lips would move there is unknowable."""
    noise = pool[int(rng.integers(len(pool) - 4))]
    start = int(rng.integers(0, len(noise) - frames)) if len(noise) > frames else 0
    return noise[start : start + frames]
