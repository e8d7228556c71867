"""Limits that overlap."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy  # noqa: F401 - its BLAS is what is limited
import pytest
from threadpoolctl import ThreadpoolController

from face3d.blas_threads import limited_blas_threads

ROOT = Path(__file__).resolve().parents[2]


def counts() -> set[int]:
    return {library.num_threads for library in ThreadpoolController().select(user_api="blas").lib_controllers}


def set_counts(count: int) -> None:
    for library in ThreadpoolController().select(user_api="blas").lib_controllers:
        library.set_num_threads(count)
        getattr(library, "clear_controlling_thread", lambda: None)()


@pytest.fixture
def three() -> Iterator[None]:
    """A process that uses three threads, whatever the machine has."""
    before = max(counts())
    set_counts(3)
    assert counts() == {3}
    yield
    set_counts(before)


@pytest.mark.usefixtures("three")
def test_nested_blocks_hold_the_smallest() -> None:
    with limited_blas_threads(2):
        with limited_blas_threads(1):
            assert counts() == {1}
            with limited_blas_threads(3):
                assert counts() == {1}
        assert counts() == {2}
    assert counts() == {3}


@pytest.mark.usefixtures("three")
def test_an_error_gives_the_threads_back() -> None:
    with pytest.raises(ZeroDivisionError), limited_blas_threads(1):
        raise ZeroDivisionError
    assert counts() == {3}


@pytest.mark.usefixtures("three")
def test_blocks_that_end_in_the_order_in_which_they_began() -> None:
    """What each found on entering is not what was there before the first."""
    first, second = limited_blas_threads(1), limited_blas_threads(1)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert counts() == {1}
    second.__exit__(None, None, None)
    assert counts() == {3}


@pytest.mark.usefixtures("three")
def test_blocks_of_two_threads_that_overlap() -> None:
    entered, left = threading.Event(), threading.Event()
    inside: list[set[int]] = []

    def other() -> None:
        with limited_blas_threads(1):
            entered.set()
            left.wait(60)
            inside.append(counts())

    thread = threading.Thread(target=other)
    with limited_blas_threads(1):
        thread.start()
        entered.wait(60)
    left.set()
    thread.join()
    assert inside == [{1}], "the limit holds until the last block ends"
    assert counts() == {3}


@pytest.mark.usefixtures("three")
def test_many_threads() -> None:
    wrong = []

    def work() -> None:
        for _ in range(10):
            with limited_blas_threads(1):
                if counts() != {1}:
                    wrong.append(counts())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert counts() == {3}


def test_no_deadlock_with_a_thread_that_loads_libraries() -> None:
    """threadpoolctl before 3.8 held the loader's lock while it waited for Python's, a loading thread the other way."""
    program = """
import _ctypes, ctypes, sys, threading
import numpy
from face3d.blas_threads import limited_blas_threads
path, done = _ctypes.__file__, threading.Event()
library = sys.argv[1]
def load():
    while not done.is_set():
        _ctypes.dlclose(ctypes.CDLL(library)._handle)
thread = threading.Thread(target=load)
thread.start()
for _ in range(100):
    with limited_blas_threads(1):
        pass
done.set()
thread.join()
"""
    import _json  # any extension module that the program has not loaded

    library = getattr(_json, "__file__", None) or pytest.skip("this Python has no extension modules of its own")
    subprocess.run([sys.executable, "-c", program, library], cwd=ROOT, check=True, timeout=120)
