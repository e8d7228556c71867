"""Files of weights that somebody names: whatever is wrong with them is told as their fault, with their name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from face3d.errors import InputError
from talkinghead.resources import FILES
from talkinghead.speech.generate.weights import load_generator
from talkinghead.speech.hear.weights import load_network
from talkinghead.speech.model import ENCODER_FILE, GENERATOR_FILE

KINDS: dict[str, tuple[str, str, Callable[[Path], Any]]] = {
    "encoder": (ENCODER_FILE, "speech_model", load_network),
    "generator": (GENERATOR_FILE, "motion_generator", load_generator),
}
HEADERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no JSON": lambda header: "{",
    "deep": lambda header: "[" * 100_000,
    "a list": lambda header: "[1]",
    "no size": lambda header: {name: value for name, value in header.items() if name != "size"},
    "size is a number": lambda header: {**header, "size": 3},
    "unknown size": lambda header: {**header, "size": {"nonsense": 3}},
    "size is text": lambda header: {**header, "size": dict.fromkeys(header["size"], "wide")},
    "size is nothing": lambda header: {**header, "size": dict.fromkeys(header["size"], 0)},
    "another size": lambda header: {
        **header,
        "size": {n: 3 if n.endswith("width") else v for n, v in header["size"].items()},
    },
}


def with_header(kind: str, change: Callable[[dict[str, Any]], Any], target: Path) -> None:
    name, key, _ = KINDS[kind]
    with safe_open(str(FILES.path(name)), framework="pt") as file:
        header = json.loads(file.metadata()[key])
        tensors = {each: file.get_tensor(each) for each in file.keys()}  # noqa: SIM118
    changed = change(header)
    save_file(tensors, str(target), metadata={key: changed if isinstance(changed, str) else json.dumps(changed)})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", HEADERS)
def test_damaged_headers(kind: str, damage: str, tmp_path: Path) -> None:
    with_header(kind, HEADERS[damage], tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"w\.safetensors (has a damaged header|is not a|does not fit this version's)"):
        KINDS[kind][2](tmp_path / "w.safetensors")


@pytest.mark.parametrize("kind", KINDS)
def test_an_unchanged_copy_loads(kind: str, tmp_path: Path) -> None:
    with_header(kind, dict, tmp_path / "w.safetensors")
    KINDS[kind][2](tmp_path / "w.safetensors")


@pytest.mark.parametrize("kind", KINDS)
def test_other_files(kind: str, tmp_path: Path) -> None:
    path, load = tmp_path / "w.safetensors", KINDS[kind][2]
    with pytest.raises(InputError, match=r"There is no .* file .*w\.safetensors"):
        load(path)
    path.write_bytes(FILES.path(KINDS[kind][0]).read_bytes()[:-100])
    with pytest.raises(InputError, match=r"w\.safetensors is not a readable \.safetensors file"):
        load(path)
    save_file({"a": torch.zeros(1)}, str(path))
    with pytest.raises(InputError, match=r"w\.safetensors is not a "):
        load(path)
