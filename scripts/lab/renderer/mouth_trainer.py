"""Fits the mouth's network to examples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from renderers.mouth.canvas import CAVITY, LOWER_TEETH, MATERIALS, OWN, TONGUE, UPPER_TEETH
from renderers.mouth.network import MouthNetwork, apply_fields
from scripts.lab.renderer.examples import ExampleTensors, joined, of_photos, split_files
from scripts.lab.renderer.mouth_data import MouthExamples
from scripts.lab.renderer.presets import with_changes
from scripts.lab.renderer.training import Lesson, RendererOptions, fit, psnr_of_kinds
from scripts.lab.training.loop import PLAIN_RUN, Run, Step, prepare

# Cells per pixel of the real picture from which on it is coarse.
_COARSE = 1.2
# What `renderers.mouth.planes.MouthContext` holds: three colours.
_COLOURS = 9
# Brightness in shares of well-lit teeth's, and red over green, by which enamel and soft tissue are told apart.
_DARKEST_TEETH, _REDDEST_TEETH, _BRIGHTEST_TONGUE = 0.25, 1.5, 0.42


@dataclass(frozen=True)
class MouthTrainOptions(RendererOptions):
    """How to train; the defaults are the preset for two cores.

    Attributes:
        quiet: weight that keeps the fields near zero where the examples do not ask for more.
    """

    steps: int = 600
    batch: int = 12
    rate: float = 2e-3
    photos: float = 0.25
    widths: tuple[int, int, int] = (8, 16, 24)
    quiet: float = 0.003


def load_options(path: Path | None) -> MouthTrainOptions:
    """The defaults, changed by a YAML file of options."""
    return with_changes(MouthTrainOptions(), path)


@dataclass(frozen=True, eq=False)
class Examples(ExampleTensors):
    """Tensors of many people's examples: the fields of `MouthExamples`, which are coarse, and which are photos."""

    planes: Tensor
    context: Tensor
    target: Tensor
    coarse: Tensor  # [N] bool, whether the real picture knows nothing as fine as a cell


def train(folder: Path, options: MouthTrainOptions, run: Run = PLAIN_RUN) -> tuple[MouthNetwork, dict[str, str]]:
    """Train on all examples of a folder but every tenth file, which tells how well it goes.

    Args:
        folder: the .npz files of `scripts/train_mouth.py examples`.
        options: how.
        run: where its state is kept and its progress told.

    Returns:
        the network and its figures.

    Raises:
        InputError: there are no examples.
    """
    prepare(options)
    to_check, to_train = split_files(folder, "train_mouth.py")

    def loss(network: MouthNetwork, drawn: Examples, step: Step) -> dict[str, Tensor]:
        return _losses(network, _augmented(drawn.on("cpu"), step.random).on(options.device), options, step.number)

    lesson = Lesson(load_examples(to_train), load_examples(to_check), loss, psnr, {})
    return fit(MouthNetwork(options.widths), lesson, options, run)


def load_examples(paths: list[Path]) -> Examples:
    """Files of `MouthExamples`, joined."""
    parts = [MouthExamples.load(path) for path in paths]
    coarse = joined(parts, "cells_per_px") > _COARSE
    arrays = {name: joined(parts, name) for name in ("planes", "context", "target")}
    return Examples(of_photos(paths, parts, "context"), **arrays, coarse=coarse)


def _augmented(batch: Examples, generator: torch.Generator) -> Examples:
    """Mirrored, and in light of other colours."""
    planes, target, context = batch.planes.clone(), batch.target.clone(), batch.context.clone()
    mirrored = torch.rand(len(planes), generator=generator) < 0.5
    planes[mirrored], target[mirrored] = planes[mirrored].flip(-1), target[mirrored].flip(-1)
    tint = 1 + 0.12 * torch.randn(len(planes), 3, generator=generator).clamp(-2, 2)
    target *= tint[:, :, None, None]
    materials = planes[:, : 4 * MATERIALS].unflatten(1, (MATERIALS, 4))
    materials[:, :, 1:] *= tint[:, None, :, None, None]
    context[:, :_COLOURS] *= tint.repeat(1, 3)
    return replace(batch, planes=planes, target=target, context=context)


def _losses(network: MouthNetwork, batch: Examples, options: MouthTrainOptions, step: int) -> dict[str, Tensor]:
    """The weighted parts of the loss; whether fields are steady is looked at in every fourth step."""
    fields = network(batch.planes, batch.context)
    error, cover = _error(batch, fields)
    cover = cover * _credible(batch)
    total = cover.sum() * 3 + 1
    picture = (error.square() + 1e-4).sqrt().mul(cover).sum() / total
    for size in (1, 2):
        across, down = error[..., size:] - error[..., :-size], error[..., size:, :] - error[..., :-size, :]
        edges = (across.abs() * cover[..., size:]).sum() + (down.abs() * cover[..., size:, :]).sum()
        picture = picture + options.edges * edges / total
    parts = {"picture": picture, "quiet": options.quiet * fields.square().mean()}
    if step % 4 == 1:
        # A cell to the right and down, half one of the fields': the fields should move along, not change.
        moved = network(F.pad(batch.planes, (1, 0, 1, 0))[..., :-1, :-1], batch.context)
        expected = F.avg_pool2d(F.pad(fields, (1, 0, 1, 0)), 2, stride=1)
        parts["steady"] = options.steady * (moved - expected).abs().mean()
    return parts


def _error(batch: Examples, fields: Tensor) -> tuple[Tensor, Tensor]:
    """[B, 3, h, w] difference to the real picture, at that picture's own sharpness, and [B, 1, h, w] the opening."""
    planes = batch.planes
    cover = planes[:, : 4 * MATERIALS : 4].sum(1, keepdim=True)
    error = apply_fields(planes, fields) - cover * batch.target
    coarse = F.avg_pool2d(error, 3, stride=1, padding=1)
    return torch.where(batch.coarse[:, None, None, None], coarse, error), cover


def _credible(batch: Examples) -> Tensor:
    """[B, 1, h, w] share of each cell's materials that the real picture may show there.

    Real teeth stand elsewhere than the mesh's: bright cells tell nothing of the tongue or the throat, dark or red ones
    nothing of teeth.
    """
    shares = batch.planes[:, : 4 * MATERIALS : 4]
    target = batch.target
    red, green, blue = target.unbind(1)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    enamel = (light > _DARKEST_TEETH) & (red < _REDDEST_TEETH * green)
    soft = light < _BRIGHTEST_TONGUE
    teeth = shares[:, [UPPER_TEETH, LOWER_TEETH]].sum(1)
    rest = shares[:, [CAVITY, TONGUE]].sum(1)
    right = teeth * enamel + rest * soft + shares[:, OWN]
    return (right / shares.sum(1).clamp_min(1e-3)).clamp(0, 1)[:, None]


def psnr(network: MouthNetwork, examples: Examples, device: str) -> tuple[float, float]:
    """Of photos and of clips, over all cells inside openings, dB; NaN where there are none."""

    def squares(batch: Examples) -> tuple[Tensor, Tensor]:
        error, cover = _error(batch, network(batch.planes, batch.context))
        inside = (cover > 0.5) * (batch.context[:, -1:, None, None] ** 2)
        return (error.square() * inside).sum((1, 2, 3)), 3 * (cover > 0.5).sum((1, 2, 3))

    return psnr_of_kinds(network, examples, device, squares)
