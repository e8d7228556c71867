"""The whole making of a generator: hear the recordings with the encoder, train, set what is set afterwards, save."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from scripts.lab.speech.encoder.augment import AugmentOptions
from scripts.lab.speech.generator.data import Clip, Listener, Recording, filmed, load_clips, taught
from scripts.lab.speech.generator.measure import finished
from scripts.lab.speech.generator.trainer import GeneratorOptions, train_generator
from scripts.lab.training.loop import PLAIN_RUN, Run
from talkinghead.speech.generate.channels import MOTION_CHANNELS
from talkinghead.speech.generate.weights import TrainedGenerator, save_generator
from talkinghead.speech.generate.windows import Rest
from talkinghead.speech.hear.features import MEL_BANDS, POWER_FLOOR
from talkinghead.speech.hear.weights import load_network

_BABBLE = 60  # recordings that lend their voices
_SILENT_FRAMES = 100


@dataclass(frozen=True)
class GeneratorPlaces:
    """Files of a run.

    Attributes:
        encoder: weights of the speech network that hears.
        captures: filmed motion (`train_speech.py captures`).
        corpus: speech with the teacher's mouth, or None to do without.
        output: the weights file to write; its checkpoint lies beside `cache`.
        cache: where conditions and the checkpoint are kept.
    """

    encoder: Path
    captures: Path
    corpus: Path | None
    output: Path
    cache: Path


@dataclass(frozen=True)
class HearingOptions:
    """How many recordings are heard, in how many recording conditions."""

    taught: int = 400
    filmed_versions: int = 2
    taught_versions: int = 1
    mouth_temperature: float = 0.0


def make_generator(
    places: GeneratorPlaces,
    options: GeneratorOptions,
    hearing: HearingOptions = HearingOptions(),
    run: Run = PLAIN_RUN,
) -> TrainedGenerator:
    """Train from the captures and the corpus; writes `places.output`. Interrupted, the same call goes on.

    Raises:
        ValueError: there are no captures to train on, or none to choose by.
    """
    torch.set_num_threads(options.threads)
    encoder = load_network(places.encoder)
    listener = Listener(encoder, AugmentOptions(), options.seed)
    cache = places.cache / f"{zlib.crc32(places.encoder.read_bytes()):08x}"
    clips = _train_clips(places, hearing, listener, cache, options.seed)
    development = load_clips(filmed(places.captures, "development"), listener, 1, cache / "development")
    if not clips or not development:
        raise ValueError(f"{places.captures} holds no captures to train on and to choose by.")
    minutes = sum(len(c.motion) for c in clips) / 25 / 60
    run.report(f"{len(clips)} recordings to train on, {minutes:.0f} minutes, {len(development)} to choose by")
    rest = rest_of(listener)
    kept = replace(run, checkpoint=cache / f"{places.output.stem}.checkpoint.safetensors")
    network, notes = train_generator(clips, rest, options, run=kept)
    generator = finished(network, rest, _short(development), hearing.mouth_temperature, notes)
    run.report(str(generator.notes["figures"]))
    save_generator(generator, places.output)
    return generator


def _train_clips(
    places: GeneratorPlaces, hearing: HearingOptions, listener: Listener, cache: Path, seed: int
) -> list[Clip]:
    real = list(filmed(places.captures, "train"))
    spoken: list[Recording] = []
    if places.corpus is not None and hearing.taught:
        spoken = list(taught(places.corpus, "train", hearing.taught, seed))
    together = real + spoken
    listener.prepare(together[:: max(1, len(together) // _BABBLE)])
    return [
        *load_clips(real, listener, hearing.filmed_versions, cache / "train"),
        *load_clips(spoken, listener, hearing.taught_versions, cache / "train"),
    ]


def rest_of(listener: Listener) -> Rest:
    """What lies before the first frame: all channels 0 and silence."""
    silence = np.full((4 * _SILENT_FRAMES, MEL_BANDS), np.log(POWER_FLOOR), np.float32)
    heard = listener.condition(silence)[_SILENT_FRAMES // 2]
    return Rest(torch.zeros(len(MOTION_CHANNELS)), torch.from_numpy(heard))


def _short(clips: list[Clip], frames: int = 750) -> list[Clip]:
    """Long clips cut to half a minute: enough to choose by."""
    return [Clip(c.conditions[:, :frames], c.motion[:frames], c.known, c.source, c.name) for c in clips]
