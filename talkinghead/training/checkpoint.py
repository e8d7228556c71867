"""What an interrupted training needs to go on exactly: networks, moments of AdamW and the step, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from face3d.files import atomic_file

_HEADER = "checkpoint"


def save_checkpoint(
    path: Path, step: int, networks: Mapping[str, nn.Module], optimiser: torch.optim.Optimizer, run: Mapping[str, Any]
) -> None:
    """Write the state after `step` steps; `run` describes the run (JSON), a resumed one must be the same."""
    tensors: dict[str, Tensor] = {}
    for name, network in networks.items():
        tensors |= {f"{name}/{key}": value.detach().contiguous().clone() for key, value in network.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{number}/{key}": value.contiguous().clone() for key, value in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as temporary:
        save_file(tensors, str(temporary), metadata={_HEADER: json.dumps({"step": step, "run": dict(run)})})


def load_checkpoint(
    path: Path, networks: Mapping[str, nn.Module], optimiser: torch.optim.Optimizer, run: Mapping[str, Any]
) -> int:
    """Put the saved state in place; the number of steps done.

    Raises:
        ValueError: the checkpoint is of another run.
    """
    with safe_open(str(path), framework="pt") as file:
        header = json.loads(file.metadata()[_HEADER])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    if header["run"] != json.loads(json.dumps(dict(run))):
        raise ValueError(f"{path} is the checkpoint of another run; delete it to start again.")
    for name, network in networks.items():
        prefix = f"{name}/"
        network.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser/"):
            _, number, key = name.split("/")
            states.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})
    return int(header["step"])
