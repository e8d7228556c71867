"""The one training loop: AdamW with a warmed-up cosine, averaged weights, and checkpoints from which a run goes on.

A trainer brings a network and a function that gives the losses of a step. That function takes everything random from
the step (`Step.random`, or torch's own numbers, which are seeded for each step), never from what came before: then a
run that was interrupted ends as one that was not, up to rounding.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from scripts.lab.training.averaging import follow, share_kept
from scripts.lab.training.board import Board
from scripts.lab.training.checkpoint import State, load_checkpoint, save_checkpoint
from scripts.lab.training.schedule import warmed_cosine

Network = TypeVar("Network", bound=nn.Module)

# Of `LoopOptions`: what changes neither the result nor the way there.
_BYSTANDERS = ("threads", "device", "checkpoint_steps", "report_steps")


@dataclass(frozen=True)
class LoopOptions:
    """How a network is trained; a trainer's own options add to these.

    Attributes:
        steps: of AdamW.
        batch: examples per step, for the trainer to draw.
        rate: highest learning rate: it rises in a line and falls as half a cosine.
        warm_up: share of the steps in which it rises.
        weight_decay: of AdamW.
        clip: largest norm of a step's gradient; 0 sets none.
        averaging: what the average of the weights keeps of itself at each step; 0 keeps the last weights instead.
        seed: of everything random.
        threads: of torch, on a CPU.
        device: "cpu" or "cuda".
        checkpoint_steps, report_steps: steps between checkpoints, and between lines of progress.
    """

    steps: int = 1000
    batch: int = 16
    rate: float = 1e-3
    warm_up: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    averaging: float = 0.0
    seed: int = 1
    threads: int = 1
    device: str = "cpu"
    checkpoint_steps: int = 100
    report_steps: int = 50

    def rate_at(self, step: int) -> float:
        """Learning rate of step 1, 2, ...: up in a line, down in half a cosine."""
        return warmed_cosine(step, self.steps, self.rate, self.warm_up)

    def facts(self) -> dict[str, Any]:
        """The options that a resumed run must share."""
        return {name: value for name, value in asdict(self).items() if name not in _BYSTANDERS}


@dataclass(frozen=True)
class Step:
    """A step of a training: its number, from 1, and random numbers (of the CPU) that are this step's alone."""

    number: int
    random: torch.Generator


Loss = Callable[[Network, Step], Mapping[str, Tensor]]
"""(network, step) -> the weighted parts of the step's loss, scalars by name; their sum is what is minimised."""


@dataclass(frozen=True)
class Companion:
    """A network that learns beside the one that is kept, such as a discriminator; the loss steps its optimiser."""

    network: nn.Module
    optimiser: torch.optim.Optimizer


def say(line: str) -> None:
    """Print a line now, also into a file or pipe."""
    print(line, flush=True)


@dataclass(frozen=True)
class Run:
    """Where a training keeps its state and tells its progress.

    Attributes:
        checkpoint: file from which it goes on, if it is there; None keeps nothing.
        tensorboard: folder of curves for TensorBoard, which the extra `[train]` brings; None writes none.
        report: takes a line of progress.
        stop: end after this step; the same call goes on later.
    """

    checkpoint: Path | None = None
    tensorboard: Path | None = None
    report: Callable[[str], None] = say
    stop: int | None = None


PLAIN_RUN = Run()
"""Keeps nothing and prints its progress."""


@dataclass(frozen=True)
class Check(Generic[Network]):
    """Figures of the network that would be kept, taken every so many steps."""

    steps: int
    figures: Callable[[Network], Mapping[str, Any]]


@dataclass(frozen=True)
class Job(Generic[Network]):
    """What is trained.

    Attributes:
        network: with its first weights; it is changed.
        loss: the losses of a step.
        facts: what a resumed run must have in common with this one beside its options, as JSON.
        companions: other networks that learn, by name.
        check: figures on the way.
    """

    network: Network
    loss: Loss[Network]
    facts: Mapping[str, Any] = field(default_factory=dict)
    companions: Mapping[str, Companion] = field(default_factory=dict)
    check: Check[Network] | None = None


