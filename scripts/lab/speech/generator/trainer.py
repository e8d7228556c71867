"""Fits the generator. An interrupted run goes on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scripts.lab.speech.generator.batches import Batch, WindowSampler, line_of, spread_of
from scripts.lab.speech.generator.data import Clip
from scripts.lab.speech.generator.fit import GeneratorOptions, fit
from scripts.lab.training.loop import PLAIN_RUN, Run, prepare
from talkinghead.speech.generate.channels import MOTION_CHANNELS
from talkinghead.speech.generate.conditions import CONDITION
from talkinghead.speech.generate.network import GeneratorSize, MotionNetwork, Window
from talkinghead.speech.generate.sampler import noisy
from talkinghead.speech.generate.windows import Rest
from talkinghead.speech.perform.mouth import LIP_GAP_MM

GENERATOR_SIZE = GeneratorSize(len(MOTION_CHANNELS), CONDITION)

PRESETS = {
    "cpu": GeneratorOptions(),
    "gpu": GeneratorOptions(steps=20_000, batch=128, rate=1e-3, averaging=0.9995, device="cuda"),
}


@dataclass(frozen=True)
class GeneratorLoss:
    """Weights of the loss's parts, all squared, so that their best answer is the expected motion."""

    clean: float = 1.0
    velocity: float = 2.0
    gap: float = 0.03  # per mm^2


# Smaller spreads than these are noise: radians for turns, weights for the rest.
SPREAD_FLOOR = np.array(
    [np.radians(0.2) if n.startswith("head") else np.radians(0.5) if n.startswith("gaze") else 0.02
     for n in MOTION_CHANNELS], np.float32)  # fmt: skip
# Width of the noise that hides each channel: about how fast it moves.
NOISE_FRAMES = np.array(
    [4.0 if n.startswith(("head", "brow", "eyeSquint")) else 2.0 if n == "blink" else 1.0 for n in MOTION_CHANNELS],
    np.float32,
)
_MILLIMETRES = torch.tensor([LIP_GAP_MM.get(name, 0.0) for name in MOTION_CHANNELS])


def generator_loss(network: MotionNetwork, batch: Batch, random: torch.Generator, weights: GeneratorLoss,
                   prefix_noise: float) -> dict[str, Tensor]:  # fmt: skip
    """The weighted parts of the loss at random noise levels."""
    error, counted = denoising_error(network, batch, random, prefix_noise)
    opening = torch.einsum("btc,c->bt", error * network.spread, _MILLIMETRES.to(error.device))
    return {
        "clean": weights.clean * _mean(error.square(), counted),
        "velocity": weights.velocity * _mean(error.diff(dim=1).square(), counted[:, 1:]),
        "gap": weights.gap * _mean(opening.square(), counted[..., 0]),
    }


def denoising_error(
    network: MotionNetwork, batch: Batch, random: torch.Generator, prefix_noise: float
) -> tuple[Tensor, Tensor]:
    """Normalised error of x0 at random noise levels, 0 where nothing is asked; and where something is, as 0 or 1."""
    clean = network.normalised(batch.motion)
    angle = torch.rand(len(clean), generator=random) * (math.pi / 2)
    first, second = (torch.randn(clean.shape, generator=random) for _ in range(2))
    angle, first, second = (x.to(clean.device) for x in (angle, first, second))
    first = network.shaped(first)
    given = batch.prefix[..., None]
    mixed = noisy(clean, first, angle) * (1 - given) + (clean + prefix_noise * second) * given
    window = Window(batch.condition, batch.known, batch.prefix, batch.spoken)
    error = network(mixed, angle, window) - clean
    # Where motion is given nothing is asked; the first new frame's change counts, though: it must follow.
    made = batch.valid * (1 - batch.prefix)
    counted = made[..., None] * batch.known[:, None]
    return error * counted, counted


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp_min(1)


def train_generator(
    clips: list[Clip],
    rest: Rest,
    options: GeneratorOptions,
    weights: GeneratorLoss = GeneratorLoss(),
    size: GeneratorSize = GENERATOR_SIZE,
    run: Run = PLAIN_RUN,
) -> tuple[MotionNetwork, dict[str, Any]]:
    """Train, from the checkpoint where there is one; the averaged network in evaluation mode, and how it was made."""
    prepare(options)
    network = MotionNetwork(size)
    _start(network, clips, options.ridge)
    sampler = WindowSampler(clips, rest, options.seed, options.vary)
    facts = {"size": asdict(size), "loss": asdict(weights), "clips": len(clips)}

    def loss(network: MotionNetwork, batch: Batch, random: torch.Generator) -> dict[str, Tensor]:
        return generator_loss(network, batch, random, weights, options.vary.prefix_noise)

    return fit(network, loss, sampler, options, facts, run)


def _start(network: MotionNetwork, clips: list[Clip], ridge: float) -> None:
    """The channels' spreads, and the best straight line as the first guess."""
    mean, spread = spread_of(clips, SPREAD_FLOOR)
    weights, offsets = line_of(clips, mean, spread, ridge)
    with torch.no_grad():
        network.mean.copy_(torch.from_numpy(mean))
        network.spread.copy_(torch.from_numpy(spread))
        network.noise_frames.copy_(torch.from_numpy(NOISE_FRAMES))
        network.line.weight.copy_(torch.from_numpy(weights))
        network.line.bias.copy_(torch.from_numpy(offsets))
