"""Fits a network to windows of clips, by the loop that all trainings share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from scripts.lab.speech.generator.batches import Batch, VaryOptions, WindowSampler
from scripts.lab.training.loop import PLAIN_RUN, Job, LoopOptions, Run, Step, train

_Network = TypeVar("_Network", bound=nn.Module)
Loss = Callable[[_Network, Batch, torch.Generator], dict[str, Tensor]]
"""(network, windows, random numbers) -> the weighted parts of the loss, by name."""


@dataclass(frozen=True)
class GeneratorOptions(LoopOptions):
    """One run. The defaults are for two slow cores and about half an hour; see `PRESETS`.

    Attributes:
        ridge: of the straight line that the network starts as.
        vary: how the windows are varied.
    """

    steps: int = 1600
    batch: int = 24
    rate: float = 1.5e-3
    warm_up: float = 0.06
    weight_decay: float = 0.02
    averaging: float = 0.995
    checkpoint_steps: int = 50
    ridge: float = 30.0
    vary: VaryOptions = field(default_factory=VaryOptions)


def fit(
    network: _Network,
    loss: Loss[_Network],
    sampler: WindowSampler,
    options: GeneratorOptions,
    facts: Mapping[str, Any],
    run: Run = PLAIN_RUN,
) -> tuple[_Network, dict[str, Any]]:
    """Train, from the checkpoint where there is one; the averaged network in evaluation mode, and how it was made.

    Args:
        network: with its first weights; it is changed.
        facts: what a resumed run must have in common with this one beside its options, as JSON.
    """

    def losses(network: _Network, step: Step) -> dict[str, Tensor]:
        return loss(network, sampler.batch(step.number, options.batch).on(options.device), step.random)

    trained, minutes = train(Job(network, losses, facts), options, run)
    return trained, {"options": options.facts(), **facts, "minutes": round(minutes, 1)}
