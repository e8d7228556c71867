"""Fits the implicit code of motion, then the generator of codes."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scripts.lab.speech.ablation.implicit import (
    PLAIN,
    ImplicitLoss,
    MotionAutoencoder,
    gap_error,
    implicit_loss,
    places,
    weighted_mean,
)
from scripts.lab.speech.generator.batches import Batch, VaryOptions, WindowSampler, line_of, spread_of
from scripts.lab.speech.generator.data import Clip
from scripts.lab.speech.generator.fit import GeneratorOptions, fit
from scripts.lab.speech.generator.trainer import (
    GENERATOR_SIZE,
    NOISE_FRAMES,
    SPREAD_FLOOR,
    GeneratorLoss,
    denoising_error,
)
from scripts.lab.training.loop import PLAIN_RUN, Run, prepare
from talkinghead.speech.generate.channels import UPPER_CHANNELS
from talkinghead.speech.generate.implicit import CodeSize
from talkinghead.speech.generate.network import GeneratorSize, MotionNetwork
from talkinghead.speech.generate.windows import Rest, WindowOptions
from talkinghead.speech.perform.mouth import POSE_CHANNELS

CODE_SIZE = CodeSize((len(POSE_CHANNELS), len(UPPER_CHANNELS)), (12, 8))

# Windows of a whole number of codes; speech without noise of its own, its recording conditions are variety enough.
CODE_OPTIONS = GeneratorOptions(
    steps=1500, rate=2e-3, weight_decay=0.01, vary=VaryOptions(noise=0.0, windows=WindowOptions(10, 66, 6))
)
_LOSS = GeneratorLoss()
_SPREAD_FLOOR = 0.05  # of a code's number: one that hardly moves is unused


def train_autoencoder(
    clips: list[Clip],
    rest: Rest,
    options: GeneratorOptions = CODE_OPTIONS,
    weights: ImplicitLoss = PLAIN,
    size: CodeSize = CODE_SIZE,
    run: Run = PLAIN_RUN,
) -> tuple[MotionAutoencoder, dict[str, Any]]:
    """The code, from the checkpoint where there is one; the averaged network, and how it was made."""
    _check(options, size)
    prepare(options)
    model = MotionAutoencoder(size, clips[0].conditions.shape[-1])
    mean, spread = spread_of(clips, SPREAD_FLOOR)
    with torch.no_grad():
        model.decoder.mean.copy_(torch.from_numpy(mean))
        model.decoder.spread.copy_(torch.from_numpy(spread))
    sampler = WindowSampler(clips, rest, options.seed, options.vary)
    facts = {"code": asdict(size), "loss": asdict(weights), "clips": len(clips)}

    def loss(model: MotionAutoencoder, batch: Batch, random: torch.Generator) -> dict[str, Tensor]:
        return implicit_loss(model, batch, random, weights)

    return fit(model, loss, sampler, options, facts, run)


def train_coded_generator(
    autoencoder: MotionAutoencoder,
    clips: list[Clip],
    rest: Rest,
    options: GeneratorOptions,
    weights: GeneratorLoss = _LOSS,
    size: GeneratorSize = GENERATOR_SIZE,
    run: Run = PLAIN_RUN,
) -> tuple[MotionNetwork, dict[str, Any]]:
    """A generator of codes, as `train_generator` makes one of motion; `size` is that one's, in frames and channels."""
    _check(options, autoencoder.size)
    prepare(options)
    code = autoencoder.size
    for parameter in autoencoder.parameters():
        parameter.requires_grad_(False)
    coded_size = replace(size, channels=code.code, condition=code.stride * size.condition)
    network = MotionNetwork(coded_size)
    _start(network, autoencoder, clips, options.ridge)
    sampler = WindowSampler(clips, rest, options.seed, options.vary)
    facts = {"size": asdict(coded_size), "code": asdict(code), "loss": asdict(weights), "clips": len(clips)}

    def loss(network: MotionNetwork, batch: Batch, random: torch.Generator) -> dict[str, Tensor]:
        return coded_loss(network, autoencoder, batch, random, weights, options.vary.prefix_noise)

    return fit(network, loss, sampler, options, facts, run)


