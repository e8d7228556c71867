"""Run the tests as on other machines, and started in other ways.

    python scripts/test_matrix.py [NAME...] [-- PYTEST ARGUMENTS]

    threads-1, threads-2       OMP_NUM_THREADS
    compatible, avx2           MKL_CBWR: other kernels for matrix products, as on other processors
    ignored                    started by a shell's background job: SIGINT ignored, no standard input, plain C locale
    shuffled                   in another order
    nobody                     as a user that is not root, with a home that cannot be written (needs root to start)

What follows `--` goes to pytest. The exit status says whether all passed; each run's output is in --logs, and the time
that it took is printed. `--python` names the interpreter for `nobody`, when this one lies in a folder that only root
may read: the packages of this one are used all the same.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65534
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "threads-1": {"OMP_NUM_THREADS": "1"},
    "threads-2": {"OMP_NUM_THREADS": "2"},
    "compatible": {"OMP_NUM_THREADS": "1", "MKL_CBWR": "COMPATIBLE"},
    "avx2": {"OMP_NUM_THREADS": "1", "MKL_CBWR": "AVX2"},
    "ignored": {"OMP_NUM_THREADS": "1", "LC_ALL": "C"},
    "shuffled": {"OMP_NUM_THREADS": "1"},
    "nobody": {"OMP_NUM_THREADS": "1", "HOME": "/nonexistent"},
}


def started(name: str, python: str, scratch: Path) -> tuple[str, dict[str, str], dict[str, Any]]:
    """The interpreter, variables and further arguments of `Popen` for one way of starting."""
    variables = {key: value for key, value in os.environ.items() if key not in {"OMP_NUM_THREADS", "MKL_CBWR"}}
    variables |= {**ENVIRONMENTS[name], "PYTHONPATH": str(ROOT)}
    options: dict[str, Any] = {"stdin": subprocess.DEVNULL}
    if name == "ignored":
        options |= {"preexec_fn": _ignore, "start_new_session": True}
    if name != "nobody":
        return sys.executable, variables, options
    own = scratch / "nobody"
    own.mkdir()
    os.chown(own, NOBODY, NOBODY)
    scratch.chmod(0o755)
    variables["PYTHONPATH"] += os.pathsep + sysconfig.get_path("purelib")
    variables |= {"TMPDIR": str(own), "NUMBA_CACHE_DIR": str(own / "numba"), "PYTHONDONTWRITEBYTECODE": "1"}
    return python, variables, {**options, "user": NOBODY, "group": NOBODY, "extra_groups": []}


def _ignore() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.close(0)


def run(name: str, python: str, log: Path, arguments: list[str]) -> tuple[int, float, str]:
    """The exit status, seconds, and pytest's last line."""
    with tempfile.TemporaryDirectory() as scratch, log.open("wb") as output:
        interpreter, variables, options = started(name, python, Path(scratch))
        command = [interpreter, "-m", "pytest", "-q", "--durations=20", "-p", "no:cacheprovider"]
        command += [*(["--shuffle", "1"] if name == "shuffled" else []), *arguments]
        before = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, env=variables, stdout=output, stderr=output, check=False, **options)
        seconds = time.monotonic() - before
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return done.returncode, seconds, lines[-1] if lines else ""


def main() -> int:
    """Returns 1 if a run failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ENVIRONMENTS)} (default: all)")
    parser.add_argument("--logs", type=Path, default=ROOT / "out" / "tests", help="folder (default: out/tests)")
    parser.add_argument("--python", default=sys.executable, help="interpreter of `nobody`")
    cut = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    arguments, pytest_arguments = parser.parse_args(sys.argv[1:cut]), sys.argv[cut + 1 :]
    if unknown := set(arguments.names) - set(ENVIRONMENTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    arguments.logs.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in arguments.names or ENVIRONMENTS:
        status, seconds, last = run(name, arguments.python, arguments.logs / f"{name}.log", pytest_arguments)
        failed |= status != 0
        print(f"{name:12} {'passed' if status == 0 else 'FAILED'} {seconds / 60:5.1f} min  {last}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
