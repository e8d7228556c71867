"""The mouth's network and its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from face3d.errors import InputError
from renderers.mouth.network import FIELDS, WEIGHTS, MouthNetwork, load_network
from renderers.mouth.planes import CONTEXT, PLANES
from renderers.resources import FILES
from renderers.unet import save_network


def test_a_new_network_changes_nothing() -> None:
    fields = MouthNetwork()(torch.rand(2, PLANES, 64, 96), torch.rand(2, CONTEXT))
    assert fields.shape == (2, FIELDS, 32, 48)
    assert (fields == 0).all()


def test_weights_survive_the_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = MouthNetwork((4, 6, 8))
    torch.nn.init.normal_(network.end.weight, std=0.1)
    save_network(network, tmp_path / "w.safetensors", {"seed": "0"})
    again = load_network(tmp_path / "w.safetensors")
    planes, context = torch.rand(1, PLANES, 16, 24), torch.rand(1, CONTEXT)
    torch.testing.assert_close(again(planes, context), network(planes, context), atol=5e-3, rtol=0.02)
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_the_trained_network_stays_within_bounds_and_does_not_flicker() -> None:
    assert FILES.path(WEIGHTS).stat().st_size < 1e6
    network = load_network()
    generator = torch.Generator().manual_seed(1)
    planes, context = torch.rand(1, PLANES, 64, 96, generator=generator), torch.rand(1, CONTEXT, generator=generator)
    fields = network(planes, context)
    assert fields.abs().max() <= 1.2
    noisy = planes + 0.01 * torch.randn(planes.shape, generator=generator)
    assert (network(noisy, context) - fields).abs().mean() < 0.02


def damaged(file: Path, kind: str) -> None:
    """Make what a file of weights can be of."""
    network = MouthNetwork((4, 6, 8))
    save_network(network, file, {})
    content = file.read_bytes()
    if kind == "truncated":
        file.write_bytes(content[:-100])
    elif kind == "text":
        file.write_bytes(b"not weights")
    elif kind == "missing":
        file.unlink()
    elif kind == "another network":
        save_file({"a": torch.zeros(1)}, file, metadata={"widths": "4,6,8"})
    elif kind == "no header":
        save_file(network.state_dict(), file)
    else:
        save_file(network.state_dict(), file, metadata={"widths": kind})


@pytest.mark.parametrize(
    "kind", ["truncated", "text", "missing", "another network", "no header", "4,6", "a,b,c", "4,6,9"]
)
def test_weights_that_somebody_names_and_that_are_none(kind: str, tmp_path: Path) -> None:
    damaged(tmp_path / "w.safetensors", kind)
    with pytest.raises(
        InputError, match=r"w\.safetensors (is not a readable|does not fit this version's MouthNetwork)"
    ):
        load_network(tmp_path / "w.safetensors")
