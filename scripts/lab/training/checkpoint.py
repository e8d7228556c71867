"""What an interrupted training needs to go on exactly: networks, optimisers' moments and the step, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from face3d.errors import InputError
from face3d.files import atomic_file

_HEADER = "checkpoint"


@dataclass(frozen=True)
class State:
    """All that changes in a training, by name: names of both kinds differ, and none holds a slash."""

    networks: Mapping[str, nn.Module]
    optimisers: Mapping[str, torch.optim.Optimizer]


def save_checkpoint(path: Path, step: int, state: State, facts: Mapping[str, Any]) -> None:
    """Write the state after `step` steps; `facts` describe the run (JSON), a resumed one must be the same.

    Raises:
        InputError: the folder cannot be written to.
    """
    tensors: dict[str, Tensor] = {}
    for name, network in state.networks.items():
        tensors |= {f"{name}/{key}": value.detach().contiguous().clone() for key, value in network.state_dict().items()}
    for name, optimiser in state.optimisers.items():
        for number, values in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}/{number}/{key}": value.contiguous().clone() for key, value in values.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    header = json.dumps({"step": step, "run": _described(state, facts)})
    with atomic_file(path) as temporary:
        save_file(tensors, str(temporary), metadata={_HEADER: header})


def load_checkpoint(path: Path, state: State, facts: Mapping[str, Any]) -> int:
    """Put the saved state in place; the number of steps done.

    Raises:
        InputError: the file is no checkpoint, or that of another run.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = json.loads(file.metadata()[_HEADER])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, TypeError, KeyError) as error:
        raise InputError(f"{path} is no checkpoint of a training; delete it to start again.") from error
    if header["run"] != _described(state, facts):
        raise InputError(f"{path} is the checkpoint of another run; delete it to start again.")
    for name, network in state.networks.items():
        prefix = f"{name}/"
        network.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    for name, optimiser in state.optimisers.items():
        values: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(f"{name}/"):
                _, number, what = key.split("/")
                values.setdefault(int(number), {})[what] = value
        optimiser.load_state_dict({"state": values, "param_groups": optimiser.state_dict()["param_groups"]})
    return int(header["step"])


def _described(state: State, facts: Mapping[str, Any]) -> Any:
    """As JSON gives it back, which knows no tuples."""
    return json.loads(json.dumps({**facts, "networks": [*state.networks], "optimisers": [*state.optimisers]}))
