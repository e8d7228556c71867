"""How far the compilation of kernels is, for whoever shows it to the user.

Imports nothing: a listener must be able to wait before numba, which takes its time, is imported.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Called with (kernels that are ready, kernels that are known), from any thread, when one begins to be compiled.
Listener = Callable[[int, int], None]

_lock = threading.Lock()
_listeners: list[Listener] = []
_known: set[str] = set()
_ready: set[str] = set()


@contextmanager
def watched_kernels(listener: Listener) -> Iterator[None]:
    """`listener` hears of each kernel that is compiled, and so was not found on disk, during the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def kernel_known(name: str) -> None:
    """A kernel has been declared; it may or may not be used."""
    with _lock:
        _known.add(name)


def kernel_begun(name: str) -> None:
    """A kernel is being compiled."""
    with _lock:
        counts = len(_ready), len(_known)
    for listener in tuple(_listeners):
        listener(*counts)


def kernel_ready(name: str) -> None:
    """A kernel has been compiled or read from disk."""
    with _lock:
        _ready.add(name)
