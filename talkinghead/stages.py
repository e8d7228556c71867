"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Progress = Callable[[int, int], None]  # called with (frames done, frames in all)
# Opens a stage's progress: called with its name, gives what to call with (frames done, frames in all).
Stages = Callable[[str], AbstractContextManager[Progress]]


def silent(stage: str) -> AbstractContextManager[Progress]:
    """`Stages` that say nothing."""
    return nullcontext(lambda done, total: None)
