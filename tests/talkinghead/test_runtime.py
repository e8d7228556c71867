"""Numbers of threads that several users of one process ask for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
import torch

from talkinghead.runtime import limited_threads


def in_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def count_of_a_new_thread() -> int:
    counts: list[int] = []
    in_a_thread(lambda: counts.append(torch.get_num_threads()))
    return counts[0]


@pytest.fixture(autouse=True)
def three() -> Iterator[None]:
    """A process that uses three threads, whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_blocks_nest() -> None:
    with limited_threads(2):
        with limited_threads(1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        assert count_of_a_new_thread() == 2
    assert torch.get_num_threads() == 3
    assert count_of_a_new_thread() == 3


def test_a_block_that_ends_first_neither_lifts_nor_keeps_the_others_limit() -> None:
    entered, left, found = threading.Event(), threading.Event(), []

    def other() -> None:
        with limited_threads(1):
            entered.set()
            left.wait(60)
            found.append((torch.get_num_threads(), count_of_a_new_thread()))
        found.append((torch.get_num_threads(), count_of_a_new_thread()))

    thread = threading.Thread(target=other)
    with limited_threads(1):
        thread.start()
        entered.wait(60)
    assert torch.get_num_threads() == 3
    left.set()
    thread.join()
    assert found == [(1, 1), (3, 3)], "inside, then after it"
    assert torch.get_num_threads() == 3
    assert count_of_a_new_thread() == 3
