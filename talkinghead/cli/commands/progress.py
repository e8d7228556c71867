"""What a command shows of its work on standard error: a bar on a terminal, a line now and then elsewhere.

The first line comes at once: the packages take a second to be imported, and in the first run a minute to be compiled.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol

from face3d.kernel_watch import watched_kernels

SECONDS_BETWEEN_LINES = 10.0
Report = Callable[[int, int], None]


class _Display(Protocol):
    """Where to show what."""

    def working(self, what: str) -> None:
        """Nothing can be counted yet."""

    def compiling(self, ready: int, known: int) -> None:
        """Kernels are being compiled."""

    def stage(self, what: str) -> AbstractContextManager[Report]:
        """A stage whose frames can be counted; yields what to call with (done, in all)."""


@contextmanager
def preparing(quiet: bool) -> Iterator[None]:
    """Say at once that the work has begun, and then what goes on, until the end of the block."""
    global _shown
    with ExitStack() as stack:
        display = _new_display(quiet, stack)
        stack.enter_context(watched_kernels(display.compiling))
        display.working("preparing")
        _shown = display
        try:
            yield
        finally:
            _shown = None


@contextmanager
def progress_of(what: str, quiet: bool) -> Iterator[Report]:
    """Yield a function to call with (done, in all); it shows nothing before it is called, so stages may be nested."""
    with ExitStack() as stack:
        display = _shown or _new_display(quiet, stack)
        yield stack.enter_context(display.stage(what))


_shown: _Display | None = None


def _new_display(quiet: bool, stack: ExitStack) -> _Display:
    if quiet or sys.stderr is None:
        return _Silence()
    return stack.enter_context(_Terminal()) if sys.stderr.isatty() else _Log()


class _Silence:
    def working(self, what: str) -> None:
        pass

    def compiling(self, ready: int, known: int) -> None:
        pass

    @contextmanager
    def stage(self, what: str) -> Iterator[Report]:
        yield lambda done, total: None


class _Log:
    """Lines, of each kind at most one in ten seconds."""

    def __init__(self) -> None:
        self._compiling_next = 0.0

    def working(self, what: str) -> None:
        _say(what)

    def compiling(self, ready: int, known: int) -> None:
        now = time.monotonic()
        if now >= self._compiling_next:
            self._compiling_next = now + SECONDS_BETWEEN_LINES
            _say(_compiling(ready, known))

    @contextmanager
    def stage(self, what: str) -> Iterator[Report]:
        following = time.monotonic() + SECONDS_BETWEEN_LINES

        def report(done: int, total: int) -> None:
            nonlocal following
            if time.monotonic() >= following:
                following = time.monotonic() + SECONDS_BETWEEN_LINES
                _say(f"{what}: {done} of {total} frames")

        yield report


class _Terminal(AbstractContextManager["_Terminal"]):
    """One line that changes: a spinner while nothing can be counted, otherwise a bar."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # kernels are compiled in other threads too
        self._tell: Callable[[str], None] | None = None
        self._line = ExitStack()

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._clear()

    def working(self, what: str) -> None:
        with self._lock:
            if self._tell is None:
                self._clear()
                self._tell = self._line.enter_context(_spinner(what))
            self._tell(what)

    def compiling(self, ready: int, known: int) -> None:
        with self._lock:
            if self._tell is not None:
                self._tell(_compiling(ready, known))

    @contextmanager
    def stage(self, what: str) -> Iterator[Report]:
        advance: Report | None = None

        def report(done: int, total: int) -> None:
            nonlocal advance
            if advance is None:
                with self._lock:
                    self._clear()
                    advance = self._line.enter_context(_bar(what))
            advance(done, total)

        yield report
        if advance is not None:
            with self._lock:
                self._clear()
            self.working("working")

    def _clear(self) -> None:
        self._tell = None
        self._line.close()


@contextmanager
def _spinner(what: str) -> Iterator[Callable[[str], None]]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as line:
        task = line.add_task(what, total=None)
        yield lambda words: line.update(task, description=words)


@contextmanager
def _bar(what: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _compiling(ready: int, known: int) -> str:
    return f"compiling, which takes about a minute and only the first run has to: {ready} of about {known} kernels"


def _say(words: str) -> None:
    print(f"talkinghead: {words}", file=sys.stderr, flush=True)
