"""One photo and one recording in, an MP4 of that person speaking out.

`talkinghead.generate(photo, audio, output)` does what the command of the same name does. Importing this package loads
nothing heavy; the functions below bring in what they need when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talkinghead.animation import animate, animate_samples
    from talkinghead.generation import generate
    from talkinghead.pipeline import render

_HOMES = {"animate": "animation", "animate_samples": "animation", "generate": "generation", "render": "pipeline"}
__version__ = "0.1.0"
__all__ = ["__version__", "animate", "animate_samples", "generate", "render"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
