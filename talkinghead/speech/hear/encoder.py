"""`SpeechEncoder`: what the network hears in speech, tick by tick of 20 ms, in constant memory."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.speech.hear.features import FEATURES, NormaliserOptions, log_mel_stream, normalised_stream
from talkinghead.speech.hear.gates import GATE_CONTEXT, closure_probability, decide_gates
from talkinghead.speech.hear.network import PHONE_CLASSES, SpeechNetwork
from talkinghead.speech.perform.mouth import GATES, POSE_CHANNELS

Array = NDArray[np.float32]
_log = logging.getLogger(__name__)

_POSES = len(POSE_CHANNELS)


@dataclass(frozen=True)
class Pace:
    """How much is worked on at a time.

    Attributes:
        block: ticks that the network takes at once; the fewer, the sooner they come and the more they cost.
        mel_block: frames of 10 ms that the spectrum takes at once.
        gate_future: ticks that the decision about a closure looks ahead.
    """

    block: int = 400
    mel_block: int = 500
    gate_future: int = GATE_CONTEXT


OFFLINE_PACE = Pace()
LIVE_PACE = Pace(block=1, mel_block=2, gate_future=1)


@dataclass(frozen=True, eq=False)
class Ticks:
    """What is heard in `n` ticks of 20 ms.

    Attributes:
        phones: [n, 40] probabilities, in the order of the training's phones (0 is silence).
        pose: [n, 14] open pose of the mouth, 0..1, in the order of `POSE_CHANNELS`.
        gates: [n, 3] decided closures, 0..1, in the order of `GATES`.
        loudness: [n] dB below the running peak of the speech, <= 0.
        audible: [n] 0..1, how surely the sound is not silence.
    """

    phones: Array
    pose: Array
    gates: Array
    loudness: Array
    audible: Array

    def __len__(self) -> int:
        return len(self.pose)

    def __getitem__(self, part: slice) -> Ticks:
        return Ticks(self.phones[part], self.pose[part], self.gates[part], self.loudness[part], self.audible[part])

    @staticmethod
    def join(pieces: list[Ticks]) -> Ticks:
        """One after the other; at least one."""
        names = ("phones", "pose", "gates", "loudness", "audible")
        return Ticks(*(np.concatenate([getattr(p, name) for p in pieces]) for name in names))


class SpeechEncoder:
    """The trained network, run over sounds of any length. It keeps no state between calls."""

    def __init__(self, network: SpeechNetwork, device: str = "cpu", pace: Pace = OFFLINE_PACE) -> None:
        self._network = network.to(device).eval()
        self._device = device
        self._pace = pace

    def ticks(self, chunks: Iterable[Array]) -> Iterator[Ticks]:
        """`ceil(samples / 320)` ticks in all, in pieces; how the sound is cut changes the numbers by about 1e-6.

        Args:
            chunks: [n] 16 kHz mono each, -1..1, any sizes.

        Raises:
            InputError: a chunk is not a finite, one-dimensional signal.
        """
        size, pace = self._network.size, self._pace
        past, future = size.past + GATE_CONTEXT, size.future + pace.gate_future
        features, loudness = np.zeros((0, FEATURES), np.float32), np.zeros(0)
        left = 0  # ticks at the front of `features` that are only context
        audible = 0.0
        levels = NormaliserOptions(lookahead=size.level_lookahead)
        for new, loud in normalised_stream(log_mel_stream(_checked(chunks), pace.mel_block), levels):
            features, loudness = np.concatenate([features, new]), np.concatenate([loudness, loud])
            audible = max(audible, float(new[:, -1].max(initial=0)))
            while len(features) >= 2 * (left + pace.block + future):
                whole = self._run(features[: 2 * (left + pace.block + future)], loudness, left)
                yield whole[: pace.block]
                drop = max(left + pace.block - past, 0)
                features, loudness = features[2 * drop :], loudness[2 * pace.block :]
                left = left + pace.block - drop
        if len(loudness):
            if len(features) % 2:
                features, loudness = np.concatenate([features, features[-1:]]), np.append(loudness, loudness[-1])
            yield self._run(features, loudness, left)
        if audible < 0.5:
            _log.warning("The sound is silent or much too quiet: the mouth stays closed.")

    @torch.inference_mode()
    def _run(self, features: Array, loudness: NDArray[np.float64], left: int) -> Ticks:
        """All ticks of the features `[2 n, FEATURES]` but the first `left`; loudness begins after these."""
        output = self._network(torch.from_numpy(features)[None].to(self._device))
        joined = torch.cat([output.phones.softmax(1), output.pose.sigmoid(), output.gates.sigmoid()], 1)[0].T
        values = np.ascontiguousarray(joined.cpu().numpy())
        phones = values[:, :PHONE_CLASSES]
        gates = decide_gates(closure_probability(values[:, -len(GATES) :], phones), self._pace.gate_future)
        pairs = features.reshape(-1, 2, FEATURES)[:, :, -1].mean(1)
        return Ticks(
            phones[left:],
            values[left:, PHONE_CLASSES : PHONE_CLASSES + _POSES],
            gates[left:],
            loudness[: 2 * (len(values) - left)].reshape(-1, 2).mean(1).astype(np.float32),
            pairs[left:],
        )


def _checked(chunks: Iterable[Array]) -> Iterator[Array]:
    for chunk in chunks:
        samples = np.asarray(chunk, np.float32)
        if samples.ndim != 1:
            raise InputError(f"Speech must be mono samples of shape [N], got shape {list(samples.shape)}.")
        if not np.isfinite(samples).all():
            raise InputError("The speech holds NaN or infinite samples.")
        yield samples
