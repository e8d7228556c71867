"""The set-up script: what it would install, and when it has nothing to do."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with an environment folder of the test's own."""
    module = importlib.import_module("setup_environment")
    monkeypatch.setenv("TALKINGHEAD_VENV", str(tmp_path / "environment"))
    monkeypatch.delenv("TORCH_INDEX_URL", raising=False)
    return module


def test_torch_is_installed_first_and_alone(setup: ModuleType) -> None:
    commands = [arguments for _, arguments in setup.pip_commands(["dev"])]
    assert commands[0] == ["torch==2.13.0"]
    assert all("--constraint" in arguments for arguments in commands[1:])
    assert commands[-1][-2:] == ["--editable", ".[dev]"]


def test_torch_comes_from_the_index_that_the_user_names(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_INDEX_URL", "https://example.org/cpu")
    first, *others = [arguments for _, arguments in setup.pip_commands([])]
    assert first == ["torch==2.13.0", "--index-url", "https://example.org/cpu"]
    assert not any("--index-url" in arguments for arguments in others)


def test_a_finished_environment_is_left_alone(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[str]] = []
    folder = setup.environment_folder()

    def make(where: Path) -> Path:
        setup.python_of(where).parent.mkdir(parents=True, exist_ok=True)
        setup.python_of(where).touch()
        return Path(setup.python_of(where))

    monkeypatch.setattr(setup, "make_environment", make)
    monkeypatch.setattr(setup, "install", lambda python, extras: made.append(list(extras)))
    assert setup.ensure(["dev"]) == setup.python_of(folder)
    setup.ensure(["dev"])
    setup.ensure()
    assert made == [["dev"]], "the second and third call had nothing to do"
    setup.ensure(["tts"])
    assert made[-1] == ["dev", "tts"], "what was there stays"
    monkeypatch.setattr(setup, "fingerprint", lambda: "other versions")
    setup.ensure(["dev"])
    assert len(made) == 3


def owned_by(setup: ModuleType, checkout: Path, noted_by: str) -> Path:
    """An environment that holds the package of `checkout`."""
    folder: Path = setup.environment_folder()
    if noted_by == "stamp":
        file, content = folder / setup.STAMP_NAME, {"fingerprint": "x", "checkout": str(checkout), "extras": []}
    else:
        site = "Lib/site-packages" if sys.platform == "win32" else "lib/python3.11/site-packages"
        file = folder / site / "talkinghead-0.1.0.dist-info" / "direct_url.json"
        content = {"url": checkout.as_uri(), "dir_info": {"editable": True}}
        stamp = {"fingerprint": setup.fingerprint(), "checkout": str(setup.ROOT), "extras": []}
        folder.mkdir()
        (folder / setup.STAMP_NAME).write_text(json.dumps(stamp))
        setup.python_of(folder).parent.mkdir(parents=True, exist_ok=True)
        setup.python_of(folder).touch()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("noted_by", ["stamp", "pip"])
def test_the_environment_of_another_checkout_is_refused(noted_by: str, setup: ModuleType, tmp_path: Path) -> None:
    other = tmp_path / "other checkout"
    other.mkdir()
    (other / "pyproject.toml").touch()
    folder = owned_by(setup, other, noted_by)
    before = sorted(folder.rglob("*"))
    with pytest.raises(SystemExit, match=r"belongs to the checkout .*other checkout: set TALKINGHEAD_VENV to another"):
        setup.ensure()
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("noted_by", ["stamp", "pip"])
def test_the_environment_of_a_checkout_that_is_gone_is_taken_over(
    noted_by: str,
    setup: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = owned_by(setup, tmp_path / "gone", noted_by)
    made: list[list[str]] = []
    monkeypatch.setattr(setup, "make_environment", lambda where: setup.python_of(where))
    monkeypatch.setattr(setup, "install", lambda python, extras: made.append(list(extras)))
    setup.ensure(["dev"])
    assert made == [["dev"]]
    assert f"was set up for {tmp_path / 'gone'}: installing this checkout" in capsys.readouterr().out
    assert json.loads((folder / setup.STAMP_NAME).read_text())["checkout"] == str(setup.ROOT)


def test_an_environment_inside_this_checkout_is_its_own(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after copying a checkout with its `.venv`."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "pyproject.toml").touch()
    folder = owned_by(setup, other, "stamp")
    monkeypatch.setattr(setup, "ROOT", tmp_path.resolve())
    assert setup.takes_over(folder)


@pytest.mark.parametrize(("present", "told"), [("2.13.0+cpu", False), ("2.12.0", True), (None, True)])
def test_torch_is_mentioned_only_when_it_is_installed(
    present: str | None,
    told: bool,
    setup: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if present:
        info = tmp_path / f"torch-{present}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {present}\n")
    # A bare interpreter that sees only what the test put there.
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    ran: list[str] = []
    monkeypatch.setattr(setup, "run", lambda arguments: ran.extend(map(str, arguments)) or 0)
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    monkeypatch.setattr(setup.sys, "platform", "linux")
    setup.install(python, ["dev"])
    out = capsys.readouterr().out
    assert ("torch==2.13.0" in ran) == ("installing torch" in out) == ("TORCH_INDEX_URL" in out) == told
    assert ".[dev]" in ran


def test_an_interrupted_set_up_is_not_taken_for_finished(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = setup.environment_folder()
    folder.mkdir()
    monkeypatch.setattr(setup, "make_environment", lambda where: setup.python_of(where))

    def interrupted(python: Path, extras: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(setup, "install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        setup.ensure(["dev"])
    assert setup.installed_extras(folder) is None


def test_a_half_made_environment_is_mended(setup: ModuleType) -> None:
    folder = setup.environment_folder()
    setup.python_of(folder).parent.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("home = nowhere\n")
    setup.python_of(folder).write_text("not a program")
    setup.python_of(folder).chmod(0o755)
    python = setup.make_environment(folder)
    assert subprocess.call([python, "-c", "import pip"]) == 0


def test_a_folder_of_something_else_is_refused(setup: ModuleType) -> None:
    folder = setup.environment_folder()
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(SystemExit, match="no Python environment"):
        setup.make_environment(folder)
    assert (folder / "thesis.txt").exists()


def test_an_unsupported_python_is_told(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert setup.find_python() == sys.executable
    monkeypatch.setattr(setup, "SUPPORTED", ((2, 7),))
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match=r"Python 3\.10, 3\.11 or 3\.12 is needed"):
        setup.find_python()
