"""How many threads BLAS may use, in a process whose threads may ask for different numbers at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController


class _Limits:
    """The limits that hold now.

    A BLAS has one number of threads for the whole process. Blocks that each set it and put back what they found, as
    threadpoolctl's own do, undo each other's work when they overlap, and leave a limit behind for good. So the smallest
    number asked for holds, and the last block that ends gives back what was there before the first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: list[int] = []
        self._before: dict[str, int] = {}  # by a library's file

    def add(self, count: int) -> None:
        with self._lock:
            self._asked.append(count)
            self._apply()

    def remove(self, count: int) -> None:
        with self._lock:
            self._asked.remove(count)
            self._apply()

    def _apply(self) -> None:
        # A new search each time: libraries are loaded on the way.
        for library in ThreadpoolController().select(user_api="blas").lib_controllers:
            # A library that is first seen under a limit has its own number still.
            before = self._before.setdefault(library.filepath, library.num_threads)
            wanted = min(self._asked, default=before)
            if library.num_threads != wanted:
                library.set_num_threads(wanted)
                # threadpoolctl would let nobody but this thread change the number again.
                getattr(library, "clear_controlling_thread", lambda: None)()
        if not self._asked:
            self._before.clear()


_limits = _Limits()


@contextmanager
def limited_blas_threads(count: int) -> Iterator[None]:
    """Let BLAS (numpy's, scipy's) use `count` threads inside the block, fewer where another block asks for fewer.

    May be nested, and entered by several threads at once.
    """
    _limits.add(count)
    try:
        yield
    finally:
        _limits.remove(count)
