"""The lock file, environment.yml, pyproject.toml and what the code imports say the same."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = ("face3d", "renderers", "talkinghead")
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def pins(python: str, platform: str = "linux") -> dict[str, str]:
    """{package: version} of constraints.txt for one Python version."""
    environment = {**default_environment(), "python_version": python, "sys_platform": platform}
    result = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = canonicalize_name(requirement.name)
            assert name not in result, f"{name} is pinned twice for Python {python}"
            (specifier,) = requirement.specifier
            assert specifier.operator == "=="
            result[name] = specifier.version
    return result


def declared(extras: tuple[str, ...]) -> list[Requirement]:
    project = PROJECT["project"]
    lines = [*project["dependencies"], *(line for e in extras for line in project["optional-dependencies"][e])]
    return [Requirement(line) for line in lines]


def test_environment_yml_has_the_same_versions() -> None:
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert content["name"] == "talkinghead"
    assert content["channels"] == ["conda-forge", "nodefaults"]
    (conda_python,) = [d for d in content["dependencies"] if str(d).startswith("python=")]
    (pip,) = [d["pip"] for d in content["dependencies"] if isinstance(d, dict)]
    assert pip[0] == "--extra-index-url https://download.pytorch.org/whl/cpu"
    assert pip[1].startswith("torch=="), "torch must be installed first"
    assert pip[-1] == "-e ."
    listed = {canonicalize_name(n): v for n, v in (line.split("==") for line in pip[1:-1])}
    assert listed == pins(conda_python.removeprefix("python="))


@pytest.mark.parametrize("python", PYTHONS)
def test_every_declared_dependency_is_pinned_within_its_range(python: str) -> None:
    versions = pins(python)
    for requirement in declared(("tts", "train", "dev")):
        name = canonicalize_name(requirement.name)
        assert requirement.specifier.contains(versions[name]), f"{name} {versions[name]} is outside {requirement}"
    (build,) = PROJECT["build-system"]["requires"]
    assert build == f"hatchling=={versions['hatchling']}"


def test_the_second_opencv_has_the_version_of_the_first() -> None:
    """They write the same files."""
    (other,) = [r for r in declared(("mediapipe",)) if r.name == "opencv-contrib-python"]
    assert str(other.specifier) == f"=={pins('3.11')['opencv-python-headless']}"


def test_all_say_the_same_pythons() -> None:
    from setup_environment import SUPPORTED

    from talkinghead.cli import installation as doctor

    project = PROJECT["project"]
    assert {f"{major}.{minor}" for major, minor in SUPPORTED} == set(PYTHONS)
    named = [
        c.rpartition(" ")[2] for c in project["classifiers"] if c.startswith("Programming Language :: Python :: 3.")
    ]
    assert named == list(PYTHONS)
    allowed = Requirement(f"python{project['requires-python']}").specifier
    assert all(allowed.contains(version) for version in PYTHONS)
    assert not any(allowed.contains(version) for version in ("3.9", "3.15"))
    assert (min(SUPPORTED), max(SUPPORTED)) == (doctor.OLDEST_PYTHON, doctor.NEWEST_PYTHON)
    assert "Python 3.10 to 3.14" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_torch_is_a_range_around_the_pinned_version() -> None:
    """A wheel must install beside the torch that somebody has; the set-up gives every step the exact one."""
    (torch,) = [r for r in declared(()) if r.name == "torch"]
    assert torch.specifier.contains(pins("3.11")["torch"])
    assert not torch.specifier.contains("3.0")


def test_all_that_is_installed_here_is_pinned() -> None:
    """Follows the installed packages' own requirements from ours: a lock without one of them would let it float."""
    versions = pins(f"{sys.version_info.major}.{sys.version_info.minor}", sys.platform)
    todo = [canonicalize_name(r.name) for r in declared(("dev",))]
    seen = set()
    while todo:
        name = todo.pop()
        # torch pins its CUDA packages itself, and its CPU builds have none.
        if name in seen or name.startswith(("nvidia-", "cuda-", "triton")):
            continue
        seen.add(name)
        assert name in versions, f"{name} is not in constraints.txt"
        for line in importlib.metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(canonicalize_name(requirement.name))
    assert len(seen) > 30


def imports_of(path: Path) -> set[str]:
    """Top-level names of the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_every_import_is_declared() -> None:
    distributions = {
        "PIL": "pillow",
        "ai_edge_litert": "ai-edge-litert",
        "cv2": "opencv-python-headless",
        "hibari": "hibari-tts",
        "imageio_ffmpeg": "imageio-ffmpeg",
        "pytorch3d": "easypytorch3d",
        "yaml": "pyyaml",
    }
    known = {canonicalize_name(r.name) for r in declared(("heif", "tts", "train", "cuda", "mediapipe"))}
    # Measured beside ours in scripts/benchmark_speech.py where they are: their needs conflict with our pins.
    known |= {"openfacefx", "pylipsync"}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for module in imports_of(path) - sys.stdlib_module_names - set(PACKAGES):
                name = canonicalize_name(distributions.get(module, module))
                assert name in known, (
                    f"{path.relative_to(ROOT)} imports {module}, which pyproject.toml does not declare"
                )


@pytest.mark.slow
def test_the_wheel_holds_packages_assets_and_settings(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "configs").glob("*.yaml"):
        assert f"talkinghead/configs/{path.name}" in names
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True)
    assert set(tracked.stdout.split()) <= names
    assert any(re.fullmatch(r".*/licenses/NOTICE", name) for name in names)
    assert not any(name.startswith(("tests/", "out/", "shared/")) for name in names)
