"""Rules for the whole code base that a reader of one module cannot see."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("face3d", "renderers", "talkinghead")
# What each package may know of the others (DESIGN section 3).
MAY_IMPORT = {"face3d": set(), "renderers": {"face3d"}, "talkinghead": {"face3d", "renderers"}}
# Analysis of pictures: Y' -> Y must work without it.
FITTING = {
    "face3d.detect.detector",
    "face3d.detect.face_search",
    "face3d.fit.photo_fit",
    "face3d.detect.landmark_nets",
    "face3d.detect.landmarker",
    "face3d.fit.objective_fast",
    "face3d.fit.objective_reference",
    "face3d.fit.solver",
}
# The three steps inside talkinghead: speech knows neither pictures nor media files.
SPEECH_MAY_NOT = ("renderers", "talkinghead.media", "talkinghead.rendering", "talkinghead.cli.commands")
HEAVY = (
    "torch",
    "numpy",
    "scipy",
    "cv2",
    "ai_edge_litert",
    "mediapipe",
    "numba",
    "av",
    "PIL",
    "hibari",
    "rich",
)


def modules(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(tree: ast.Module) -> set[str]:
    """Full names of everything imported anywhere in a module; `from a import b` gives a and a.b."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute in this project"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_import_directions(package: str) -> None:
    forbidden = set(PACKAGES) - MAY_IMPORT[package] - {package}
    count = 0
    for path, tree in modules(package):
        wrong = {name for name in imported(tree) if name.split(".")[0] in forbidden}
        assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"
        count += 1
    assert count > 1


def test_renderers_do_not_know_the_fitter() -> None:
    for path, tree in modules("renderers"):
        assert not imported(tree) & FITTING, path


def test_speech_does_not_know_pictures() -> None:
    for path, tree in modules("talkinghead/speech"):
        assert not any(name.startswith(SPEECH_MAY_NOT) for name in imported(tree)), path


def unsafe_calls(tree: ast.Module) -> Iterator[str]:
    """Calls that run code out of data files or hand text to a shell."""
    for name in imported(tree):
        if name.split(".")[0] in {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}:
            yield f"import {name}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in {"torch.load", "os.system", "os.popen", "eval", "exec", "yaml.load", "yaml.unsafe_load"}:
            yield called
        for keyword in node.keywords:
            allowed = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            if keyword.arg in {"shell", "allow_pickle"} and not allowed:
                yield f"{called}({keyword.arg}={ast.unparse(keyword.value)})"


def test_nothing_loads_code_from_data() -> None:
    for path, tree in modules(*PACKAGES, "scripts"):
        assert not list(unsafe_calls(tree)), path.relative_to(ROOT)


@pytest.mark.parametrize(
    "source", ["import pickle", "torch.load(p)", "subprocess.run(c, shell=True)", "np.load(p, allow_pickle=flag)"]
)
def test_the_search_for_unsafe_calls_finds_them(source: str) -> None:
    assert list(unsafe_calls(ast.parse(source)))


@pytest.mark.parametrize(
    "statement", ["import talkinghead", "from talkinghead.cli.program import build_parser; build_parser()"]
)
def test_the_command_line_loads_nothing_heavy(statement: str) -> None:
    check = f"{statement}; import sys; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
