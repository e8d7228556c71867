"""What the renderer's two U-Nets share: their blocks, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from face3d.errors import InputError
from face3d.files import atomic_file

Widths = tuple[int, int, int]


class UNet(nn.Module):
    """A network that is made from its channels at three sizes."""

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        self.widths = widths


Network = TypeVar("Network", bound=UNet)


def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Two 3 x 3 convolutions, the first with the stride."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1),
        nn.SiLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.SiLU(),
    )


def save_network(network: UNet, path: Path, facts: dict[str, str]) -> None:
    """Write the weights in half precision with what is to be known about them."""
    tensors = {name: value.detach().cpu().half().contiguous() for name, value in network.state_dict().items()}
    with atomic_file(path) as temporary:
        save_file(tensors, temporary, metadata={**facts, "widths": ",".join(map(str, network.widths))})


def read_network(kind: type[Network], path: Path) -> Network:
    """Read the weights of a network of this kind, ready for inference.

    Raises:
        InputError: the file is missing, damaged or another network's.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
        tensors = {name: value.float() for name, value in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a readable .safetensors file ({error}).") from error
    try:
        a, b, c = (int(width) for width in metadata["widths"].split(","))
        network = kind((a, b, c))
        network.load_state_dict(tensors)
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} does not fit this version's {kind.__name__}.") from error
    return network.eval().requires_grad_(False)
