from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from talkinghead.cli.pytorch3d_setup import REQUIREMENT, Machine, NotApplicable, install_command, no_wheel, why_not

FITS = Machine("2.13.0+cu130", "13.0", (3, 12), "Linux x86_64")


def test_the_machine_here() -> None:
    machine = Machine.here()
    assert (machine.torch, machine.cuda) == (torch.__version__, torch.version.cuda)
    assert machine.torch_numbers == tuple(int(n) for n in torch.__version__.split(".")[:2])


def test_where_a_wheel_fits() -> None:
    assert why_not(FITS) is None
    assert no_wheel(FITS) is None
    command = install_command(FITS)
    assert command == ["install", "--no-deps", "--only-binary=:all:", REQUIREMENT]


def test_the_requirement_is_the_extras() -> None:
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert re.search(r'^cuda = \["(.+)"\]', text, re.MULTILINE)[1] == REQUIREMENT  # type: ignore[index]


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (Machine("2.13.0+cpu", None, (3, 11), "Linux x86_64"), "torch 2.13.0+cpu is a CPU build"),
        (Machine(None, None, (3, 11), "Linux x86_64"), "torch is not installed"),
    ],
)
def test_where_it_does_not_apply(machine: Machine, words: str, tmp_path: Path) -> None:
    for source, wheels in ((None, None), (tmp_path, None), (None, tmp_path)):
        with pytest.raises(NotApplicable, match=re.escape(words)) as caught:
            install_command(machine, source, wheels)
        assert str(caught.value) == why_not(machine)


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (Machine("2.13.0", "13.0", (3, 12), "Windows AMD64"), "Linux on x86_64, not Windows AMD64"),
        (Machine("2.13.0", "13.0", (3, 9), "Linux x86_64"), "Python 3.10 to 3.14, not 3.9"),
        (Machine("2.13.0+cu126", "12.6", (3, 12), "Linux x86_64"), "a torch for CUDA 13, not 12.6"),
        (Machine("2.11.0+cu130", "13.0", (3, 12), "Linux x86_64"), "torch 2.12 or newer, not 2.11.0+cu130"),
    ],
)
def test_where_no_wheel_fits(machine: Machine, words: str, tmp_path: Path) -> None:
    with pytest.raises(NotApplicable, match=re.escape(words)) as caught:
        install_command(machine)
    assert "--source FOLDER" in str(caught.value)
    (tmp_path / "pytorch3d" / "csrc").mkdir(parents=True)
    (tmp_path / "setup.py").touch()
    assert install_command(machine, source=tmp_path) == [
        "install",
        "--no-build-isolation",
        "--no-deps",
        str(tmp_path),
    ]


def test_wheels_at_hand(tmp_path: Path) -> None:
    with pytest.raises(NotApplicable, match="holds no wheel"):
        install_command(FITS, wheels=tmp_path)
    wheel = tmp_path / "easypytorch3d-0.7.9.post1-cp312-cp312-manylinux_2_28_x86_64.whl"
    wheel.touch()
    assert install_command(FITS, wheels=tmp_path) == ["install", "--no-index", "--no-deps", str(wheel)]


def test_a_source_archive_without_sources(tmp_path: Path) -> None:
    """PyPI's lack csrc."""
    (tmp_path / "setup.py").touch()
    with pytest.raises(NotApplicable, match="no source checkout"):
        install_command(FITS, source=tmp_path)
