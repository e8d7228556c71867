"""What the trainings of the renderer's networks share: their options, batches of both kinds of examples, figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from scripts.lab.renderer.examples import ExampleTensors, draw_batch
from scripts.lab.training import loop
from scripts.lab.training.loop import Check, Companion, Job, LoopOptions, Run, Step

Network = TypeVar("Network", bound=nn.Module)
Examples = TypeVar("Examples", bound=ExampleTensors)


@dataclass(frozen=True)
class RendererOptions(LoopOptions):
    """What the networks' options have in common.

    Attributes:
        photos: share of still photos in a batch.
        widths: the network's channels.
        edges: weight of the errors' differences between neighbouring cells.
        steady: weight of the consistency between a frame and the same frame slightly moved.
    """

    weight_decay: float = 1e-3
    seed: int = 0
    photos: float = 0.5
    widths: tuple[int, int, int] = (24, 40, 64)
    edges: float = 0.5
    steady: float = 0.5


@dataclass(frozen=True)
class Lesson(Generic[Network, Examples]):
    """What a network learns.

    Attributes:
        known: the examples to train on.
        check: those to check with.
        loss: (network, batch as drawn, step) -> the weighted parts of the loss.
        psnr: (network, examples, device) -> of photos and of clips, dB.
        companions: see `scripts.lab.training.loop.Job`.
    """

    known: Examples
    check: Examples
    loss: Callable[[Network, Examples, Step], Mapping[str, Tensor]]
    psnr: Callable[[Network, Examples, str], tuple[float, float]]
    companions: Mapping[str, Companion]


def fit(
    network: Network, lesson: Lesson[Network, Examples], options: RendererOptions, run: Run
) -> tuple[Network, dict[str, str]]:
    """Train; the network on the CPU, and its figures."""
    known, check = lesson.known, lesson.check
    run.report(f"{len(known)} examples ({int(known.photo.sum())} of photos), {len(check)} to check")
    network.to(options.device)

    def loss(network: Network, step: Step) -> Mapping[str, Tensor]:
        chosen = draw_batch(known.photo, options.batch, options.photos, step.random)
        return lesson.loss(network, known[chosen], step)

    def figures(network: Network) -> dict[str, float]:
        photos, clips = lesson.psnr(network, check, options.device)
        return {"PSNR photos, dB": photos, "PSNR clips, dB": clips}

    before = figures(network)
    facts = {"examples": len(known), "kind": type(network).__name__}
    job = Job(network, loss, facts, lesson.companions, Check(max(1, options.steps // 15), figures))
    trained, minutes = loop.train(job, options, run)
    trained.to(options.device)
    after = figures(trained)
    changes = [f"{before[name]:.2f} {after[name]:.2f}" for name in before]
    return trained.cpu(), {
        "examples": str(len(known)),
        "psnr_photos_before_after": changes[0],
        "psnr_clips_before_after": changes[1],
        "minutes": f"{minutes:.1f}",
        "options": str(asdict(options)),
    }


@torch.inference_mode()
def psnr_of_kinds(
    network: nn.Module, examples: Examples, device: str, squares: Callable[[Examples], tuple[Tensor, Tensor]]
) -> tuple[float, float]:
    """Of photos and of clips, dB; NaN where there are none.

    Args:
        network: put into evaluation mode.
        examples: all of them.
        device: of the network.
        squares: the sum of squares of each example of a batch, and what it is to be divided by.
    """
    network.eval()
    result = []
    for photo in (True, False):
        parts = (examples.photo == photo).nonzero()[:, 0].split(16)
        found = [squares(examples[part].on(device)) for part in parts if len(part)]
        total, count = (float(sum(float(pair[i].sum()) for pair in found)) for i in range(2))
        result.append(-10 * float(np.log10(total / count)) if count else float("nan"))
    return result[0], result[1]
