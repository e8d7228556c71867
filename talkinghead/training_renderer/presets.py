"""What the trainings of the renderer's networks share: presets, held-out files and balanced batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
import yaml
from torch import Tensor

Options = TypeVar("Options")


def with_changes(defaults: Options, path: Path | None) -> Options:
    """The defaults, a dataclass, changed by a YAML file of options."""
    if path is None:
        return defaults
    changes = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    if "widths" in changes:
        changes["widths"] = tuple(changes["widths"])
    return cast(Options, replace(cast(Any, defaults), **changes))


def split_files(folder: Path, script: str) -> tuple[list[Path], list[Path]]:
    """Every tenth .npz of a folder, to check with, and the others, to train on.

    Raises:
        FileNotFoundError: there are none; `script` makes them.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no examples: run `{script} examples` first")
    return paths[::10], [path for index, path in enumerate(paths) if index % 10]


def draw_batch(photo: Tensor, batch: int, share: float, generator: torch.Generator) -> Tensor:  # [N] bool -> [batch]
    """Indices of a batch with its share of photos, as far as there are both kinds."""
    kinds = [photo.nonzero()[:, 0], (~photo).nonzero()[:, 0]]
    counts = [round(share * batch), batch - round(share * batch)]
    if not all(len(kind) for kind in kinds):
        kinds, counts = [torch.arange(len(photo))], [batch]
    drawn = [kind[torch.randint(len(kind), (n,), generator=generator)] for kind, n in zip(kinds, counts, strict=True)]
    return torch.cat(drawn)
