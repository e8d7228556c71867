"""The script that installs pytorch3d: what it runs and what it says."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from talkinghead.cli.pytorch3d_setup import Machine

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "install_pytorch3d.py"


@pytest.fixture
def script() -> ModuleType:
    return importlib.import_module("install_pytorch3d")


@pytest.fixture
def runs(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """A machine for which the wheel fits, and programs that are only noted."""
    noted: list[tuple[list[str], dict[str, Any]]] = []

    def run(arguments: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        noted.append((arguments, options))
        return subprocess.CompletedProcess(arguments, 0)

    machine = Machine("2.13.0+cu130", "13.0", (3, 12), "Linux x86_64")
    monkeypatch.setattr(Machine, "here", classmethod(lambda cls: machine))
    monkeypatch.setattr(script.subprocess, "run", run)
    return noted


def call(script: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["install_pytorch3d.py", *arguments])
    return int(script.main())


def test_the_wheel_is_installed_and_tried(script: ModuleType, runs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(script, monkeypatch) == 0
    (pip, _), (trial, _) = runs
    assert pip[:4] == [sys.executable, "-m", "pip", "install"]
    assert trial[:2] == [sys.executable, "-c"]


def test_a_checkout_is_built_with_cuda(
    script: ModuleType, runs: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pytorch3d" / "csrc").mkdir(parents=True)
    (tmp_path / "setup.py").touch()
    assert call(script, monkeypatch, "--source", str(tmp_path)) == 0
    pip, options = runs[0]
    assert "--no-build-isolation" in pip
    assert options["env"]["FORCE_CUDA"] == "1"


def test_what_does_not_work_is_status_1(script: ModuleType, runs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "trial", lambda: False)
    assert call(script, monkeypatch) == 1
    assert call(script, monkeypatch, "--check") == 1
    assert len(runs) == 1, "--check installs nothing"


@pytest.mark.skipif(torch.version.cuda is not None, reason="this torch is a CUDA build")
@pytest.mark.parametrize("argument", [(), ("--check",)])
def test_a_cpu_torch_is_one_sentence_and_status_2(argument: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), *argument], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is a CPU build" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_the_trial_on_a_gpu(script: ModuleType) -> None:
    from renderers.raster.pytorch3d_rasterizer import loading_problem

    if (problem := loading_problem()) is not None:
        pytest.skip(problem)
    assert script.trial()
