from __future__ import annotations

import pytest
from numba.core import caching

from face3d.compiled import kernel


def twice(x: int) -> int:
    return 2 * x


def test_compiles() -> None:
    assert kernel(twice)(21) == 42


def test_sums_in_any_order_still_divide_by_zero() -> None:
    """Unlike numba's `fastmath=True`, which also drops infinities."""

    def ratio(x: float) -> float:
        return x / (x - 1)

    assert kernel(ratio, reorder=True)(1.0) == float("inf")


def test_without_any_writable_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert kernel(twice)(21) == 42


def test_other_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**options: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr("face3d.compiled.njit", fail)
    with pytest.raises(RuntimeError, match="something else"):
        kernel(twice)
