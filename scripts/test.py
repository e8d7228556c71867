"""Check everything: `python3 scripts/test.py` runs ruff, mypy and pytest in its own environment.

Further arguments go to pytest. Every check runs even if an earlier one fails; the exit status says whether all passed.
"""

from __future__ import annotations

import os
import sys

from setup_environment import ensure, run, say


def main() -> int:
    """Set up and run every check; returns 1 if one of them failed."""
    python = ensure(["dev", "tts"])
    # One thread a process: the tests run side by side with other work on two cores, and spinning threads stall both.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    checks = {
        "ruff check": ["ruff", "check", "."],
        "ruff format": ["ruff", "format", "--check", "."],
        "mypy": ["mypy"],
        "pytest": ["pytest", *sys.argv[1:]],
    }
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
