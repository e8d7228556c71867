"""The numba decorator of the kernels of `face3d` and `renderers`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def kernel(function: Callable[..., Any], reorder: bool = False) -> Callable[..., Any]:
    """Compile `function` without the GIL, and keep the machine code on disk where some folder for it can be written.

    numba looks at $NUMBA_CACHE_DIR, the folder of the source file and the user's cache folder; where it can write
    none of them (a read-only container) it refuses to decorate, and the kernel is compiled anew in each process
    instead.

    Args:
        function: to compile.
        reorder: sums may be taken in any order, which lets the processor take several terms at once; their last digits
            then depend on the machine.
    """
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": {"reassoc", "contract"} if reorder else False,
    }
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
        return njit(**options)(function)