def coded_loss(
    network: MotionNetwork,
    autoencoder: MotionAutoencoder,
    batch: Batch,
    random: torch.Generator,
    weights: GeneratorLoss,
    prefix_noise: float,
) -> dict[str, Tensor]:
    """As `generator_loss`, of codes; the lips' opening is that of the decoded motion."""
    coded = coded_batch(autoencoder, batch)
    error, counted = denoising_error(network, coded, random, prefix_noise)
    decoder = autoencoder.decoder
    target = decoder(coded.motion)
    made = decoder(coded.motion + error * network.spread)
    opening = gap_error(made - target, decoder) * batch.valid
    return {
        "clean": weights.clean * weighted_mean(error.square(), counted),
        "velocity": weights.velocity * weighted_mean(error.diff(dim=1).square(), counted[:, 1:]),
        "gap": weights.gap * weighted_mean(opening.square(), batch.valid * (1 - batch.prefix)),
    }


@torch.no_grad()
def coded_batch(autoencoder: MotionAutoencoder, batch: Batch) -> Batch:
    """Windows of codes: the posterior's means, the conditions of their frames side by side."""
    stride = autoencoder.size.stride
    code = autoencoder.code(batch.motion, batch.known).mean
    size, frames, width = batch.condition.shape
    return Batch(
        code,
        batch.condition[:, : frames // stride * stride].reshape(size, -1, stride * width),
        autoencoder.decoder.group_flags(batch.known),
        places(batch.prefix, stride),
        batch.spoken,
        places(batch.valid, stride),
    )


@torch.no_grad()
def coded_clip(autoencoder: MotionAutoencoder, clip: Clip) -> Clip:
    """A clip with codes in the motion's place; a last half code is left out."""
    stride = autoencoder.size.stride
    places = len(clip.motion) // stride
    known = torch.from_numpy(clip.known.astype(np.float32))[None]
    motion = torch.from_numpy(clip.motion[: places * stride])[None]
    code = autoencoder.code(motion, known).mean[0].numpy()
    flags = autoencoder.decoder.group_flags(known)[0].numpy() > 0
    versions, width = len(clip.conditions), clip.conditions.shape[-1]
    conditions = clip.conditions[:, : places * stride].reshape(versions, places, stride * width)
    return Clip(conditions, code, flags, clip.source, clip.name)


@torch.no_grad()
def coded_rest(autoencoder: MotionAutoencoder, rest: Rest) -> Rest:
    """Code and condition of a face at rest."""
    stride, around = autoencoder.size.stride, 8
    motion = rest.motion.expand(1, 2 * around * stride, -1)
    code = autoencoder.code(motion, torch.ones(1, len(rest.motion))).mean[0, around]
    return Rest(code, rest.condition.repeat(stride))


def _start(network: MotionNetwork, autoencoder: MotionAutoencoder, clips: list[Clip], ridge: float) -> None:
    """As the explicit generator starts: the codes' spreads, and the best straight line as the first guess."""
    size = autoencoder.size
    coded = [coded_clip(autoencoder, clip) for clip in clips]
    mean, spread = spread_of(coded, np.full(size.code, _SPREAD_FLOOR, np.float32))
    weights, offsets = line_of(coded, mean, spread, ridge)
    slowness = [NOISE_FRAMES[part].mean() / size.stride for part in _slices(size.channels)]
    with torch.no_grad():
        network.mean.copy_(torch.from_numpy(mean))
        network.spread.copy_(torch.from_numpy(spread))
        network.noise_frames.copy_(torch.from_numpy(np.repeat(slowness, size.codes).astype(np.float32)))
        network.line.weight.copy_(torch.from_numpy(weights))
        network.line.bias.copy_(torch.from_numpy(offsets))


def _check(options: GeneratorOptions, size: CodeSize) -> None:
    frames = options.vary.windows.prefix + options.vary.windows.new
    if frames % size.stride:
        raise ValueError(f"windows of {frames} frames are no whole number of codes of {size.stride} frames")


def _slices(counts: tuple[int, ...]) -> list[slice]:
    ends = np.cumsum(counts).tolist()
    return [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
