"""The numba decorator of this package's kernels: that of `face3d`."""

from __future__ import annotations

from face3d.compiled import kernel

__all__ = ["kernel"]
