"""Y' -> Y: rasterizers, shading and the avatar that turns face parameters into pictures of the person in a photo.

`import renderers` is cheap; the names below are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from face3d.lazy_names import lazy_names

if TYPE_CHECKING:
    from renderers.fragments import Fragments as Fragments
    from renderers.fragments import interpolate as interpolate
    from renderers.large_photo import make_avatar as make_avatar
    from renderers.photo_avatar import AvatarOptions as AvatarOptions
    from renderers.photo_avatar import PhotoAvatar as PhotoAvatar
    from renderers.pose import Pose as Pose
    from renderers.preview import render_shaded as render_shaded
    from renderers.rasterizer import Rasterizer as Rasterizer
    from renderers.rasterizer import get_rasterizer as get_rasterizer

_HOMES = {
    "AvatarOptions": "renderers.photo_avatar",
    "Fragments": "renderers.fragments",
    "PhotoAvatar": "renderers.photo_avatar",
    "Pose": "renderers.pose",
    "Rasterizer": "renderers.rasterizer",
    "get_rasterizer": "renderers.rasterizer",
    "interpolate": "renderers.fragments",
    "make_avatar": "renderers.large_photo",
    "render_shaded": "renderers.preview",
}
__all__, __getattr__, __dir__ = lazy_names(__name__, _HOMES)
