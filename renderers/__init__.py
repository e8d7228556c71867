"""Y' -> Y: rasterizers, shading and the avatar that turns face parameters into pictures of the person in a photo.

`import renderers` is cheap; the names below are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from renderers.fragments import Fragments as Fragments
    from renderers.fragments import interpolate as interpolate
    from renderers.photo_avatar import AvatarOptions as AvatarOptions
    from renderers.photo_avatar import PhotoAvatar as PhotoAvatar
    from renderers.preview import render_shaded as render_shaded
    from renderers.rasterizer import Rasterizer as Rasterizer
    from renderers.rasterizer import get_rasterizer as get_rasterizer

_HOMES = {
    "AvatarOptions": "photo_avatar",
    "Fragments": "fragments",
    "PhotoAvatar": "photo_avatar",
    "Rasterizer": "rasterizer",
    "get_rasterizer": "rasterizer",
    "interpolate": "fragments",
    "render_shaded": "preview",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
