"""Check everything: `python3 scripts/test.py` runs ruff, mypy and pytest in its own environment.

    python3 scripts/test.py                # all of it, six minutes on two free cores
    python3 scripts/test.py --quick        # without the tests that are marked slow
    python3 scripts/test.py tests/face3d -k camera -x
    python3 scripts/test.py --only mypy    # one of "ruff check", "ruff format", "mypy", "pytest"

All arguments but `--quick` and `--only` go to pytest. Every check runs even if an earlier one fails; the exit status
says whether all passed. `scripts/test_matrix.py` runs pytest as on other machines.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from setup_environment import ensure, run, say


def plan(given: Sequence[str]) -> dict[str, list[str]]:
    """The checks to run for the arguments of this script, by name, each with the arguments of `python -m`.

    Raises:
        SystemExit: `--only` without a name, or with one of no check.
    """
    arguments = [word for word in given if word != "--quick"]
    only = None
    if "--only" in arguments:
        position = arguments.index("--only")
        only = "".join(arguments[position + 1 : position + 2])
        del arguments[position : position + 2]
    checks = {
        "ruff check": ["ruff", "check", "."],
        "ruff format": ["ruff", "format", "--check", "."],
        "mypy": ["mypy"],
        "pytest": ["pytest", *(["-m", "not slow"] if "--quick" in given else []), *arguments],
    }
    if only is None:
        return checks
    if only not in checks:
        raise SystemExit(f"--only takes one of {', '.join(checks)}, not {only!r}")
    return {only: checks[only]}


def main() -> int:
    """Set up and run every check; returns 1 if one of them failed."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__)
        return 0
    checks = plan(sys.argv[1:])
    python = ensure(["dev", "tts"])
    # One thread a process: the tests run side by side with other work on two cores, and spinning threads stall both.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    failed = []
    for name, arguments in checks.items():
        say(name)
        if run([python, "-m", *arguments]) != 0:
            failed.append(name)
    if failed:
        say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
