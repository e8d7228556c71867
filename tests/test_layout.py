"""The shape of the tree: small modules in small folders, no cycle, nothing private read from outside, tests alike."""

from __future__ import annotations

import ast
import statistics
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("face3d", "renderers", "talkinghead")
MOST_LINES, MEDIAN_LINES, MOST_MODULES, MOST_PRODUCT_LINES = 400, 150, 22, 30_520
# Tests of several modules of a folder, which mirror none of them by name.
TOGETHER = {
    "tests/renderers/photometric/test_brightness.py",
    "tests/face3d/test_neck.py",
    "tests/face3d/test_equality.py",
    "tests/renderers/batched/test_names.py",
    "tests/renderers/batched/test_people.py",
    "tests/scripts/test_every_script.py",
    "tests/face3d/model/test_personal_model.py",
    "tests/scripts/lab/measure/test_flicker_and_seam.py",
    "tests/talkinghead/cli/test_bad_input.py",
    "tests/talkinghead/cli/test_commands.py",
}
# Of other projects: argparse has no public way to ask a parser for its options, pytorch3d none to its compiled part,
# and MediaPipe none to keep its destructor still.
FOREIGN_PRIVATE = {
    "face3d.detect.mediapipe_landmarker": {"self._landmarker._handle"},
    "renderers.raster.pytorch3d_rasterizer": {"pytorch3d._C"},
    "talkinghead.cli.program": {"argparse._SubParsersAction", "each._actions", "parser._actions"},
}
# What methods call another object of their own class.
SAME_KIND = {"other", "result"}


@cache
def sources() -> dict[str, tuple[Path, ast.Module]]:
    """Every module of the packages and of the maintainers' code, by its dotted name."""
    paths = [p for folder in (*PACKAGES, "scripts/lab") for p in (ROOT / folder).rglob("*.py")]
    named = {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in paths}
    return {name: (path, ast.parse(path.read_text(encoding="utf-8"))) for name, path in named.items()}


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_modules_are_small() -> None:
    lengths = {name: lines_of(path) for name, (path, _) in sources().items()}
    assert max(lengths.values()) < MOST_LINES, max(lengths, key=lambda name: lengths[name])
    product = [length for name, length in lengths.items() if name.split(".")[0] in PACKAGES]
    assert statistics.median(product) < MEDIAN_LINES
    assert sum(product) < MOST_PRODUCT_LINES


def test_folders_are_small() -> None:
    modules = [*(ROOT / "scripts").glob("*.py"), *(path for path, _ in sources().values())]
    count = Counter(path.parent for path in modules if path.name != "__init__.py")
    assert max(count.values()) <= MOST_MODULES, count.most_common(1)


def imports_of(tree: ast.Module) -> set[str]:
    """What a module imports when it runs, lazily too; not what only a type checker imports."""
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                name if (name := f"{node.module}.{alias.name}") in sources() else node.module for alias in node.names
            }
    return found


def test_no_module_needs_itself() -> None:
    """No cycle: modules whose imports are all done can be taken away until none is left."""
    waiting = {name: imports_of(tree) & set(sources()) - {name} for name, (_, tree) in sources().items()}
    while free := [name for name, needs in waiting.items() if not needs]:
        for name in free:
            del waiting[name]
        waiting = {name: needs - set(free) for name, needs in waiting.items()}
    assert not waiting, f"among these is a cycle: {sorted(waiting)}"


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_uses(tree: ast.Module) -> set[str]:
    """Private names of another module or object: imported, or read outside of a class that has them itself."""
    used = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            used |= {f"{node.module}.{alias.name}" for alias in node.names if private(alias.name)}
    same_kind = {
        id(node)
        for kind in ast.walk(tree)
        if isinstance(kind, ast.ClassDef)
        for node in ast.walk(kind)
        if isinstance(node, ast.Attribute) and node.attr in names_of(kind) and ast.unparse(node.value) in SAME_KIND
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr) and not is_own(node.value):
            used |= set() if id(node) in same_kind else {ast.unparse(node)}
    return used


def names_of(kind: ast.ClassDef) -> set[str]:
    """What a class sets of itself, declares or defines."""
    written = {node.attr for node in ast.walk(kind) if isinstance(node, ast.Attribute) and is_own(node.value)}
    fields = {n.target.id for n in kind.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
    return written | fields | {n.name for n in kind.body if isinstance(n, ast.FunctionDef)}


def is_own(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id in {"self", "cls"}


def test_nothing_private_is_used_from_outside() -> None:
    used = {name: private_uses(tree) - FOREIGN_PRIVATE.get(name, set()) for name, (_, tree) in sources().items()}
    assert not {name: sorted(uses) for name, uses in used.items() if uses}


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("from a import _b", 1),
        ("x._hidden", 1),
        ("class A:\n def f(self, other): return self._a + other._a", 0),
        # A twin's own attribute of the same name is no excuse.
        ("class A:\n def __init__(self, painter): self._a = painter._a", 1),
        ("class A:\n def f(self): return self._a\ndef f(other): return other._a", 1),
        ("from a import b as _b", 0),
    ],
)
def test_the_search_for_private_names_finds_them(source: str, count: int) -> None:
    assert len(private_uses(ast.parse(source))) == count


def test_tests_mirror_the_code() -> None:
    """A test file lies where its module lies: `tests/a/b/test_c.py` tests `a/b/c.py`."""
    lost = []
    for path in (ROOT / "tests").glob("*/**/test_*.py"):
        relative = path.relative_to(ROOT / "tests")
        module = ROOT / relative.parent / relative.name.removeprefix("test_")
        if not module.exists() and f"tests/{relative.as_posix()}" not in TOGETHER:
            lost.append(relative.as_posix())
    assert not lost
    assert all((ROOT / path).exists() for path in TOGETHER)
