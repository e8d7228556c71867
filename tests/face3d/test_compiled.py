from __future__ import annotations

import errno
import logging

import pytest
from numba.core import caching

from face3d import compiled
from face3d.compiled import kernel
from face3d.kernel_watch import watched_kernels


def twice(x: int) -> int:
    return 2 * x


def thrice(x: int) -> int:
    return 3 * x


def test_compiles() -> None:
    assert kernel(twice)(21) == 42


def test_sums_in_any_order_still_divide_by_zero() -> None:
    """Unlike numba's `fastmath=True`, which also drops infinities."""

    def ratio(x: float) -> float:
        return x / (x - 1)

    assert kernel(ratio, reorder=True)(1.0) == float("inf")


def test_without_any_writable_cache_folder(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    monkeypatch.setattr(compiled, "_noted", set())
    with caplog.at_level(logging.WARNING, logger="face3d"):
        assert kernel(twice)(21) == 42
        assert kernel(thrice)(7) == 21
    assert [record.message for record in caplog.records] == [
        "No folder for compiled kernels can be written, so each run compiles them again, for about a minute; "
        "name one in NUMBA_CACHE_DIR."
    ]


@pytest.mark.parametrize("work", ["load_overload", "save_overload"])
def test_a_cache_that_fails_is_no_end(
    work: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk, or files that are damaged."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.FunctionCache, "load_overload", lambda *_: None)
    monkeypatch.setattr(caching.FunctionCache, work, fail)
    monkeypatch.setattr(compiled, "_noted", set())
    with caplog.at_level(logging.WARNING, logger="face3d"):
        assert kernel(twice)(21) == 42
        assert kernel(thrice)(7) == 21
    assert len(caplog.records) == 1
    assert "No space left on device" in caplog.text


def test_other_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(compiled, "_KernelCache", fail)
    with pytest.raises(RuntimeError, match="something else"):
        kernel(twice)


def test_who_watches_hears_of_what_is_compiled() -> None:
    heard: list[tuple[int, int]] = []

    def fresh(x: float) -> float:
        return x + 0.5

    with watched_kernels(lambda ready, known: heard.append((ready, known))):
        kernel(fresh)(1.0)
    assert len(heard) >= 1
    assert all(0 <= ready <= known for ready, known in heard)
