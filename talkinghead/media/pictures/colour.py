"""Colours of photos as sRGB: embedded ICC profiles of every kind, and the code points of AVIF, HEIC and PNG."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from talkinghead.media.pictures.screen_colour import Tags, light_to_srgb, srgb_to_light

_HEADER_BYTES = 1 << 18  # in which the code points stand
_SAME = 2  # levels by which a profile's colours may be off sRGB and count as sRGB
_GREY_DEPTHS = ("I", "F")  # and I;16 and its kin
_BROKEN = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


def apply_profile(image: Image.Image) -> Image.Image:
    """Bring a picture with an ICC profile to sRGB; without one, or with one that is broken, it stays as it is.

    What a profile calls itself is not asked: many with "sRGB" in their name have linear or other curves.
    """
    data = image.info.get("icc_profile")
    if not data or image.mode == "LAB":
        return image
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(data))
        space = profile.profile.xcolor_space.strip()
        if image.mode.startswith(_GREY_DEPTHS):
            return _grey(image, profile) if space == "GRAY" else image
        colours, alpha = _without_alpha(image)
        if space == "RGB" and colours.mode == "L":
            colours = colours.convert("RGB")
        if {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}.get(colours.mode) != space:
            return image
        if colours.mode == "RGB" and _is_srgb(profile):
            return image
        result = _grey(colours, profile) if space == "GRAY" else _converted(colours, profile)
    except _BROKEN:
        return image
    if alpha is not None:
        result.putalpha(alpha)
    return result


def code_points(path: Path) -> Tags | None:
    """What an AVIF, HEIC or PNG file without a profile says of its colours; None: nothing."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if head[4:8] == b"ftyp":
        place = head.find(b"colrnclx") + 8
        if place >= 8 and len(head) >= place + 4:
            return Tags(
                int.from_bytes(head[place : place + 2], "big"), int.from_bytes(head[place + 2 : place + 4], "big")
            )
    if head.startswith(b"\x89PNG"):
        place = head.find(b"\0\0\0\4cICP", 0, head.find(b"IDAT")) + 8
        if place >= 8:
            return Tags(head[place], head[place + 1])
    return None


def _without_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The picture as L, RGB or CMYK, and its transparency."""
    if image.mode == "1":
        return image.convert("L"), None
    if not image.has_transparency_data:
        return (image if image.mode in ("L", "CMYK") else image.convert("RGB")), None
    if image.mode == "LA":
        return image.getchannel("L"), image.getchannel("A")
    full = image.convert("RGBA")
    return full.convert("RGB"), full.getchannel("A")


def _converted(
    image: Image.Image, profile: ImageCms.ImageCmsProfile, flags: ImageCms.Flags = ImageCms.Flags.NONE
) -> Image.Image:
    target = ImageCms.createProfile("sRGB")
    result = ImageCms.profileToProfile(image, profile, target, outputMode="RGB", flags=flags)
    if result is None:
        raise ImageCms.PyCMSError("nothing came back")
    return result


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether colours all over the cube stay as they are, so that the picture need not be converted and rounded."""
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(27, 27, 3)
    after = np.asarray(_converted(Image.fromarray(cube), profile), np.int16)
    return int(np.abs(after - cube).max()) <= _SAME


def _grey(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Grey of any depth by the profile's curve at 256 values; straight in light between them, for deeper pictures."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    # Optimized, a curve that is steep in the dark is off by several levels there.
    curve = np.asarray(_converted(ramp, profile, ImageCms.Flags.NOOPTIMIZE))[:, :, 1]
    if image.mode == "L":
        return Image.fromarray(curve[0][np.asarray(image)])
    light = srgb_to_light(curve)[0]
    levels = np.interp(grey_levels(image), np.arange(256), light).astype(np.float32)
    return Image.fromarray(light_to_srgb(levels))


def grey_levels(image: Image.Image) -> NDArray[np.float32]:  # [H, W], 0..255
    """A grey picture of 16 bits or floating point as levels that are not rounded."""
    grey = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=65535.0, neginf=0.0)
    # Pillow keeps 16-bit grey as whole numbers up to 65535 and floating-point TIFF as 0..1.
    return np.clip(grey * (255.0 if image.mode == "F" else 1 / 257), 0, 255).astype(np.float32, copy=False)
