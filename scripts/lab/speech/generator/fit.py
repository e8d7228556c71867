"""The loop that fits a network to windows of clips: resumable, its weights averaged."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from scripts.lab.speech.generator.batches import Batch, VaryOptions, WindowSampler
from talkinghead.training.checkpoint import load_checkpoint, save_checkpoint
from talkinghead.training.schedule import warmed_cosine

_REPORT_STEPS = 50
_Network = TypeVar("_Network", bound=nn.Module)
Loss = Callable[[_Network, Batch, torch.Generator], dict[str, Tensor]]
"""(network, windows, random numbers) -> the weighted parts of the loss, by name."""


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
        return warmed_cosine(step, self.steps, self.rate, self.warm_up)


def fit(
    network: _Network,
    loss: Loss[_Network],
    sampler: WindowSampler,
    options: GeneratorOptions,
    run: Mapping[str, Any],
    checkpoint: Path | None = None,
    report: Callable[[str], None] = print,
    stop: int | None = None,
) -> tuple[_Network, float]:
    """Train, from the checkpoint where there is one; the averaged network in evaluation mode, and the minutes.

    Args:
        network: with its first weights; it is changed.
        run: what a resumed run must have in common with this one, as JSON.
        stop: end after this step; the same call goes on later.
    """
    network.to(options.device)
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=options.weight_decay)
    both = {"network": network, "average": average}
    done = 0
    if checkpoint is not None and checkpoint.exists():
        done = load_checkpoint(checkpoint, both, optimiser, run)
        report(f"going on after step {done} of {checkpoint}")
    started = time.monotonic()
    sums: dict[str, float] = {}
    counted = 0
    last = min(options.steps, stop or options.steps)
    for step in range(done + 1, last + 1):
        for group in optimiser.param_groups:
            group["lr"] = options.rate_at(step)
        parts = _step(network, loss, optimiser, sampler, options, step)
        _averaged(average, network, min(options.averaging, step / (step + 10)))
        sums = {name: sums.get(name, 0.0) + value for name, value in parts.items()}
        counted += 1
        if step % _REPORT_STEPS == 0 or step == last:
            since = (time.monotonic() - started) / (step - done)
            text = " ".join(f"{name} {total / counted:.4f}" for name, total in sums.items())
            report(f"step {step}/{options.steps} {since:.2f} s each: {text}")
            sums, counted = {}, 0
            if checkpoint is not None:
                save_checkpoint(checkpoint, step, both, optimiser, run)
    return average.cpu(), (time.monotonic() - started) / 60


def _step(
    network: _Network,
    loss: Loss[_Network],
    optimiser: torch.optim.Optimizer,
    sampler: WindowSampler,
    options: GeneratorOptions,
    step: int,
) -> dict[str, float]:
    network.train()
    torch.manual_seed(options.seed * 1_000_003 + step)  # dropout goes on as it would have
    random = torch.Generator().manual_seed(options.seed * 1_000_003 + step)
    drawn = sampler.batch(step, options.batch)
    batch = Batch(*(getattr(drawn, name).to(options.device) for name in Batch.__dataclass_fields__))
    parts = loss(network, batch, random)
    whole = torch.stack(list(parts.values())).sum()
    optimiser.zero_grad()
    whole.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return {name: float(value.detach()) for name, value in parts.items()}


@torch.no_grad()
def _averaged(average: nn.Module, network: nn.Module, keep: float) -> None:
    for kept, new in zip(average.parameters(), network.parameters(), strict=True):
        kept.lerp_(new, 1 - keep)
