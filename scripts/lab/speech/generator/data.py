"""What the generator learns from: motion with the speech as the encoder hears it, in random recording conditions."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.files import atomic_file
from scripts.lab.speech.captures.captures import load_capture
from scripts.lab.speech.corpus.corpus import load_utterance
from scripts.lab.speech.encoder.augment import AugmentOptions, augment, noise_pool
from scripts.lab.speech.teacher.teacher import teach
from talkinghead.speech.generate.channels import MOTION_CHANNELS
from talkinghead.speech.generate.conditions import frame_conditions
from talkinghead.speech.hear.encoder import Ticks
from talkinghead.speech.hear.features import MEL_BANDS, NormaliserOptions, log_mel_stream, loudness_db, normalised
from talkinghead.speech.hear.gates import closure_probability, decide_gates
from talkinghead.speech.hear.network import SpeechNetwork
from talkinghead.speech.perform.mouth import POSE_CHANNELS

Array = NDArray[np.float32]

BLINK = MOTION_CHANNELS.index("blink")
_BLINK_HEIGHT = 0.4  # of a lid curve's peak that is a blink
_BUMP_FRAMES = 2.5  # standard deviation of the bump that stands for a blink
_LOUDNESS_DB = 15.0  # of the loudness feature at 1
_FRAME = 4  # mel frames in a frame of motion


@dataclass(frozen=True)
class Recording:
    """A recording before it is heard.

    Attributes:
        samples: [N] 16 kHz, -1..1.
        motion: [T, C] physical units, in the order of `MOTION_CHANNELS`.
        known: [C] which channels it has.
        source: the kind, for the shares of a batch: "grid", "facegood", "taught", ...
        name: of the recording.
    """

    samples: Array
    motion: Array
    known: NDArray[np.bool_]
    source: str
    name: str


@dataclass(frozen=True)
class Clip:
    """A recording with its speech as heard in V recording conditions; the first is the original.

    Attributes:
        conditions: [V, T, CONDITION].
        motion: [T, C].
        known: [C].
        source, name: of the recording.
    """

    conditions: NDArray[np.float16]
    motion: Array
    known: NDArray[np.bool_]
    source: str
    name: str


def filmed(folder: Path, part: str) -> Iterator[Recording]:
    """Captures, kind by folder. Lids become bumps at the blinks: their shape is drawn elsewhere."""
    for path in sorted((folder / part).rglob("*.npz")):
        capture = load_capture(path)
        motion = capture.motion.copy()
        motion[:, BLINK] = blink_bumps(motion[:, BLINK])
        yield Recording(capture.samples, motion, capture.known, path.parent.name, path.stem)


def taught(corpus: Path, part: str, most: int, seed: int) -> Iterator[Recording]:
    """At most `most` utterances with the teacher's mouth, those left out that are filmed; nobody knows their heads."""
    paths = sorted(path for path in (corpus / part).rglob("*.npz") if not path.parent.name.startswith("grid"))
    chosen = sorted(np.random.default_rng(seed).permutation(len(paths))[:most].tolist())
    known = np.isin(MOTION_CHANNELS, POSE_CHANNELS)
    for path in (paths[i] for i in chosen):
        utterance = load_utterance(path)
        mel = _mel(utterance.samples)
        pose = teach(utterance.phones, loudness_db(mel)).pose
        motion = np.zeros((len(pose) // 2, len(MOTION_CHANNELS)), np.float32)
        motion[:, : len(POSE_CHANNELS)] = pose[: 2 * len(motion)].reshape(len(motion), 2, -1).mean(1)
        yield Recording(utterance.samples, motion, known, "taught", f"{path.parent.name}/{path.stem}")


def blink_bumps(lid: Array) -> Array:  # [T] 0..1 -> [T] 0..1
    """A smooth bump of height 1 around each blink's lowest lid: a network can learn when, rather than how."""
    frames = np.arange(len(lid))
    peaks = blink_peaks(lid, _BLINK_HEIGHT)
    bumps = [np.exp(-(((frames - peak) / _BUMP_FRAMES) ** 2) / 2) for peak in peaks]
    return np.max(bumps, 0).astype(np.float32) if bumps else np.zeros(len(lid), np.float32)


def blink_peaks(lid: Array, height: float) -> list[int]:
    """Frames of the maxima of each stretch above `height`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lid >= height, [False]]).astype(int)))
    return [int(start + lid[start:stop].argmax()) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


class Listener:
    """Hears recordings with a trained speech network, as they are and in random recording conditions."""

    def __init__(self, network: SpeechNetwork, options: AugmentOptions, seed: int) -> None:
        self._network = network.eval()
        self._options = options
        self._seed = seed
        self._levels = NormaliserOptions(lookahead=network.size.level_lookahead)
        self._pool: list[Array] = []

    def prepare(self, recordings: Iterable[Recording]) -> None:
        """Make the noises that recordings are mixed with; these lend their voices for babble (six or more)."""
        rng = np.random.default_rng(self._seed)
        self._pool = noise_pool(rng, [_mel(r.samples) for r in recordings], self._options.pool_seconds)

    def hear(self, recording: Recording, versions: int) -> Clip:
        """The recording with its conditions: the original and `versions` - 1 others, the same whenever asked for."""
        rng = np.random.default_rng([self._seed, zlib.crc32(recording.name.encode())])
        mel = _mel(recording.samples)
        mels = [mel, *(augment(mel, self._pool, rng, self._options) for _ in range(versions - 1))]
        heard = [self.condition(m) for m in mels]
        frames = min(len(heard[0]), len(recording.motion))
        conditions = np.stack([c[:frames] for c in heard]).astype(np.float16)
        return Clip(conditions, recording.motion[:frames], recording.known, recording.source, recording.name)

    @torch.inference_mode()
    def condition(self, mel: Array) -> Array:  # [4 T, bands] log power -> [T, CONDITION]
        """What `conditions_of` gives for the sound of these mels."""
        features = normalised(mel[None], self._levels)[0]
        output = self._network(torch.from_numpy(features)[None])
        heads = (output.phones.softmax(1), output.pose.sigmoid(), output.gates.sigmoid())
        phones, pose, gates = (head[0].T.numpy() for head in heads)
        levels = features[:, MEL_BANDS:].reshape(len(features) // 2, 2, -1)
        loudness = np.minimum(levels[..., 0] * _LOUDNESS_DB, 0).mean(1)
        ticks = Ticks(phones, pose, decide_gates(closure_probability(gates, phones)), loudness, levels[..., 1].mean(1))
        return np.concatenate([*frame_conditions([ticks])])


def _mel(samples: Array) -> Array:  # [N] -> [4 T, bands]
    mel = np.concatenate(list(log_mel_stream([samples])))
    return mel[: len(mel) // _FRAME * _FRAME]


def load_clips(recordings: Iterable[Recording], listener: Listener, versions: int, cache: Path) -> list[Clip]:
    """All recordings, heard; what was heard is kept under `cache`, a folder for this listener's network alone."""
    clips = []
    for recording in recordings:
        path = cache / recording.source / f"{recording.name}-{versions}.npy"
        if path.exists():
            conditions = np.load(path, allow_pickle=False)
            motion = recording.motion[: conditions.shape[1]]
            clips.append(Clip(conditions, motion, recording.known, recording.source, recording.name))
            continue
        clip = listener.hear(recording, versions)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.save(file, clip.conditions)
        clips.append(clip)
    return clips
