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


NOTHING = "ERROR: No matching distribution found for torch==2.13.0+cpu"
CPU, ANY = "torch==2.13.0+cpu", "torch==2.13.0"


class Pip:
    """Stands in for pip: keeps what it is asked for, and fails in its turn with these complaints."""

    def __init__(self, *complaints: str) -> None:
        self.calls: list[list[str]] = []
        self._complaints = list(complaints)

    def __call__(self, python: object, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        self.calls.append(arguments)
        complaint = self._complaints.pop(0) if self._complaints else ""
        return subprocess.CompletedProcess(arguments, int(bool(complaint)), stderr=complaint)


@pytest.fixture
def laptop(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A Linux machine without an NVIDIA GPU and without torch."""
    monkeypatch.setattr(setup.sys, "platform", "linux")
    monkeypatch.setattr(setup, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(setup, "torch_is_there", lambda python: False)
    return setup


def test_torch_is_installed_first_and_never_swapped(laptop: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip()
    monkeypatch.setattr(laptop, "pip", pip)
    laptop.install(Path("python"), ["dev"])
    assert [call[0] for call in pip.calls] == [CPU, "hatchling", "--no-build-isolation"]
    assert pip.calls[-1][-2:] == ["--editable", ".[dev]"]
    for call in pip.calls:
        assert call[call.index("--constraint") + 1] == str(laptop.CONSTRAINTS)
        assert "--upgrade" not in call
    assert laptop.torch_pin() == ANY


def test_pips_own_configuration_comes_first(
    laptop: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pip = Pip()
    monkeypatch.setattr(laptop, "pip", pip)
    laptop.install_torch(Path("python"))
    assert [call[0] for call in pip.calls] == [CPU]
    assert "--extra-index-url" not in pip.calls[0]
    assert "no NVIDIA GPU seen: installing the CPU build" in capsys.readouterr().out


def test_then_the_index_of_cpu_builds(
    laptop: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pip = Pip(NOTHING)
    monkeypatch.setattr(laptop, "pip", pip)
    laptop.install_torch(Path("python"))
    assert [call[0] for call in pip.calls] == [CPU, CPU]
    assert pip.calls[1][pip.calls[1].index("--extra-index-url") + 1] == laptop.CPU_INDEX
    assert capsys.readouterr().err == "", "what was expected is no complaint"


def test_then_whatever_pip_finds(
    laptop: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pip = Pip(NOTHING, f"WARNING: Retrying\n{NOTHING}")
    monkeypatch.setattr(laptop, "pip", pip)
    laptop.install_torch(Path("python"))
    assert [call[0] for call in pip.calls] == [CPU, CPU, ANY]
    assert "cannot be reached or has no torch==2.13.0+cpu: taking what pip finds" in capsys.readouterr().out


@pytest.mark.parametrize("before", [[], [NOTHING]], ids=["at once", "from the index"])
def test_a_full_disk_is_no_reason_to_load_gigabytes(
    before: list[str], laptop: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pip = Pip(*before, "ERROR: [Errno 28] No space left on device")
    monkeypatch.setattr(laptop, "pip", pip)
    with pytest.raises(SystemExit, match=r"could not install torch==2\.13\.0\+cpu; see its message above"):
        laptop.install_torch(Path("python"))
    assert len(pip.calls) == len(before) + 1
    assert "No space left" in capsys.readouterr().err


@pytest.mark.parametrize(("platform", "gpu"), [("linux", True), ("darwin", False), ("win32", False)])
def test_a_gpu_or_another_system_takes_torch_as_it_comes(
    platform: str, gpu: bool, laptop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip()
    monkeypatch.setattr(laptop, "pip", pip)
    monkeypatch.setattr(laptop.sys, "platform", platform)
    monkeypatch.setattr(laptop, "has_nvidia_gpu", lambda: gpu)
    laptop.install_torch(Path("python"))
    assert [call[0] for call in pip.calls] == [ANY]


def test_torch_comes_from_the_index_that_the_user_names(laptop: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip()
    monkeypatch.setattr(laptop, "pip", pip)
    monkeypatch.setenv("TORCH_INDEX_URL", "https://example.org/cpu")
    laptop.install(Path("python"), [])
    assert pip.calls[0] == [ANY, "--index-url", "https://example.org/cpu"]
    assert not any("--index-url" in call for call in pip.calls[1:])


def test_pip_itself_is_run_quietly(setup: ModuleType, tmp_path: Path) -> None:
    result = setup.pip(
        Path(sys.executable), ["--dry-run", "--no-index", "--find-links", str(tmp_path), "nobody-has-it"]
    )
    assert result.returncode != 0
    assert "No matching distribution found for nobody-has-it" in result.stderr, "what install_torch looks for"


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


@pytest.mark.parametrize(("present", "wanted"), [("2.13.0+cpu", False), ("2.12.0", True), (None, True)])
def test_torch_is_installed_only_when_it_is_not_there(
    present: str | None,
    wanted: bool,
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
    pip = Pip()
    monkeypatch.setattr(setup, "pip", pip)
    setup.install(python, ["dev"])
    assert any(call[0].startswith("torch==") for call in pip.calls) == wanted
    assert ("build of torch" in capsys.readouterr().out) <= wanted
    assert ".[dev]" in pip.calls[-1]


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
    with pytest.raises(SystemExit, match=r"Python 2\.7 to 2\.7 is needed and this is"):
        setup.find_python()
