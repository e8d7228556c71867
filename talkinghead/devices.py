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
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads inside the block.

    The work is many small steps: on two busy cores, two threads that wait for each other take 2.6 times as long as one.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
