"""The numba decorator of the kernels of `face3d` and `renderers`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from numba import config
from numba.core import event
from numba.core.caching import FunctionCache
from numba.core.registry import CPUDispatcher

from face3d.kernel_watch import kernel_begun, kernel_known, kernel_ready

_log = logging.getLogger(__name__)
_noted: set[str] = set()


def kernel(function: Callable[..., Any], reorder: bool = False) -> Callable[..., Any]:
    """Compile `function` without the GIL, and keep the machine code on disk where some folder for it can be written.

    numba looks at $NUMBA_CACHE_DIR, the folder of the source file and the user's cache folder. Where it can write none
    of them (a read-only container), or no longer (a full disk), the kernel is compiled anew in each process, which the
    user is told once.

    Args:
        function: to compile.
        reorder: sums may be taken in any order, which lets the processor take several terms at once; their last digits
            then depend on the machine.
    """
    if getattr(config, "DISABLE_JIT", 0):
        return function
    options: dict[str, Any] = {
        "nopython": True,
        "nogil": True,
        "boundscheck": None,
        "error_model": "numpy",
        "fastmath": {"reassoc", "contract"} if reorder else False,
    }
    dispatcher = _Kernel(function, targetoptions=options)
    dispatcher.enable_caching()
    kernel_known(_name_of(function))
    return dispatcher


class _KernelCache(FunctionCache):
    """numba's, but a disk that fails is no reason to end a program that can do without it."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            loaded = super().load_overload(sig, target_context)
        except Exception as error:  # whatever reading damaged files comes to
            _note(f"The kernels kept in {self.cache_path} cannot be read ({_reason(error)}): they are compiled anew.")
            self._without_disk(self.flush)
            return None
        if loaded is not None:
            kernel_ready(_name_of(self._py_func))
        return loaded

    def save_overload(self, sig: Any, data: Any) -> None:
        self._without_disk(lambda: super(_KernelCache, self).save_overload(sig, data))

    def _without_disk(self, work: Callable[[], object]) -> None:
        try:
            work()
        except OSError as error:
            _note(
                f"Compiled kernels cannot be kept in {self.cache_path} ({_reason(error)}): "
                "each run compiles them again, for about a minute."
            )


class _Kernel(CPUDispatcher):
    """numba's dispatcher with :class:`_KernelCache`."""

    def enable_caching(self) -> None:
        try:
            self._cache = _KernelCache(self.py_func)
        except RuntimeError as error:
            if "cannot cache function" not in str(error):
                raise
            _note(
                "No folder for compiled kernels can be written, so each run compiles them again, for about a minute; "
                "name one in NUMBA_CACHE_DIR."
            )


class _Announcer(event.Listener):
    """Passes numba's events on to those who watch kernels."""

    def on_start(self, event: Any) -> None:
        kernel_begun(_name_of(event.data["dispatcher"].py_func))

    def on_end(self, event: Any) -> None:
        kernel_ready(_name_of(event.data["dispatcher"].py_func))


event.register("numba:compile", _Announcer())


def _name_of(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _note(message: str) -> None:
    """Tell the user, once and not for each of sixty kernels."""
    kind = message.split("(")[0]
    if kind not in _noted:
        _noted.add(kind)
        _log.warning(message)
