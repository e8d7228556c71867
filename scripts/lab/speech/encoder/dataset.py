"""Training batches: random crops of the corpus with their teacher's motion and of real captures, augmented.

What a recording does not know (phones of speech without text, channels that nobody measured) is NaN in the targets and
counts nothing in the loss. Every batch is a function of the seed and its number, so an interrupted run goes on exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scripts.lab.speech.captures.captures import Capture, captures
from scripts.lab.speech.corpus.corpus import utterances
from scripts.lab.speech.corpus.phones import PHONE_INDEX, SILENCE, PhoneSegment
from scripts.lab.speech.encoder.augment import AugmentOptions, augment, noise_pool
from scripts.lab.speech.teacher.teacher import teach
from talkinghead.speech.generate.channels import MOTION_RATE
from talkinghead.speech.hear.features import (
    MEL_BANDS,
    POWER_FLOOR,
    NormaliserOptions,
    log_mel_stream,
    loudness_db,
    normalised,
)
from talkinghead.speech.hear.network import OUTPUT_RATE
from talkinghead.speech.perform.mouth import GATES, POSE_CHANNELS

Array = NDArray[np.float32]

_POSES = len(POSE_CHANNELS)
_FIELDS = _POSES + len(GATES) + 1  # columns of a target row: pose, gates, phone
UNKNOWN_PHONE = -100  # what torch's cross entropy ignores


@dataclass(frozen=True)
class Example:
    """One recording, ready.

    Attributes:
        mel: [2 T, bands] log power.
        target: [T, 18] pose, gates and phone at 50 frames/s; NaN where unknown.
        source: where it comes from, for the shares of a batch: "kokoro", "grid", ...
    """

    mel: NDArray[np.float16]
    target: Array
    source: str


@dataclass(frozen=True)
class Batch:
    """Network input and targets; NaN in pose and gates and `UNKNOWN_PHONE` where nothing is known."""

    features: Tensor  # [B, 2 T, FEATURES]
    pose: Tensor  # [B, 14, T]
    gates: Tensor  # [B, 3, T]
    phones: Tensor  # [B, T]

    def on(self, device: str) -> Batch:
        """On a device."""
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


# How often each source is drawn. Sources that are not there give their share to the others.
SHARES: dict[str, float] = {
    "kokoro": 0.38, "hibari": 0.14, "flite": 0.04, "festival": 0.04, "espeak": 0.10, "noise": 0.05, "ljspeech": 0.04,
    "grid": 0.15, "grid_speakers": 0.03, "facegood": 0.06,
}  # fmt: skip


def load_examples(corpus: Path, part: str, filmed: Path | None = None) -> list[Example]:
    """All utterances of a part of the corpus and all captures of the same part, in a fixed order.

    GRID is in both: with captures, these count.
    """
    spoken = [_spoken_example(u.samples, u.phones, _source(u.voice)) for u in utterances(corpus, part)]
    real = []
    if filmed is not None and (filmed / part).is_dir():
        for folder in sorted(path for path in (filmed / part).iterdir() if path.is_dir()):
            real += [_filmed_example(c, folder.name) for c in captures(filmed, f"{part}/{folder.name}")]
    sets = {example.source.split("_")[0] for example in real}
    return [e for e in spoken if e.source not in sets] + real


def _source(voice: str) -> str:
    """`kokoro:af_heart` -> kokoro, `train/grid` -> grid, `noise_hum` -> noise."""
    return voice.rsplit("/", 1)[-1].split(":", 1)[0].split("_", 1)[0]


def _spoken_example(samples: Array, phones: list[PhoneSegment], source: str) -> Example:
    mel = _even_mel(samples)
    motion = teach(phones, loudness_db(mel))
    target = np.concatenate([motion.pose, motion.gates, motion.phones[:, None].astype(np.float32)], 1)
    return Example(mel.astype(np.float16), target, source)


def _filmed_example(capture: Capture, source: str) -> Example:
    """Measured pose; gates and phones from the aligned words, where there are any."""
    mel = _even_mel(capture.samples)
    target = np.full((len(mel) // 2, _FIELDS), np.nan, np.float32)
    if capture.phones:
        motion = teach(capture.phones, loudness_db(mel))
        target[:, :_POSES] = motion.pose
        target[:, _POSES:-1], target[:, -1] = motion.gates, motion.phones
    ticks = (np.arange(len(target)) + 0.5) / OUTPUT_RATE * MOTION_RATE - 0.5
    frames = np.arange(len(capture.motion))
    for column in np.flatnonzero(capture.known[:_POSES]):
        target[:, column] = np.interp(ticks, frames, capture.motion[:, column])
    return Example(mel.astype(np.float16), target, source)


def _even_mel(samples: Array) -> Array:
    mel = np.concatenate(list(log_mel_stream([samples])))
    return mel[: len(mel) // 2 * 2]


class CropSampler:
    """Makes batches. Recordings follow each other with random pauses, so that crops contain silence and restarts."""

    def __init__(
        self, examples: list[Example], seed: int, seconds: float, options: AugmentOptions, levels: NormaliserOptions
    ) -> None:
        self._groups: dict[str, list[Example]] = {}
        for example in examples:
            self._groups.setdefault(example.source, []).append(example)
        shares = np.array([SHARES.get(source, 0.05) for source in self._groups])
        self._shares = shares / shares.sum()
        self._seed = seed
        self._frames = int(seconds * 100) // 2 * 2
        self._options = options
        self._levels = levels
        rng = np.random.default_rng(seed)
        voiced = [e.mel.astype(np.float32) for e in examples if e.source != "noise"]
        self._pool = noise_pool(rng, voiced, options.pool_seconds)

    def batch(self, number: int, size: int) -> Batch:
        """The `number`-th batch of `size` crops: the same whenever it is asked for."""
        rng = np.random.default_rng([self._seed, number])
        mels, targets = zip(*(self._crop(rng) for _ in range(size)), strict=True)
        features = normalised(np.stack(mels), self._levels)
        stacked = torch.from_numpy(np.stack(targets)).transpose(1, 2)
        phones = stacked[:, -1].nan_to_num(UNKNOWN_PHONE).long()
        return Batch(torch.from_numpy(features), stacked[:, :_POSES].contiguous(),
                     stacked[:, _POSES:-1].contiguous(), phones)  # fmt: skip

    def _draw(self, rng: np.random.Generator) -> Example:
        group = list(self._groups.values())[int(rng.choice(len(self._shares), p=self._shares))]
        return group[int(rng.integers(len(group)))]

    def _crop(self, rng: np.random.Generator) -> tuple[Array, Array]:
        if rng.random() < 0.05:  # no speech at all: rest
            mel = np.full((self._frames, MEL_BANDS), np.log(POWER_FLOOR), np.float32)
            if rng.random() < 0.8:
                mel = _without_speech(self._pool, self._frames, rng)
            return augment(mel, self._pool, rng, self._options), _resting(self._frames // 2)
        mels: list[Array] = []
        targets: list[Array] = []
        length = 0
        while length < self._frames:
            mel, target = self._stretched(self._draw(rng), rng)
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

    def _stretched(self, example: Example, rng: np.random.Generator) -> tuple[Array, Array]:
        """The recording with its targets, sometimes at another tempo."""
        target = example.target
        mel = example.mel.astype(np.float32)
        if rng.random() >= self._options.tempo:
            return mel, target
        frames = round(len(target) * rng.uniform(*self._options.tempo_range))
        nearest = np.minimum(((np.arange(frames) + 0.5) * len(target) / frames).astype(int), len(target) - 1)
        position = np.clip((np.arange(2 * frames) + 0.5) * len(mel) / (2 * frames) - 0.5, 0, len(mel) - 1)
        low = np.minimum(position.astype(int), len(mel) - 2)
        weight = (position - low)[:, None].astype(np.float32)
        return mel[low] * (1 - weight) + mel[low + 1] * weight, target[nearest]


def _resting(frames: int) -> Array:
    target = np.zeros((frames, _FIELDS), np.float32)
    target[:, _POSES + GATES.index("rest")] = 1
    target[:, -1] = PHONE_INDEX[SILENCE]
    return target


def _without_speech(pool: list[Array], frames: int, rng: np.random.Generator) -> Array:
    """A stretch of the pool's noises, babble (its last four) left out: whose lips would move there is unknowable."""
    noise = pool[int(rng.integers(len(pool) - 4))]
    start = int(rng.integers(0, len(noise) - frames)) if len(noise) > frames else 0
    return noise[start : start + frames]
