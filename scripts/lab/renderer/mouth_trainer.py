"""Fits the mouth's network to examples."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from renderers.mouth.canvas import CAVITY, LOWER_TEETH, MATERIALS, OWN, TONGUE, UPPER_TEETH
from renderers.mouth.network import MouthNetwork, apply_fields
from scripts.lab.renderer.mouth_data import MouthExamples
from scripts.lab.renderer.presets import draw_batch, split_files, with_changes

# What `renderers.mouth.planes.MouthContext` holds: three colours.
_COLOURS = 9
# Brightness in shares of well-lit teeth's, and red over green, by which enamel and soft tissue are told apart.
_DARKEST_TEETH, _REDDEST_TEETH, _BRIGHTEST_TONGUE = 0.25, 1.5, 0.42


@dataclass(frozen=True)
class MouthTrainOptions:
    """How to train; the defaults are the preset for two cores.

    Attributes:
        steps: of AdamW.
        batch: examples per step.
        rate: highest learning rate; it warms up and falls as a cosine.
        photos: share of still photos in a batch.
        widths: the network's channels.
        edges: weight of the errors' differences between neighbouring cells.
        steady: weight of the consistency between examples that lie a cell apart.
        quiet: weight that keeps the fields near zero where the examples do not ask for more.
        seed: of everything random.
        threads: of torch, on a CPU.
        device: "cpu" or "cuda".
    """

    steps: int = 600
    batch: int = 12
    rate: float = 2e-3
    photos: float = 0.25
    widths: tuple[int, int, int] = (8, 16, 24)
    edges: float = 0.5
    steady: float = 0.5
    quiet: float = 0.003
    seed: int = 0
    threads: int = 1
    device: str = "cpu"


def load_options(path: Path | None) -> MouthTrainOptions:
    """The defaults, changed by a YAML file of options."""
    return with_changes(MouthTrainOptions(), path)


@dataclass(frozen=True)
class _Examples:
    """Tensors of many people's examples; the fields of `MouthExamples`, and which of them are photos."""

    planes: Tensor
    context: Tensor
    target: Tensor
    coarse: Tensor
    photo: Tensor

    def __getitem__(self, index: Tensor) -> _Examples:
        return _Examples(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


def train(
    folder: Path, options: MouthTrainOptions, report: Callable[[str], None]
) -> tuple[MouthNetwork, dict[str, str]]:
    """Train on all examples of a folder but every tenth file, which tells how well it goes.

    Args:
        folder: the .npz files of `scripts/train_mouth.py examples`.
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
    to_check, to_train = split_files(folder, "train_mouth.py")
    check, known = _load(to_check), _load(to_train or to_check)
    report(f"{len(known.photo)} examples ({int(known.photo.sum())} of photos), {len(check.photo)} to check")
    network = MouthNetwork(options.widths).to(options.device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, options.steps, pct_start=0.05)
    before = _psnr(network, check, options.device)
    for step in range(options.steps):
        batch = _moved(
            _augmented(known[draw_batch(known.photo, options.batch, options.photos, generator)], generator),
            options.device,
        )
        loss = _loss(network, batch, options, steady=step % 4 == 0)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if (step + 1) % max(1, options.steps // 20) == 0:
            photos, clips = _psnr(network, check, options.device)
            minutes = (time.monotonic() - started) / 60
            figures = f"loss {loss.item():.4f}, PSNR photos {photos:.2f}, clips {clips:.2f} dB"
            report(f"step {step + 1}: {figures}, {minutes:.1f} min")
    after = _psnr(network, check, options.device)
    facts = {
        "examples": str(len(known.photo)),
        "psnr_photos_before_after": f"{before[0]:.2f} {after[0]:.2f}",
        "psnr_clips_before_after": f"{before[1]:.2f} {after[1]:.2f}",
        "minutes": f"{(time.monotonic() - started) / 60:.1f}",
        "options": str(asdict(options)),
    }
    return network.cpu(), facts


def _load(paths: list[Path]) -> _Examples:
    parts = [(MouthExamples.load(path), path.name.startswith("photo_")) for path in paths]
    return _Examples(
        torch.from_numpy(np.concatenate([part.planes for part, _ in parts])),
        torch.from_numpy(np.concatenate([part.context for part, _ in parts])),
        torch.from_numpy(np.concatenate([part.target for part, _ in parts])),
        torch.from_numpy(np.concatenate([part.cells_per_px > 1.2 for part, _ in parts])),
        torch.cat([torch.full((len(part.context),), photo) for part, photo in parts]),
    )


def _augmented(batch: _Examples, generator: torch.Generator) -> _Examples:
    """Mirrored, and in light of other colours."""
    planes, target, context = batch.planes.float(), batch.target.float(), batch.context.clone()
    mirrored = torch.rand(len(planes), generator=generator) < 0.5
    planes[mirrored], target[mirrored] = planes[mirrored].flip(-1), target[mirrored].flip(-1)
    tint = 1 + 0.12 * torch.randn(len(planes), 3, generator=generator).clamp(-2, 2)
    target *= tint[:, :, None, None]
    materials = planes[:, : 4 * MATERIALS].unflatten(1, (MATERIALS, 4))
    materials[:, :, 1:] *= tint[:, None, :, None, None]
    context[:, :_COLOURS] *= tint.repeat(1, 3)
    return replace(batch, planes=planes, target=target, context=context)


def _moved(batch: _Examples, device: str) -> _Examples:
    return _Examples(*(getattr(batch, name).to(device) for name in batch.__dataclass_fields__))


def _loss(network: MouthNetwork, batch: _Examples, options: MouthTrainOptions, steady: bool) -> Tensor:
    fields = network(batch.planes, batch.context)
    error, cover = _error(batch, fields)
    cover = cover * _credible(batch)
    total = cover.sum() * 3 + 1
    loss = (error.square() + 1e-4).sqrt().mul(cover).sum() / total
    for size in (1, 2):
        across, down = error[..., size:] - error[..., :-size], error[..., size:, :] - error[..., :-size, :]
        loss = (
            loss
            + options.edges
            * ((across.abs() * cover[..., size:]).sum() + (down.abs() * cover[..., size:, :]).sum())
            / total
        )
    loss = loss + options.quiet * fields.square().mean()
    if steady:
        # A cell to the right and down, half one of the fields': the fields should move along, not change.
        moved = network(F.pad(batch.planes, (1, 0, 1, 0))[..., :-1, :-1], batch.context)
        expected = F.avg_pool2d(F.pad(fields, (1, 0, 1, 0)), 2, stride=1)
        loss = loss + options.steady * (moved - expected).abs().mean()
    return loss


def _error(batch: _Examples, fields: Tensor) -> tuple[Tensor, Tensor]:
    """[B, 3, h, w] difference to the real picture, at that picture's own sharpness, and [B, 1, h, w] the opening."""
    planes = batch.planes.float()
    cover = planes[:, : 4 * MATERIALS : 4].sum(1, keepdim=True)
    error = apply_fields(planes, fields) - cover * batch.target.float()
    coarse = F.avg_pool2d(error, 3, stride=1, padding=1)
    return torch.where(batch.coarse[:, None, None, None], coarse, error), cover


def _credible(batch: _Examples) -> Tensor:
    """[B, 1, h, w] share of each cell's materials that the real picture may show there.

    Real teeth stand elsewhere than the mesh's: bright cells tell nothing of the tongue or the throat, dark or red ones
    nothing of teeth.
    """
    shares = batch.planes[:, : 4 * MATERIALS : 4].float()
    target = batch.target.float()
    red, green, blue = target.unbind(1)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    enamel = (light > _DARKEST_TEETH) & (red < _REDDEST_TEETH * green)
    soft = light < _BRIGHTEST_TONGUE
    teeth = shares[:, [UPPER_TEETH, LOWER_TEETH]].sum(1)
    rest = shares[:, [CAVITY, TONGUE]].sum(1)
    right = teeth * enamel + rest * soft + shares[:, OWN]
    return (right / shares.sum(1).clamp_min(1e-3)).clamp(0, 1)[:, None]


@torch.inference_mode()
def _psnr(network: MouthNetwork, examples: _Examples, device: str) -> tuple[float, float]:
    """Of photos and of clips, inside the opening, dB."""
    result = []
    for photo in (True, False):
        chosen = (examples.photo == photo).nonzero()[:, 0]
        squares = total = 0.0
        for part in chosen.split(64):
            batch = _moved(examples[part], device)
            error, cover = _error(batch, network(batch.planes.float(), batch.context))
            inside = (cover > 0.5) * (batch.context[:, -1:, None, None] ** 2)
            squares += float((error.square() * inside).sum())
            total += 3 * float((cover > 0.5).sum())
        result.append(-10 * float(np.log10(squares / total)) if total else float("nan"))
    return result[0], result[1]
