"""Fits the generator. An interrupted run goes on."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from talkinghead.speech.channels import MOTION_CHANNELS
from talkinghead.speech.conditions import CONDITION
from talkinghead.speech.generator.network import GeneratorSize, MotionNetwork, Window
from talkinghead.speech.generator.sampler import noisy
from talkinghead.speech.generator.windows import Rest
from talkinghead.speech.mouth import LIP_GAP_MM
from talkinghead.training.checkpoint import load_checkpoint, save_checkpoint
from talkinghead.training.generator_batches import Batch, VaryOptions, WindowSampler, line_of, spread_of
from talkinghead.training.generator_data import Clip

GENERATOR_SIZE = GeneratorSize(len(MOTION_CHANNELS), CONDITION)


@dataclass(frozen=True)
class GeneratorOptions:
    """One run. The defaults are for two slow cores and about half an hour; see `PRESETS`."""

    steps: int = 1600
    batch: int = 24
    rate: float = 1.5e-3
    warm_up: float = 0.06  # of the steps
    weight_decay: float = 0.02
    averaging: float = 0.995  # of the weights over the steps; the average is what is kept
    ridge: float = 30.0
    seed: int = 1
    threads: int = 1
    device: str = "cpu"
    vary: VaryOptions = field(default_factory=VaryOptions)

    def rate_at(self, step: int) -> float:
        """Learning rate of step 1, 2, ...: up in a line, down in half a cosine."""
        done = (step - 0.5) / self.steps
        if done < self.warm_up:
            return self.rate * done / self.warm_up
        return self.rate * 0.5 * (1 + math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up)))


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
    checkpoint: Path | None = None,
    report: Callable[[str], None] = print,
    stop: int | None = None,
) -> tuple[MotionNetwork, dict[str, Any]]:
    """Train, from the checkpoint where there is one; the averaged network in evaluation mode, and how it was made."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    network = MotionNetwork(size)
    _start(network, clips, options.ridge)
    network.to(options.device)
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=options.weight_decay)
    sampler = WindowSampler(clips, rest, options.seed, options.vary)
    run = {"options": asdict(options), "size": asdict(size), "loss": asdict(weights), "clips": len(clips)}
    both = {"network": network, "average": average}
    done = 0
    if checkpoint is not None and checkpoint.exists():
        done = load_checkpoint(checkpoint, both, optimiser, run)
        report(f"going on after step {done} of {checkpoint}")
    started, sums = time.monotonic(), dict.fromkeys(("clean", "velocity", "gap"), 0.0)
    last = min(options.steps, stop or options.steps)
    for step in range(done + 1, last + 1):
        for group in optimiser.param_groups:
            group["lr"] = options.rate_at(step)
        parts = _step(network, optimiser, sampler, weights, options, step)
        _averaged(average, network, min(options.averaging, step / (step + 10)))
        sums = {name: sums[name] + value for name, value in parts.items()}
        if step % _REPORT_STEPS == 0 or step == last:
            since = (time.monotonic() - started) / (step - done)
            text = " ".join(f"{name} {total / _REPORT_STEPS:.4f}" for name, total in sums.items())
            report(f"step {step}/{options.steps} {since:.2f} s each: {text}")
            sums = dict.fromkeys(sums, 0.0)
            if checkpoint is not None:
                save_checkpoint(checkpoint, step, both, optimiser, run)
    return average.cpu(), {**run, "minutes": round((time.monotonic() - started) / 60, 1)}


_REPORT_STEPS = 50


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


def _step(
    network: MotionNetwork,
    optimiser: torch.optim.Optimizer,
    sampler: WindowSampler,
    weights: GeneratorLoss,
    options: GeneratorOptions,
    step: int,
) -> dict[str, float]:
    network.train()
    torch.manual_seed(options.seed * 1_000_003 + step)  # dropout goes on as it would have
    random = torch.Generator().manual_seed(options.seed * 1_000_003 + step)
    drawn = sampler.batch(step, options.batch)
    batch = Batch(*(getattr(drawn, name).to(options.device) for name in Batch.__dataclass_fields__))
    parts = generator_loss(network, batch, random, weights, options.vary.prefix_noise)
    loss = torch.stack(list(parts.values())).sum()
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return {name: float(value.detach()) for name, value in parts.items()}


@torch.no_grad()
def _averaged(average: MotionNetwork, network: MotionNetwork, keep: float) -> None:
    for kept, new in zip(average.parameters(), network.parameters(), strict=True):
        kept.lerp_(new, 1 - keep)
