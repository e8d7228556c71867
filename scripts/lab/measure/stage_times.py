"""Where the time of the main job goes: methods of the stages, timed while the program runs as it is."""

from __future__ import annotations

import functools
import importlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

# (stage, module, class, method). `render` holds the indented ones; `surround` runs beside the others.
STAGES = (
    ("render", "renderers.photo_avatar", "PhotoAvatar", "render_changed"),
    ("  mesh", "renderers.head.driven_mesh", "DrivenMesh", "drive"),
    ("  surround", "renderers.surround.warp", "SurroundWarp", "__call__"),
    ("  face", "renderers.photo_avatar", "PhotoAvatar", "_overlays"),
    ("  mouth", "renderers.mouth.painter", "MouthPainter", "draw"),
    ("  eyes", "renderers.eyes.painter", "EyePainter", "draw"),
    ("convert", "talkinghead.media.planar", "PlanarPicture", "put"),
    ("send", "talkinghead.media.video", "VideoWriter", "_send"),
)
STARTS = (
    ("portrait", "talkinghead.photo.fitted", "fit_found"),
    ("speech model", "talkinghead.rendering", "load_speech"),
    ("avatar", "renderers.photo_avatar", "PhotoAvatar.__init__"),
)


class Stopwatch:
    """Adds up seconds by name, from any thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, each call of which counts for `name`."""

        @functools.wraps(function)
        def run(*args: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                with self._lock:
                    self.seconds[name] += time.perf_counter() - start

        return run


@contextmanager
def stage_times() -> Iterator[Stopwatch]:
    """Time the stages of everything that is made inside the block."""
    watch = Stopwatch()
    with ExitStack() as stack:
        for name, module, *path in STAGES + tuple((n, m, *p.split(".")) for n, m, p in STARTS):
            owner: Any = importlib.import_module(module)
            for part in path[:-1]:
                owner = getattr(owner, part)
            stack.enter_context(mock.patch.object(owner, path[-1], watch.timed(name, getattr(owner, path[-1]))))
        yield watch
