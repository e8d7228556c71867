"""Progress on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress_of(what: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield a function to call with (done, in all)."""
    if quiet:
        yield lambda done, total: None
    elif sys.stderr.isatty():
        with _bar(what) as advance:
            yield advance
    else:
        yield _Lines(what)


@contextmanager
def late_progress_of(what: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """As :func:`progress_of`, but shown from the first call on: another stage may have its own before."""
    with ExitStack() as stack:
        progress: list[Callable[[int, int], None]] = []

        def report(done: int, total: int) -> None:
            if not progress:
                progress.append(stack.enter_context(progress_of(what, quiet)))
            progress[0](done, total)

        yield report


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Lines:
    """At most one line every ten seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._next = time.monotonic() + SECONDS_BETWEEN_LINES

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS_BETWEEN_LINES
            print(f"talkinghead: {self._what}: {done} of {total} frames", file=sys.stderr, flush=True)
