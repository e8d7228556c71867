"""The script that checks everything: what it hands to pytest, and its exit status."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "test.py"


@pytest.fixture
def script() -> dict[str, Any]:
    """By its path: `import test` is the standard library's."""
    return runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        (["--quick"], ["-m", "not slow"]),
        (["tests/face3d", "-k", "camera"], ["tests/face3d", "-k", "camera"]),
        (["-x", "--quick", "-k", "a or b"], ["-m", "not slow", "-x", "-k", "a or b"]),
    ],
)
def test_arguments_reach_pytest(given: list[str], expected: list[str], script: dict[str, Any]) -> None:
    assert script["plan"](given)["pytest"] == ["pytest", *expected]


@pytest.mark.parametrize("name", ["ruff check", "ruff format", "mypy", "pytest"])
def test_one_check_alone(name: str, script: dict[str, Any]) -> None:
    assert script["plan"](["--only", name]) == {name: script["plan"]([])[name]}


def test_one_check_with_the_arguments_of_pytest(script: dict[str, Any]) -> None:
    given = ["--only", "pytest", "--quick", "-x"]
    assert script["plan"](given) == {"pytest": ["pytest", "-m", "not slow", "-x"]}


@pytest.mark.parametrize("given", [["--only"], ["--only", "black"]])
def test_an_unknown_check_is_named(given: list[str], script: dict[str, Any]) -> None:
    with pytest.raises(SystemExit, match="one of ruff check, ruff format, mypy, pytest"):
        script["plan"](given)


@pytest.mark.parametrize("broken", ["", "ruff", "pytest"])
def test_every_check_runs_and_the_status_says_whether_all_passed(
    broken: str, script: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str]) -> int:
        ran.append(command[2:])
        return int(command[2] == broken)

    main = script["main"]
    monkeypatch.setitem(main.__globals__, "ensure", lambda extras: "python")
    monkeypatch.setitem(main.__globals__, "run", run)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "argv", ["test.py", "-k", "camera"])
    assert main() == bool(broken)
    assert [command[0] for command in ran] == ["ruff", "ruff", "mypy", "pytest"]
    assert ran[-1] == ["pytest", "-k", "camera"]
