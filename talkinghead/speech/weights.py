"""The weights file: half-precision tensors and a JSON header, in safetensors."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from face3d.errors import InputError
from talkinghead.speech.network import NetworkSize, SpeechNetwork

FORMAT = 1
_METADATA_KEY = "speech_model"


def save_network(network: SpeechNetwork, path: Path, notes: dict[str, Any]) -> None:
    """Write a trained network. `notes` (figures, seed, ...) are kept in the header."""
    tensors = {
        name: tensor.detach().cpu().to(torch.float16).contiguous()
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }
    header = {"format": FORMAT, "size": dataclasses.asdict(network.size), "notes": notes}
    temporary = path.with_name(f".{path.name}.part")
    save_file(tensors, str(temporary), metadata={_METADATA_KEY: json.dumps(header)})
    temporary.chmod(0o644)  # safetensors makes private files
    temporary.replace(path)


def load_network(path: Path, device: str = "cpu") -> SpeechNetwork:
    """Read a trained network, in evaluation mode.

    Raises:
        InputError: the file is missing, damaged or not a speech model of this format.
    """
    if not path.is_file():
        raise InputError(f"There is no speech model file {path}.")
    try:
        with safe_open(str(path), framework="pt", device=device) as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a readable .safetensors file ({error}).") from error
    header = json.loads(metadata.get(_METADATA_KEY, "{}"))
    if header.get("format") != FORMAT:
        raise InputError(f"{path} is not a speech model of format {FORMAT}.")
    size: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in header["size"].items()}
    network = SpeechNetwork(NetworkSize(**size))
    missing, unexpected = network.load_state_dict(tensors, strict=False)
    if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
        raise InputError(f"{path} does not fit this version's speech network.")
    return network.to(device).eval()
