"""Fits the face network to examples."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from renderers.face_network.network import FaceNetwork
from scripts.lab.renderer.face_data import FaceExamples
from scripts.lab.renderer.presets import draw_batch, split_files, with_changes


@dataclass(frozen=True)
class FaceTrainOptions:
    """How to train; the defaults are the preset for two cores.

    Attributes:
        steps: of AdamW.
        batch: examples per step.
        rate: highest learning rate; it warms up and falls as a cosine.
        photos: share of still portraits in a batch.
        widths: the network's channels.
        edges: weight of the errors' differences between neighbouring cells, at two scales (the feature loss).
        adversarial: weight of the patch discriminator's opinion (Isola et al., "pix2pix", 2017), from `judged_from` on.
        judged_from: share of the steps without it.
        steady: weight of the consistency between a frame and the same frame slightly moved and disturbed.
        noise: how much that frame is disturbed, in units of the planes.
        seed: of everything random.
        threads: of torch, on a CPU.
        device: "cpu" or "cuda".
    """

    steps: int = 1500
    batch: int = 8
    rate: float = 1.5e-3
    photos: float = 0.5
    widths: tuple[int, int, int] = (24, 40, 64)
    edges: float = 0.5
    adversarial: float = 0.003
    judged_from: float = 0.4
    steady: float = 0.5
    noise: float = 0.02
    seed: int = 0
    threads: int = 1
    device: str = "cpu"


def load_options(path: Path | None) -> FaceTrainOptions:
    """The defaults, changed by a YAML file of options."""
    return with_changes(FaceTrainOptions(), path)


@dataclass(frozen=True)
class Examples:
    """Tensors of many people's examples: the fields of `FaceExamples`, and which of them are portraits."""

    planes: Tensor
    context: Tensor
    strength: Tensor
    target: Tensor
    known: Tensor
    photo: Tensor

    def __getitem__(self, index: Tensor) -> Examples:
        return Examples(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def on(self, device: str) -> Examples:
        """In single precision on a device."""
        return Examples(*(getattr(self, name).to(device).float() for name in self.__dataclass_fields__))


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


def train(folder: Path, options: FaceTrainOptions, report: Callable[[str], None]) -> tuple[FaceNetwork, dict[str, str]]:
    """Train on all examples of a folder but every tenth file, which tells how well it goes.

    Args:
        folder: the .npz files of `scripts/train_face.py examples`.
        options: how.
        report: takes a line of progress.

    Returns:
        the network and its figures.

    Raises:
        InputError: there are no examples.
    """
    started = time.monotonic()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    to_check, to_train = split_files(folder, "train_face.py")
    check, known = load_examples(to_check), load_examples(to_train or to_check)
    report(f"{len(known.photo)} examples ({int(known.photo.sum())} of photos), {len(check.photo)} to check")
    network, judge = FaceNetwork(options.widths).to(options.device), PatchDiscriminator().to(options.device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=1e-3)
    judging = torch.optim.AdamW(judge.parameters(), lr=0.5 * options.rate, betas=(0.5, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, options.steps, pct_start=0.05)
    before = psnr(network, check, options.device)
    for step in range(options.steps):
        batch = _augmented(
            known[draw_batch(known.photo, options.batch, options.photos, generator)].on("cpu"), generator
        ).on(options.device)
        change = network(batch.planes, batch.context)
        drawn = corrected(batch, change)
        loss = _loss(batch, drawn, options) + options.steady * _unsteadiness(network, batch, change, options)
        if step >= options.judged_from * options.steps and options.adversarial > 0:
            loss = loss - options.adversarial * _judged(batch, drawn, judge, judging)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if (step + 1) % max(1, options.steps // 15) == 0:
            photos, clips = psnr(network, check, options.device)
            minutes = (time.monotonic() - started) / 60
            progress = f"photos {photos:.2f}, clips {clips:.2f} dB, {minutes:.1f} min"
            report(f"step {step + 1}: loss {loss.item():.4f}, {progress}")
    after = psnr(network, check, options.device)
    figures = {
        "examples": str(len(known.photo)),
        "psnr_photos_before_after": f"{before[0]:.2f} {after[0]:.2f}",
        "psnr_clips_before_after": f"{before[1]:.2f} {after[1]:.2f}",
        "minutes": f"{(time.monotonic() - started) / 60:.1f}",
        "options": str(asdict(options)),
    }
    return network.cpu(), figures


def load_examples(paths: list[Path]) -> Examples:
    """Files of `FaceExamples`, joined."""
    parts = [FaceExamples.load(path) for path in paths]
    photo = torch.cat(
        [torch.full((len(e.strength),), p.name.startswith("photo_")) for p, e in zip(paths, parts, strict=True)]
    )
    names = [name for name in Examples.__dataclass_fields__ if name != "photo"]
    joined = {name: torch.from_numpy(np.concatenate([getattr(e, name) for e in parts])) for name in names}
    return Examples(**joined, photo=photo)


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


def _loss(batch: Examples, drawn: Tensor, options: FaceTrainOptions) -> Tensor:
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


def _unsteadiness(network: FaceNetwork, batch: Examples, change: Tensor, options: FaceTrainOptions) -> Tensor:
    """How much the correction of the same frame, two cells farther and slightly disturbed, differs otherwise."""
    moved = torch.roll(batch.planes + options.noise * torch.randn_like(batch.planes), (2, 2), (2, 3))
    again = torch.roll(network(moved, batch.context), (-2, -2), (2, 3))
    weight = batch.known[:, None]
    return ((again - change).abs() * weight).sum() / (3 * weight.sum() + 1)


@torch.inference_mode()
def psnr(network: FaceNetwork, examples: Examples, device: str) -> tuple[float, float]:
    """Of portraits and of clips, where the correction counts, dB; NaN where there are none."""
    errors: dict[bool, list[float]] = {True: [], False: []}
    network.eval()
    for first in range(0, len(examples.photo), 16):
        batch = examples[torch.arange(first, min(first + 16, len(examples.photo)))].on(device)
        weight = batch.known[:, None]
        square = ((corrected(batch, network(batch.planes, batch.context)) - batch.target).square() * weight).sum(
            (1, 2, 3)
        )
        for error, photo in zip((square / (3 * weight.sum((1, 2, 3)))).tolist(), batch.photo.tolist(), strict=True):
            errors[bool(photo)].append(error)
    network.train()
    photos, clips = (-10 * float(np.log10(np.mean(values))) if values else float("nan") for values in errors.values())
    return photos, clips
