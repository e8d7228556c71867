"""Y' -> Y: rasterizers, shading and the avatar that turns face parameters into pictures of the person in a photo.

`import renderers` is cheap; the names below are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from face3d.lazy_names import lazy_names

if TYPE_CHECKING:
    from renderers.photo_avatar import AvatarOptions as AvatarOptions
    from renderers.photo_avatar import PhotoAvatar as PhotoAvatar
    from renderers.pose import Pose as Pose
    from renderers.preview.shaded import render_shaded as render_shaded
    from renderers.raster.fragments import Fragments as Fragments
    from renderers.raster.fragments import interpolate as interpolate
    from renderers.raster.rasterizer import Rasterizer as Rasterizer
    from renderers.raster.rasterizer import get_rasterizer as get_rasterizer
    from renderers.reduced_avatar import make_avatar as make_avatar

_HOMES = {
    "AvatarOptions": "renderers.photo_avatar",
    "Fragments": "renderers.raster.fragments",
    "PhotoAvatar": "renderers.photo_avatar",
    "Pose": "renderers.pose",
    "Rasterizer": "renderers.raster.rasterizer",
    "get_rasterizer": "renderers.raster.rasterizer",
    "interpolate": "renderers.raster.fragments",
    "make_avatar": "renderers.reduced_avatar",
    "render_shaded": "renderers.preview.shaded",
}
__all__, __getattr__, __dir__ = lazy_names(__name__, _HOMES)
