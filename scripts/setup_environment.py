"""Make this project's own Python environment: `python3 scripts/setup_environment.py [--extras dev,tts]`.

Needs Python 3.10 to 3.14 with its venv module and nothing else. Run again, it does only what is left to do. On Linux
without an NVIDIA GPU it looks for the CPU build of torch, which is gigabytes smaller than the one that PyPI has.

Environment variables:
    TALKINGHEAD_VENV: where the environment goes (default: `.venv` in the checkout).
    TORCH_INDEX_URL: the one index that torch comes from, when neither pip's configuration nor this script is to decide.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlparse
from urllib.request import url2pathname

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
SUPPORTED = ((3, 14), (3, 13), (3, 12), (3, 11), (3, 10))
STAMP_NAME = "talkinghead-setup.json"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# An index that does not answer must not hold up the set-up: pip's own number of attempts takes minutes.
BRIEFLY = ("--timeout", "15", "--retries", "1")


def say(message: str) -> None:
    """Tell the user what is being done; flushed, so that it stays in order with what pip and pytest print."""
    print(f"==> {message}", flush=True)


def fail(message: str) -> NoReturn:
    """End with one sentence and exit status 1."""
    sys.exit(f"talkinghead set-up: error: {message}")


def run(arguments: Sequence[str | Path]) -> int:
    """Run a program in the checkout, without standard input, and return its exit status."""
    return subprocess.call([str(a) for a in arguments], cwd=ROOT, stdin=subprocess.DEVNULL)


def runs(python: str | Path, code: str) -> bool:
    """Whether this interpreter works and `code` ends well in it."""
    try:
        return subprocess.call([str(python), "-c", code], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def find_python() -> str:
    """The Python to build the environment from: this one if it is supported, otherwise the newest supported one."""
    if sys.version_info[:2] in SUPPORTED:
        return sys.executable
    for major, minor in SUPPORTED:
        candidate = shutil.which(f"python{major}.{minor}")
        # Version managers put launchers on the PATH for Pythons that are not active: try it.
        if candidate and runs(candidate, ""):
            return candidate
    oldest, newest = (".".join(map(str, version)) for version in (SUPPORTED[-1], SUPPORTED[0]))
    fail(f"Python {oldest} to {newest} is needed and this is {sys.version.split()[0]}: install one of them.")


def environment_folder() -> Path:
    """Where the environment is or will be."""
    return Path(os.environ.get("TALKINGHEAD_VENV") or ROOT / ".venv").absolute()


def python_of(folder: Path) -> Path:
    """The environment's interpreter."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fingerprint() -> str:
    """Changes whenever what has to be installed changes."""
    return hashlib.sha256(CONSTRAINTS.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object; empty when there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def installed_extras(folder: Path) -> set[str] | None:
    """The extras that a finished set-up of exactly these versions left in `folder`; None when there is none."""
    stamp = read_json(folder / STAMP_NAME)
    same = stamp.get("fingerprint") == fingerprint() and stamp.get("checkout") == str(ROOT)
    return set(stamp.get("extras", [])) if same and python_of(folder).exists() else None


def owner_of(folder: Path) -> Path | None:
    """The checkout whose package the environment holds, as pip noted it or else our stamp; None when nobody says."""
    patterns = ("lib/python*/site-packages", "Lib/site-packages")
    for note in [n for p in patterns for n in folder.glob(f"{p}/talkinghead-*.dist-info/direct_url.json")]:
        content = read_json(note)
        if "dir_info" in content:  # it came from a folder and not from an archive
            return Path(url2pathname(urlparse(content["url"]).path))
    stamp = read_json(folder / STAMP_NAME)
    return Path(stamp["checkout"]) if "checkout" in stamp else None


def takes_over(folder: Path) -> bool:
    """Whether the environment was another checkout's and is ours now, because that one is gone or ours contains it."""
    owner = owner_of(folder)
    if owner is None or owner.resolve() == ROOT:
        return False
    if (owner / "pyproject.toml").exists() and not folder.resolve().is_relative_to(ROOT):
        fail(f"{folder} belongs to the checkout {owner}: set TALKINGHEAD_VENV to another folder.")
    say(f"the environment {folder} was set up for {owner}: installing this checkout there instead")
    return True


def make_environment(folder: Path) -> Path:
    """Create the environment, or mend a half-made one, and return its interpreter."""
    python = python_of(folder)
    probe = f"import sys, pip; sys.exit(sys.version_info[:2] not in {SUPPORTED!r})"
    if python.exists() and runs(python, probe):
        return python
    if folder.exists() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").exists():
        fail(f"{folder} exists and is no Python environment: move it away or set TALKINGHEAD_VENV to another folder.")
    say(f"making the environment {folder}")
    if run([find_python(), "-m", "venv", "--clear", folder]) != 0:
        fail("Python could not make an environment; on Debian and Ubuntu run: apt-get install python3-venv")
    return python


def torch_pin() -> str:
    """The line `torch==...` of the constraints."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("torch=="))


def torch_is_there(python: Path) -> bool:
    """Whether the environment has exactly the pinned torch, of whatever build: pip would leave it alone."""
    wanted = torch_pin().partition("==")[2]
    code = f"import importlib.metadata as m, sys; sys.exit(m.version('torch').split('+')[0] != {wanted!r})"
    return runs(python, code)


def has_nvidia_gpu() -> bool:
    """Whether there is an NVIDIA driver; without one the CUDA build of torch is of no use."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()


def pip(python: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run `pip install` quietly; what it complains of is kept back and not shown."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    )


def must_install(python: Path, what: str, arguments: Sequence[str]) -> None:
    """Install or end with what pip says."""
    say(f"installing {what}")
    check(pip(python, arguments), what)


def check(result: subprocess.CompletedProcess[str], what: str) -> None:
    """Show what pip complained of; end if it failed."""
    sys.stderr.write(result.stderr)
    if result.returncode != 0:
        fail(f"pip could not install {what}; see its message above, then run this again.")


def install_torch(python: Path) -> None:
    """Install the pinned torch: where no GPU is, the CPU build, if there is one to be had."""
    torch, pinned = torch_pin(), ["--constraint", str(CONSTRAINTS)]
    if index := os.environ.get("TORCH_INDEX_URL"):
        must_install(python, f"{torch} from {index}", [torch, "--index-url", index])
        return
    if sys.platform != "linux" or has_nvidia_gpu():  # elsewhere PyPI's build is the CPU's
        must_install(python, torch, [torch, *pinned])
        return
    small = f"{torch}+cpu"
    say(f"no NVIDIA GPU seen: installing the CPU build of torch, {small}")
    # First where pip's own configuration leads to, which may be all that can be reached.
    for more in ([], ["--extra-index-url", CPU_INDEX, *BRIEFLY]):
        result = pip(python, [small, *pinned, *more])
        # Only if there is none: after another failure, such as a full disk, gigabytes would not do better.
        if result.returncode == 0 or "No matching distribution found for torch" not in result.stderr:
            check(result, small)
            return
    say(f"{CPU_INDEX} cannot be reached or has no {small}: taking what pip finds, which may be the CUDA build")
    must_install(python, f"{torch}, possibly gigabytes of it", [torch, *pinned])


def install(python: Path, extras: Sequence[str]) -> None:
    """Install the pinned packages and this checkout into the environment."""
    # torch goes first: what comes later must find it there and leave it alone.
    if not torch_is_there(python):
        install_torch(python)
    project = f".[{','.join(extras)}]" if extras else "."
    pinned = ["--constraint", str(CONSTRAINTS)]
    # The build tool comes from the constraints as well, hence --no-build-isolation.
    must_install(python, "the build tool", ["hatchling", *pinned])
    must_install(python, f"talkinghead {project}", ["--no-build-isolation", *pinned, "--editable", project])


def ensure(extras: Sequence[str] = ()) -> Path:
    """Make the environment complete with at least `extras` and return its interpreter."""
    folder = environment_folder()
    present = None if takes_over(folder) else installed_extras(folder)
    if present is not None and present >= set(extras):
        say(f"the environment {folder} is ready")
        return python_of(folder)
    wanted = sorted(set(extras) | (present or set()))
    python = make_environment(folder)
    (folder / STAMP_NAME).unlink(missing_ok=True)
    install(python, wanted)
    stamp = {"fingerprint": fingerprint(), "checkout": str(ROOT), "extras": wanted}
    (folder / STAMP_NAME).write_text(json.dumps(stamp), encoding="utf-8")
    say(f"the environment {folder} is ready")
    return python


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Make this project's own Python environment.")
    parser.add_argument("--extras", default="", help="comma-separated extras of pyproject.toml: dev, tts, train, cuda")
    extras = [name for name in parser.parse_args().extras.split(",") if name]
    ensure(extras)


if __name__ == "__main__":
    main()
