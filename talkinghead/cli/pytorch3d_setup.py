"""Which pytorch3d fits this machine's torch, and how to install it; the extra `cuda` is the first of these ways."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

# The prebuilt wheels of easypytorch3d: Linux on x86-64, these versions of Python, this CUDA, torch from this on.
# Nothing of pytorch3d but its compiled part is used, so its Python dependencies are left out.
REQUIREMENT = "easypytorch3d>=0.7.9"
_PYTHONS, _CUDA, _TORCH = ((3, 10), (3, 14)), 13, (2, 12)
SCRIPT = "scripts/install_pytorch3d.py"


class NotApplicable(Exception):  # noqa: N818 - it is no error of ours
    """pytorch3d is of no use here, or there is no way to install it; the message is one sentence."""


@dataclass(frozen=True)
class Machine:
    """What decides.

    Attributes:
        torch: its version, such as "2.13.0+cpu"; None where it is not installed.
        cuda: the CUDA version it was built for, such as "13.0"; None for CPU builds.
        python: version (major, minor).
        system: such as "Linux x86_64".
    """

    torch: str | None
    cuda: str | None
    python: tuple[int, int]
    system: str

    @classmethod
    def here(cls) -> Machine:
        """The machine that this runs on."""
        try:
            import torch
        except ImportError:
            return cls(None, None, sys.version_info[:2], _system())
        return cls(str(torch.__version__), torch.version.cuda, sys.version_info[:2], _system())

    @property
    def torch_numbers(self) -> tuple[int, int]:
        """torch's (major, minor)."""
        major, minor = re.findall(r"\d+", self.torch or "0.0")[:2]
        return int(major), int(minor)


def why_not(machine: Machine) -> str | None:
    """Why pytorch3d does not apply to a machine at all, in one sentence; None where it does."""
    if machine.torch is None:
        return "torch is not installed, and pytorch3d must be built for the torch that is there."
    if machine.cuda is None:
        return (
            f"torch {machine.torch} is a CPU build: pytorch3d draws on NVIDIA GPUs only, and its wheels do not import "
            "beside this torch; frames are made on the CPU without it."
        )
    return None


def no_wheel(machine: Machine) -> str | None:
    """Why no prebuilt wheel fits a machine, in one sentence; None where one does."""
    first, last = _PYTHONS
    lacks = []
    if machine.system != "Linux x86_64":
        lacks.append(f"Linux on x86_64, not {machine.system}")
    if not first <= machine.python <= last:
        lacks.append("Python 3.10 to 3.14, not {}.{}".format(*machine.python))
    if int((machine.cuda or "0").split(".")[0]) != _CUDA:
        lacks.append(f"a torch for CUDA {_CUDA}, not {machine.cuda}")
    if machine.torch_numbers < _TORCH:
        lacks.append(f"torch 2.12 or newer, not {machine.torch}")
    return f"The prebuilt wheel needs {', and '.join(lacks)}." if lacks else None


def install_command(machine: Machine, source: Path | None = None, wheels: Path | None = None) -> list[str]:
    """The arguments of `python -m pip` that install pytorch3d.

    Args:
        machine: where.
        source: a checkout of pytorch3d to build, instead of the prebuilt wheel.
        wheels: a folder with wheels to take, whatever they were built for.

    Raises:
        NotApplicable: with the reason.
    """
    reason = why_not(machine)
    if reason is not None:
        raise NotApplicable(reason)
    if source is not None:
        if not (source / "setup.py").is_file() or not (source / "pytorch3d" / "csrc").is_dir():
            raise NotApplicable(f"{source} is no source checkout of pytorch3d: setup.py or pytorch3d/csrc is missing.")
        # Built against the torch that is installed, not against another one in a build environment of its own.
        return ["install", "--no-build-isolation", "--no-deps", str(source)]
    if wheels is not None:
        found = sorted(str(path) for path in wheels.glob("*pytorch3d*.whl"))
        if not found:
            raise NotApplicable(f"{wheels} holds no wheel of pytorch3d.")
        return ["install", "--no-index", "--no-deps", *found]
    reason = no_wheel(machine)
    if reason is not None:
        raise NotApplicable(
            f"{reason} Build it: python {SCRIPT} --source FOLDER, a checkout of pytorch3d's repository."
        )
    return ["install", "--no-deps", "--only-binary=:all:", REQUIREMENT]


def _system() -> str:
    return f"{platform.system()} {platform.machine()}"
