"""Sizes of pictures."""

from __future__ import annotations

from renderers.pixels.region import scaled_size


def test_scaled_sizes() -> None:
    assert scaled_size((30, 40, 3), 0.5) == (20, 15)
    assert scaled_size((30, 400), 0.01, 2) == (4, 2)
