"""Which representation of motion is generated best: its channels, a code of them, or a code learnt with speech in view.

The three are trained on the same windows, with the same network, steps and seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.lab.speech.ablation.implicit import EQUATION_1, PLAIN, ImplicitLoss, MotionAutoencoder
from scripts.lab.speech.ablation.implicit_trainer import (
    CODE_OPTIONS,
    CODE_SIZE,
    coded_rest,
    train_autoencoder,
    train_coded_generator,
)
from scripts.lab.speech.generator.batches import VaryOptions
from scripts.lab.speech.generator.data import Clip
from scripts.lab.speech.generator.fit import GeneratorOptions
from scripts.lab.speech.generator.measure import finished
from scripts.lab.speech.generator.trainer import GENERATOR_SIZE, train_generator
from scripts.lab.training.loop import Run
from talkinghead.speech.generate.network import GeneratorSize
from talkinghead.speech.generate.weights import TrainedGenerator
from talkinghead.speech.generate.windows import Rest, WindowOptions

CODES: dict[str, ImplicitLoss | None] = {"explicit": None, "implicit": PLAIN, "implicit, eq. (1)": EQUATION_1}
"""The representations, and how their codes are learnt."""


_GENERATOR = GeneratorOptions(steps=500, batch=12, vary=VaryOptions(windows=WindowOptions(10, 66, 6)))
_CODE = replace(CODE_OPTIONS, steps=600, batch=12)
_SIZE = replace(GENERATOR_SIZE, width=64, blocks=3)


@dataclass(frozen=True)
class AblationOptions:
    """What all three have in common: small enough for a slow core."""

    generator: GeneratorOptions = _GENERATOR
    code: GeneratorOptions = _CODE
    size: GeneratorSize = _SIZE
    mouth_temperature: float = 0.25


@dataclass(frozen=True)
class Contender:
    """A trained generator, and the autoencoder whose code it makes if it does; whether that one knows speech."""

    generator: TrainedGenerator
    autoencoder: MotionAutoencoder | None
    notes: dict[str, Any]
    considers_speech: bool = False


def contender(
    name: str,
    clips: list[Clip],
    development: list[Clip],
    rest: Rest,
    options: AblationOptions,
    folder: Path,
    report: Callable[[str], None] = print,
) -> Contender:
    """The representation `name` of `CODES`, trained; its checkpoints in `folder` let an interrupted run go on."""
    stem = "".join(c if c.isalnum() else "-" for c in name) + f"-{options.generator.seed}"
    places = [folder / f"{stem}.{part}.checkpoint.safetensors" for part in ("code", "generator")]
    runs = [Run(checkpoint=place, report=report) for place in places]
    loss = CODES[name]
    if loss is None:
        network, notes = train_generator(clips, rest, options.generator, size=options.size, run=runs[1])
        generator = finished(network, rest, development, options.mouth_temperature, notes)
        return Contender(generator, None, {"minutes": notes["minutes"], "weights": _count(network)})
    autoencoder, code_notes = train_autoencoder(clips, rest, options.code, loss, CODE_SIZE, run=runs[0])
    network, notes = train_coded_generator(autoencoder, clips, rest, options.generator, size=options.size, run=runs[1])
    generator = finished(
        network, coded_rest(autoencoder, rest), development, options.mouth_temperature, notes, autoencoder.decoder
    )
    found = {"minutes": notes["minutes"], "code_minutes": code_notes["minutes"], "weights": _count(network),
             "decoder_weights": _count(autoencoder.decoder)}  # fmt: skip
    return Contender(generator, autoencoder, found, loss.considers_speech)


def _count(network: Any) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
