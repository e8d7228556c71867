"""Work ahead in a thread."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from talkinghead.media.prefetch import Prefetched


def counting(end: int, closed: list[bool]) -> Generator[int, None, None]:
    try:
        yield from range(end)
    finally:
        closed.append(True)


def test_everything_comes_in_order() -> None:
    closed: list[bool] = []
    with Prefetched(counting(50, closed), 3) as items:
        assert list(items) == list(range(50))
        assert list(items) == [], "the end stays the end"
    assert closed == [True]


def test_only_so_many_are_drawn_ahead() -> None:
    drawn: list[int] = []

    def source() -> Generator[int, None, None]:
        for number in range(100):
            drawn.append(number)
            yield number

    with Prefetched(source(), 2) as items:
        assert [next(items) for _ in range(5)] == [0, 1, 2, 3, 4]
        # Two wait, one is in the thread's hand, and one may have been drawn since the last was handed over.
        assert len(drawn) <= 5 + 2 + 2


def test_leaving_early_stops_the_thread() -> None:
    closed: list[bool] = []
    before = threading.active_count()
    with Prefetched(counting(10**9, closed), 2) as items:
        assert next(items) == 0
    assert closed == [True]
    assert threading.active_count() == before


def test_an_error_comes_out_where_the_items_are_read() -> None:
    def broken() -> Generator[int, None, None]:
        yield 1
        raise ValueError("half way")

    with Prefetched(broken(), 5) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="half way"):
            next(items)
        with pytest.raises(ValueError, match="half way"):
            next(items)
