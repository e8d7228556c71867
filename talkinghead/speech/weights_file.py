"""Weights on disk: half-precision tensors and a JSON header, in safetensors. What the speech model's files share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from face3d.errors import InputError
from face3d.files import atomic_file


def write_halves(path: Path, tensors: Mapping[str, Tensor], key: str, header: Mapping[str, Any]) -> None:
    """Write tensors, with the header under `key`; complete or not at all."""
    halves = {name: tensor.detach().cpu().to(torch.float16).contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        save_file(halves, str(temporary), metadata={key: json.dumps(dict(header))})


def read_halves(
    path: Path, key: str, kind: str, file_format: int, device: str
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The header under `key` and the tensors, in single precision.

    Args:
        kind: what the file should be, for messages.
        file_format: that the header must name.

    Raises:
        InputError: the file is missing, damaged or not of this kind and format.
    """
    if not path.is_file():
        raise InputError(f"There is no {kind} file {path}.")
    try:
        with safe_open(str(path), framework="pt", device=device) as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a readable .safetensors file ({error}).") from error
    try:
        header = json.loads(metadata.get(key, "{}"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} has a damaged header.") from error
    if not isinstance(header, dict) or header.get("format") != file_format:
        raise InputError(f"{path} is not a {kind} of format {file_format}.")
    return header, tensors


@contextmanager
def must_fit(path: Path, kind: str) -> Iterator[None]:
    """Whatever goes wrong while a network is made of a file's header and tensors is the file's fault.

    Raises:
        InputError: the header lacks something or has the wrong kind of it, or the tensors are not the network's.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise InputError(f"{path} does not fit this version's {kind}.") from error
