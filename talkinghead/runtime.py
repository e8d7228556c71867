"""What the work runs on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from talkinghead.config import Config


def check_device(config: Config) -> None:
    """Before anything is done: whether frames can be made where they are to be.

    Raises:
        InputError: they cannot; it says what is missing.
    """
    if config.general.device == "cuda":
        from talkinghead.batches import check_gpu

        check_gpu()


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Let torch, numpy and scipy use `count` threads per call inside the block; threads may overlap and nest blocks.

    The work is many small steps: on two busy cores, two threads that wait for each other take torch 2.6 times as long
    as one, and scipy's sparse solver up to 30 times.
    """
    import scipy.linalg  # noqa: F401 - brings a BLAS of its own, which can only be limited when it is loaded

    from face3d.blas_threads import limited_blas_threads

    with limited_blas_threads(count):
        before = _torch_threads.enter(count)
        try:
            yield
        finally:
            _torch_threads.leave(count, before)


class _TorchThreads:
    """Torch's number of threads.

    Each thread has a number of its own, and takes it, when it first asks for it, from what was set last anywhere. So a
    thread that starts inside another's block sees that block's limit, which is not to become its own for good; and a
    thread that gives back its own number must not lift the limit for those that others will start.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: list[int] = []
        self._unlimited = 1
        self._inside = threading.local()

    def enter(self, count: int) -> int:
        """Set this thread's number; returns what to give back."""
        import torch

        with self._lock:
            before = torch.get_num_threads()
            if not self._asked:
                self._unlimited = before
            elif not getattr(self._inside, "blocks", 0) and before in self._asked:
                before = self._unlimited
            self._inside.blocks = getattr(self._inside, "blocks", 0) + 1
            self._asked.append(count)
            torch.set_num_threads(count)
        return before

    def leave(self, count: int, before: int) -> None:
        """Give back what :meth:`enter` returned."""
        import torch

        with self._lock:
            self._inside.blocks -= 1
            self._asked.remove(count)
            torch.set_num_threads(before)
            if self._asked and before not in self._asked:
                # What is set last is what new threads get; set in a thread of its own, it changes no other's number.
                setter = threading.Thread(target=torch.set_num_threads, args=(min(self._asked),))
                setter.start()
                setter.join()


_torch_threads = _TorchThreads()
