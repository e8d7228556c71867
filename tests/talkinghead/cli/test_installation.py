"""The doctor finds what is missing and says what to do."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from face3d.resources import ShippedFiles
from talkinghead.cli import installation as doctor
from talkinghead.cli.commands.doctor import run
from talkinghead.cli.installation import Finding


def test_this_machine_can_do_the_main_job() -> None:
    missing = [f for f in doctor.examine() if f.needed and not f.present]
    assert missing == []


@pytest.mark.parametrize(
    ("check", "module"),
    [
        (doctor.check_torch, "torch"),
        (doctor.check_numba, "numba"),
        (doctor.check_opencv, "cv2"),
        (doctor.check_litert, "ai_edge_litert"),
        (doctor.check_av, "av"),
        (doctor.check_voice, "hibari"),
        (doctor.check_pytorch3d, "pytorch3d"),
    ],
)
def test_a_missing_package(check: Any, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkinghead.cli.pytorch3d_setup.why_not", lambda machine: None)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == module else real(name))
    finding = check()
    assert (finding.present, finding.detail) == (False, "not installed")
    assert "pip install" in finding.mend
    assert finding.needed == (module not in ("hibari", "pytorch3d"))


@pytest.mark.parametrize(
    ("library", "package"),
    [("libGL.so.1", "libgl1"), ("libstdc++.so.6", "libstdc++6"), ("libgthread-2.0.so.0", "libglib2.0-0")],
)
def test_a_missing_system_library(library: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")

    def fail(name: str) -> ModuleType:
        raise ImportError(f"{library}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(importlib, "import_module", fail)
    finding = doctor.check_opencv()
    assert not finding.present
    assert "apt-get install" in finding.mend
    assert package in finding.mend


def test_mediapipe_is_optional_and_only_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first use would send a record to Google."""
    monkeypatch.setattr(importlib, "import_module", None)
    there = doctor.check_mediapipe()
    assert (there.needed, there.mend) == (False, "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not doctor.check_mediapipe().present


def test_an_unknown_system_library_is_named() -> None:
    message = "libodd-2.so.7: cannot open shared object file: No such file or directory"
    assert "libodd-2.so.7" in doctor.system_library_mend(message) or not sys.platform.startswith("linux")
    assert doctor.system_library_mend("something else") == ""


def test_pytorch3d_on_a_cpu_torch_is_not_taken_for_present(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("pytorch3d")
    package.__spec__ = importlib.machinery.ModuleSpec("pytorch3d", None)
    monkeypatch.setitem(sys.modules, "pytorch3d", package)
    monkeypatch.delitem(sys.modules, "pytorch3d._C", raising=False)
    monkeypatch.setattr(torch.version, "cuda", None)
    finding = doctor.check_pytorch3d()
    assert (finding.present, finding.needed, finding.mend) == (False, False, "")
    assert "is a CPU build" in finding.detail
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    finding = doctor.check_pytorch3d()
    assert not finding.present
    assert "install_pytorch3d.py" in finding.mend


def test_encoders_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.check_encoders().present
    monkeypatch.setattr("av.codec.codecs_available", {"aac"})
    finding = doctor.check_encoders()
    assert not finding.present
    assert "lacks libx264" in finding.detail
    assert "av" in finding.mend


@pytest.mark.parametrize("package", ["face3d", "renderers", "talkinghead"])
def test_damaged_model_files(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = importlib.import_module(f"{package}.resources")
    assert doctor.check_shipped_files().present
    files = ShippedFiles(tmp_path, resources.FILES.sha256)
    monkeypatch.setattr(resources, "FILES", files)
    first, *others = files.sha256
    (tmp_path / first).write_bytes(b"damaged")
    finding = doctor.check_shipped_files()
    assert not finding.present
    assert f"{tmp_path / first} has SHA-256" in finding.detail
    assert all(f"{tmp_path / name} is missing" in finding.detail for name in others)
    assert "reinstall talkinghead" in finding.mend


def test_advice_names_the_environment_that_runs() -> None:
    assert doctor.install("numba").endswith("-m pip install numba")
    assert sys.executable in doctor.install("numba")


@pytest.mark.parametrize("version", [(3, 10, 0), (3, 13, 7), (3, 14, 1)])
def test_newer_pythons(version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    assert doctor.check_python().present


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    finding = doctor.check_python()
    assert (finding.present, finding.detail) == (False, "3.9.18")
    assert "3.10 to 3.14" in finding.mend


def test_no_room_and_no_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SMALLEST_DISK_BYTES", 10**18)
    assert "free some disk space" in doctor.check_disk().mend

    def fail() -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", fail)
    assert "TMPDIR" in doctor.check_disk().mend


@pytest.mark.parametrize(
    ("finding", "status", "words"),
    [
        (Finding("a", True, "1.0"), 0, "ok  a: 1.0"),
        (Finding("a", False, "gone", "get it"), 1, "MISSING  a: gone"),
        (Finding("a", False, "gone", "get it", needed=False), 0, "not there  a: gone"),
    ],
)
def test_the_command(
    finding: Finding, status: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", (lambda: finding,))
    assert run(argparse.Namespace(quiet=False)) == status
    out = capsys.readouterr().out
    assert words in out
    assert ("-> get it" in out) == bool(finding.mend)


def test_face_models_that_users_bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ICT_FACEKIT", "BFM2009", "FLAME"):
        monkeypatch.delenv(f"TALKINGHEAD_{name}", raising=False)
    none = doctor.check_face_models()
    assert (none.present, none.needed, none.mend) == (False, False, "")
    assert "flame" in none.detail
    monkeypatch.setenv("TALKINGHEAD_ICT_FACEKIT", str(tmp_path))
    assert doctor.check_face_models() == Finding("other face models", True, "ict-facekit", needed=False)
    monkeypatch.setenv("TALKINGHEAD_FLAME", str(tmp_path / "lost.npz"))
    lost = doctor.check_face_models()
    assert (lost.present, lost.needed) == (False, False)
    assert f"TALKINGHEAD_FLAME names {tmp_path / 'lost.npz'}" in lost.detail