def prepare(options: LoopOptions) -> None:
    """Set torch's threads and seed: call it before the network is made, whose first weights are random."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)


def train(job: Job[Network], options: LoopOptions, run: Run = PLAIN_RUN) -> tuple[Network, float]:
    """Train, from the checkpoint where there is one; the network to keep, on the CPU in evaluation mode, and minutes.

    An interruption, `KeyboardInterrupt` too, leaves the last checkpoint: the same call goes on from there.

    Raises:
        InputError: the checkpoint is of another run, or there is no TensorBoard to write for.
        FloatingPointError: the loss is no longer finite; the last checkpoint stays.
    """
    network = job.network.to(options.device)
    kept = copy.deepcopy(network).eval() if options.averaging else network
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=options.weight_decay)
    state = _state(job, kept, optimiser)
    facts = {"options": options.facts(), **job.facts}
    done = 0
    if run.checkpoint is not None and run.checkpoint.exists():
        done = load_checkpoint(run.checkpoint, state, facts)
        run.report(f"going on after step {done} of {run.checkpoint}")
    last = min(options.steps, run.stop or options.steps)
    started = time.monotonic()
    losses = _Mean()
    with Board(run.tensorboard, done) as board:
        for number in range(done + 1, last + 1):
            losses.add(_step(job, optimiser, options, number))
            if options.averaging:
                follow(kept, network, share_kept(number, options.averaging))
            is_last = number == last
            is_saved = run.checkpoint is not None and (is_last or number % options.checkpoint_steps == 0)
            is_told = is_last or number % options.report_steps == 0
            if is_saved or is_told:
                losses.require_finite(number)
            if is_told:
                each = (time.monotonic() - started) / (number - done)
                run.report(f"step {number}/{options.steps} {each:.2f} s each: {losses.text()}")
                board.write(number, {**losses.values(), "rate": options.rate_at(number)})
                losses = _Mean()
            if is_saved and run.checkpoint is not None:
                save_checkpoint(run.checkpoint, number, state, facts)
            if job.check is not None and number % job.check.steps == 0:
                figures = job.check.figures(kept.eval())
                run.report(f"step {number}/{options.steps}: {' '.join(f'{k} {_short(v)}' for k, v in figures.items())}")
                board.write(number, figures)
    return kept.cpu().eval(), (time.monotonic() - started) / 60


def _state(job: Job[Any], kept: nn.Module, optimiser: torch.optim.Optimizer) -> State:
    networks = {"network": job.network, **({"average": kept} if kept is not job.network else {})}
    networks |= {name: companion.network for name, companion in job.companions.items()}
    optimisers = {f"{name} optimiser": companion.optimiser for name, companion in job.companions.items()}
    return State(networks, {"optimiser": optimiser, **optimisers})


def _step(job: Job[Any], optimiser: torch.optim.Optimizer, options: LoopOptions, number: int) -> Mapping[str, Tensor]:
    """One step of AdamW; the parts of its loss."""
    job.network.train()
    seed = options.seed * 1_000_003 + number
    torch.manual_seed(seed)  # dropout: a resumed run draws what an unbroken one would
    for group in optimiser.param_groups:
        group["lr"] = options.rate_at(number)
    parts = job.loss(job.network, Step(number, torch.Generator().manual_seed(seed)))
    optimiser.zero_grad()
    torch.stack(list(parts.values())).sum().backward()
    if options.clip:
        nn.utils.clip_grad_norm_(job.network.parameters(), options.clip)
    optimiser.step()
    return {name: value.detach() for name, value in parts.items()}


class _Mean:
    """Means of losses by name; they are fetched from the device only when they are asked for."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, parts: Mapping[str, Tensor]) -> None:
        """Those of one more step, which may name others than the last one's."""
        for name, value in parts.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def values(self) -> dict[str, float]:
        """Mean of each over the steps that have it."""
        return {name: float(total) / self._counts[name] for name, total in self._sums.items()}

    def text(self) -> str:
        """For a line of progress."""
        return " ".join(f"{name} {value:.4f}" for name, value in self.values().items())

    def require_finite(self, step: int) -> None:
        """Raise FloatingPointError if any is not."""
        if bad := [name for name, value in self.values().items() if not math.isfinite(value)]:
            raise FloatingPointError(f"The loss {bad[0]!r} is no longer finite at step {step}; try a lower rate.")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
