"""Examples of the renderer's networks: files of arrays, and tensors of many files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from face3d.errors import InputError
from face3d.files import atomic_file

File = TypeVar("File", bound="ExampleFile")
Tensors = TypeVar("Tensors", bound="ExampleTensors")


@dataclass(frozen=True, eq=False)
class ExampleFile:
    """Arrays with an example of one person in each row; a file of photos has a name that begins with `photo_`."""

    def save(self, path: Path) -> None:
        """Write a compressed .npz, whole or not at all."""
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **vars(self))

    @classmethod
    def load(cls: type[File], path: Path) -> File:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name] for name in file.files})


@dataclass(frozen=True, eq=False)
class ExampleTensors:
    """Tensors with an example in each row."""

    photo: Tensor  # [N] bool, whether it was made of a still photo

    def __len__(self) -> int:
        return len(self.photo)

    def __getitem__(self: Tensors, index: Tensor) -> Tensors:
        return type(self)(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    def on(self: Tensors, device: str) -> Tensors:
        """On a device, numbers in single precision."""
        moved = {field.name: getattr(self, field.name).to(device) for field in fields(self)}
        return type(self)(**{n: value.float() if value.is_floating_point() else value for n, value in moved.items()})


def joined(parts: Sequence[ExampleFile], name: str) -> Tensor:
    """The array `name` of all files, one below the other."""
    return torch.from_numpy(np.concatenate([getattr(part, name) for part in parts]))


def of_photos(paths: Sequence[Path], parts: Sequence[ExampleFile], name: str) -> Tensor:  # [N] bool
    """Which rows of the files are of photos; `name` is any array of theirs."""
    kinds = [path.name.startswith("photo_") for path in paths]
    return torch.cat([torch.full((len(getattr(p, name)),), kind) for p, kind in zip(parts, kinds, strict=True)])


def split_files(folder: Path, script: str) -> tuple[list[Path], list[Path]]:
    """Every tenth .npz of a folder, to check with, and the others, to train on; one file alone is both.

    Raises:
        InputError: there are none; `script` makes them.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise InputError(f"{folder} holds no examples to train on: make some first with scripts/{script} examples.")
    return paths[::10], [path for index, path in enumerate(paths) if index % 10] or paths[::10]


def draw_batch(photo: Tensor, batch: int, share: float, generator: torch.Generator) -> Tensor:  # [N] bool -> [batch]
    """Indices of a batch with its share of photos, as far as there are both kinds."""
    kinds = [photo.nonzero()[:, 0], (~photo).nonzero()[:, 0]]
    counts = [round(share * batch), batch - round(share * batch)]
    if not all(len(kind) for kind in kinds):
        kinds, counts = [torch.arange(len(photo))], [batch]
    drawn = [kind[torch.randint(len(kind), (n,), generator=generator)] for kind, n in zip(kinds, counts, strict=True)]
    return torch.cat(drawn)
