"""What the work runs on."""

from __future__ import annotations

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
    """Let torch, numpy and scipy use `count` threads per call inside the block.

    The work is many small steps: on two busy cores, two threads that wait for each other take torch 2.6 times as long
    as one, and scipy's sparse solver up to 30 times.
    """
    import scipy.linalg  # noqa: F401 - brings a BLAS of its own, which can only be limited when it is loaded
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
