"""The weights file: half-precision tensors and a JSON header, in safetensors."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from talkinghead.speech.hear.network import NetworkSize, SpeechNetwork
from talkinghead.speech.weights_file import must_fit, read_halves, write_halves

FORMAT = 1
_METADATA_KEY = "speech_model"


def save_network(network: SpeechNetwork, path: Path, notes: dict[str, Any]) -> None:
    """Write a trained network. `notes` (figures, seed, ...) are kept in the header."""
    tensors = {name: tensor for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
    header = {"format": FORMAT, "size": dataclasses.asdict(network.size), "notes": notes}
    write_halves(path, tensors, _METADATA_KEY, header)


def load_network(path: Path, device: str = "cpu") -> SpeechNetwork:
    """Read a trained network, in evaluation mode.

    Raises:
        InputError: the file is missing, damaged or not a speech model of this format.
    """
    header, tensors = read_halves(path, _METADATA_KEY, "speech model", FORMAT, device)
    with must_fit(path, "speech network"):
        size: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in header["size"].items()}
        network = SpeechNetwork(NetworkSize(**size))
        missing, unexpected = network.load_state_dict(tensors, strict=False)
        if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
            raise ValueError(f"missing {missing}, unexpected {unexpected}")
    return network.to(device).eval()
