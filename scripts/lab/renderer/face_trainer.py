"""Fits the face network to examples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from renderers.face_network.network import FaceNetwork
from scripts.lab.renderer.examples import ExampleTensors, joined, of_photos, split_files
from scripts.lab.renderer.face_data import FaceExamples
from scripts.lab.renderer.presets import with_changes
from scripts.lab.renderer.training import Lesson, RendererOptions, fit, psnr_of_kinds
from scripts.lab.training.loop import PLAIN_RUN, Companion, Run, Step, prepare


@dataclass(frozen=True)
class FaceTrainOptions(RendererOptions):
    """How to train; the defaults are the preset for two cores.

    Attributes:
        adversarial: weight of the patch discriminator's opinion (Isola et al., "pix2pix", 2017), from `judged_from` on.
        judged_from: share of the steps without it.
        noise: how much the frame of `steady` is disturbed, in units of the planes.
    """

    steps: int = 1500
    batch: int = 8
    rate: float = 1.5e-3
    adversarial: float = 0.003
    judged_from: float = 0.4
    noise: float = 0.02


def load_options(path: Path | None) -> FaceTrainOptions:
    """The defaults, changed by a YAML file of options."""
    return with_changes(FaceTrainOptions(), path)


@dataclass(frozen=True, eq=False)
class Examples(ExampleTensors):
    """Tensors of many people's examples: the fields of `FaceExamples`, and which of them are portraits."""

    planes: Tensor
    context: Tensor
    strength: Tensor
    target: Tensor
    known: Tensor


class PatchDiscriminator(nn.Module):
    """Real or drawn, for each patch of 22 x 22 cells."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 4, padding=1),
        )

    def forward(self, picture: Tensor) -> Tensor:  # [B, 3, S, S] -> [B, 1, S / 4 - 1, S / 4 - 1]
        """The higher, the more real."""
        judged: Tensor = self.layers(2 * picture - 1)
        return judged


def train(folder: Path, options: FaceTrainOptions, run: Run = PLAIN_RUN) -> tuple[FaceNetwork, dict[str, str]]:
    """Train on all examples of a folder but every tenth file, which tells how well it goes.

    Args:
        folder: the .npz files of `scripts/train_face.py examples`.
        options: how.
        run: where its state is kept and its progress told.

    Returns:
        the network and its figures.

    Raises:
        InputError: there are no examples.
    """
    prepare(options)
    to_check, to_train = split_files(folder, "train_face.py")
    network, judge = FaceNetwork(options.widths), PatchDiscriminator().to(options.device)
    judging = torch.optim.AdamW(judge.parameters(), lr=0.5 * options.rate, betas=(0.5, 0.99))

    def loss(network: FaceNetwork, drawn: Examples, step: Step) -> dict[str, Tensor]:
        batch = _augmented(drawn.on("cpu"), step.random).on(options.device)
        change = network(batch.planes, batch.context)
        shown = corrected(batch, change)
        parts = {
            "picture": _picture_loss(batch, shown, options),
            "steady": options.steady * _unsteadiness(network, batch, change, options.noise, step.random),
        }
        if step.number > options.judged_from * options.steps and options.adversarial > 0:
            parts["judged"] = -options.adversarial * _judged(batch, shown, judge, judging)
        return parts

    known, check = load_examples(to_train), load_examples(to_check)
    return fit(network, Lesson(known, check, loss, psnr, {"judge": Companion(judge, judging)}), options, run)


def load_examples(paths: list[Path]) -> Examples:
    """Files of `FaceExamples`, joined."""
    parts = [FaceExamples.load(path) for path in paths]
    names = ("planes", "context", "strength", "target", "known")
    return Examples(of_photos(paths, parts, "strength"), **{name: joined(parts, name) for name in names})


def corrected(batch: Examples, change: Tensor) -> Tensor:  # [B, 3, S, S]
    """[B, 3, S, S] the faces as `renderers.face_network.correction` would show them."""
    return (batch.planes[:, :3] + change * (batch.strength[:, None, None] * batch.known)[:, None]).clamp(0, 1)


def _augmented(batch: Examples, generator: torch.Generator) -> Examples:
    """In light of other colours and strengths, colours shifted: skin of all kinds."""
    planes, target = batch.planes.clone(), batch.target.clone()
    tint = 1 + 0.15 * torch.randn(len(planes), 3, 1, 1, generator=generator).clamp(-2, 2)
    gamma = (0.3 * torch.randn(len(planes), 1, 1, 1, generator=generator).clamp(-1.5, 1.5)).exp()
    for picture in (planes[:, :3], planes[:, 3:6], target):
        picture.copy_((picture.clamp(0, 1) ** gamma * tint).clamp(0, 1))
    return replace(batch, planes=planes, target=target)


def _picture_loss(batch: Examples, drawn: Tensor, options: FaceTrainOptions) -> Tensor:
    """Absolute errors, and those of differences between neighbours."""
    weight = batch.known[:, None]
    error = drawn - batch.target
    total = 3 * weight.sum() + 1
    loss = ((error.square() + 1e-5).sqrt() * weight).sum() / total
    for scale in (1, 2):
        small, mask = (F.avg_pool2d(x, scale) for x in (error, weight))
        across, down = small[..., 1:] - small[..., :-1], small[..., 1:, :] - small[..., :-1, :]
        loss = loss + options.edges * ((across.abs() * mask[..., 1:]).sum() + (down.abs() * mask[..., 1:, :]).sum()) / (
            total / scale**2
        )
    return loss


def _judged(batch: Examples, drawn: Tensor, judge: nn.Module, judging: torch.optim.Optimizer) -> Tensor:
    """How real a discriminator finds the drawn faces, after it has learnt from them by one step."""
    mask = batch.known[:, None]
    real, fake = batch.target * mask, drawn * mask
    judging.zero_grad(set_to_none=True)
    (F.relu(1 - judge(real)) + F.relu(1 + judge(fake.detach()))).mean().backward()
    judging.step()
    opinion: Tensor = judge(fake).mean()
    return opinion


def _unsteadiness(
    network: FaceNetwork, batch: Examples, change: Tensor, noise: float, random: torch.Generator
) -> Tensor:
    """How much the correction of the same frame, two cells farther and slightly disturbed, differs otherwise."""
    disturbance = torch.randn(batch.planes.shape, generator=random).to(change.device)
    moved = torch.roll(batch.planes + noise * disturbance, (2, 2), (2, 3))
    again = torch.roll(network(moved, batch.context), (-2, -2), (2, 3))
    weight = batch.known[:, None]
    return ((again - change).abs() * weight).sum() / (3 * weight.sum() + 1)


def psnr(network: FaceNetwork, examples: Examples, device: str) -> tuple[float, float]:
    """Of portraits and of clips, where the correction counts, the mean of all faces, dB; NaN where there are none."""

    def squares(batch: Examples) -> tuple[Tensor, Tensor]:
        weight = batch.known[:, None]
        error = corrected(batch, network(batch.planes, batch.context)) - batch.target
        each = (error.square() * weight).sum((1, 2, 3)) / (3 * weight.sum((1, 2, 3)))
        return each, torch.ones_like(each)

    return psnr_of_kinds(network, examples, device, squares)
