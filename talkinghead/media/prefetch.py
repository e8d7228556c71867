"""Work that is done ahead in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class _End:
    """Stands behind the last item."""

    error: BaseException | None


class Prefetched(Generic[T]):
    """An iterator whose items a thread draws from a generator ahead of time; a context manager.

    An error that the generator raises comes out of the iterator. Leaving the block stops the thread and closes the
    generator.

    Args:
        items: where they come from.
        depth: at most this many are drawn ahead, >= 1.
    """

    def __init__(self, items: Generator[T, None, None], depth: int) -> None:
        self._items = items
        self._waiting: queue.Queue[T | _End] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)

    def __enter__(self) -> Prefetched[T]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def __iter__(self) -> Prefetched[T]:
        return self

    def __next__(self) -> T:
        item = self._next()
        if not isinstance(item, _End):
            return item
        self._waiting.put(item)  # whoever asks again hears the same
        raise item.error or StopIteration

    def _next(self) -> T | _End:
        while True:  # an endless wait could not be interrupted on Windows
            try:
                return self._waiting.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    break
        except BaseException as caught:  # it belongs to the thread that reads
            error = caught
        self._items.close()
        self._put(_End(error))

    def _put(self, item: T | _End) -> bool:
        """Wait for a place; False when nobody wants more."""
        while not self._stopped.is_set():
            try:
                self._waiting.put(item, timeout=_POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False
