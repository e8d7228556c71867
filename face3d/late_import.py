"""Imports of other packages' imports, put off until somebody uses them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module, which is imported when the first of its attributes is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def imported_when_used(name: str) -> Iterator[None]:
    """Whoever imports the submodule `name`, "package.module", inside the block gets it only when using it.

    Nothing changes for a package that is loaded already, and nothing stays in `sys.modules`: imports after the block
    are ordinary ones.
    """
    package, _, module = name.partition(".")
    if package in sys.modules:
        yield
        return
    outer, inner = ModuleType(package), _Later(name)
    setattr(outer, module, inner)
    sys.modules[package], sys.modules[name] = outer, inner
    try:
        yield
    finally:
        for key, stand_in in ((package, outer), (name, inner)):
            if sys.modules.get(key) is stand_in:
                del sys.modules[key]
