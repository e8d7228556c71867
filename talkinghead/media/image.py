"""Photos: any picture that Pillow or OpenCV reads, as upright 8-bit RGB; videos as a source of still frames."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from face3d.errors import InputError
from talkinghead.media.pictures.colour import apply_profile, code_points, grey_levels
from talkinghead.media.pictures.jpeg_tail import whole_but_for_its_tail
from talkinghead.media.pictures.kind import is_heif, open_picture, refusal
from talkinghead.media.pictures.screen_colour import to_srgb
from talkinghead.media.pictures.with_opencv import declared_size, read_with_opencv
from talkinghead.media.reading import existing_file
from talkinghead.media.video_file import video_stills

# 8K is 33 megapixels; beyond this a file is a decompression bomb or a scan that nobody means.
MAX_PIXELS = 120_000_000
# A large picture of so many pixels in a byte shows nothing; decoding it takes gigabytes all the same.
_LARGE_PIXELS, _MOST_PIXELS_PER_BYTE = 16_000_000, 300
_ANIMATED_FORMATS = ("GIF", "PNG", "WEBP", "AVIF")
_WHITE = (255, 255, 255, 255)
# What Pillow and its libraries raise of damaged files; AVIF's a RuntimeError.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, RuntimeError)
_log = logging.getLogger(__name__)

RGB = NDArray[np.uint8]  # [H, W, 3], sRGB, 0..255


def load_photo(path: str | Path) -> RGB:  # [H, W, 3]
    """Read a picture as 8-bit sRGB, turned upright as its EXIF data says.

    Grey becomes RGB, transparent parts are put on white (as most viewers show them), 16-bit is rounded to 8 bits,
    colour profiles (wide gamut, CMYK, grey) and high dynamic range are converted to sRGB, and of an animation the
    first picture is taken. A JPEG that lacks no more than its last rows is used, with a note.

    Raises:
        InputError: no such file, empty, damaged, no picture or one that is not read, or larger than 120 megapixels.
    """
    path = existing_file(path)
    if (reason := refusal(path)) is not None:
        raise InputError(f"{path} {reason}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_PIXELS is our own, stricter check
            warnings.simplefilter("ignore", UserWarning)  # damaged EXIF data and the like: the picture is what counts
            return _to_rgb(ImageOps.exif_transpose(_decoded(path)), path)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} is too large: at most {MAX_PIXELS // 10**6} megapixels can be read.") from error
    except _DAMAGE as error:
        raise InputError(f"{path} is a damaged or cut-short picture ({error}).") from error


def is_picture(path: str | Path) -> bool:
    """Whether the file's format is a picture's, one that is read or one that is known not to be; it may be damaged.

    Raises:
        InputError: no such file, or it is empty.
    """
    path = existing_file(path)
    if refusal(path) is not None:
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_picture(path):
                return True
    except UnidentifiedImageError:
        return is_heif(path) or declared_size(path) is not None
    except (Image.DecompressionBombError, *_DAMAGE):
        return True


def iter_stills(path: str | Path, limit: int = 30, step_seconds: float = 0.2) -> Iterator[RGB]:  # [H, W, 3]
    """The pictures in which a face may be looked for: the photo itself, or frames of a video.

    Raises:
        InputError: see :func:`load_photo`; also when the file is neither a picture nor a video.
    """
    if is_picture(path):
        yield load_photo(path)
    else:
        yield from video_stills(path, limit, step_seconds)


def _decoded(path: Path) -> Image.Image:
    """The first picture of a file with its pixels, not yet turned."""
    try:
        image = open_picture(path)
    except UnidentifiedImageError:
        size = declared_size(path)
        if size is None:
            if is_heif(path):
                raise InputError(f"{path} is a HEIC photo that is damaged or cut short.") from None
            raise InputError(f"{path} is not a picture that can be read.") from None
        _check_size(path, *size)
        return read_with_opencv(path)
    with image:
        _check_size(path, *image.size)
        if image.format in _ANIMATED_FORMATS and getattr(image, "n_frames", 1) > 1:
            _log.info("%s is an animation: only its first picture is used; save it as MP4 to use all of it.", path)
        try:
            image.load()
        except OSError:
            whole = whole_but_for_its_tail(path.read_bytes()) if image.format in ("JPEG", "MPO") else None
            if whole is None:
                raise
            _log.info("%s is cut short at its very end; the picture is used as it is.", path)
            return whole
        image.getexif()  # remembered when the file is closed
        return image


def _to_rgb(image: Image.Image, path: Path) -> RGB:
    """Any Pillow mode to 8-bit sRGB; `path` for what Pillow does not tell of the file."""
    has_profile = bool(image.info.get("icc_profile"))
    image = apply_profile(image)
    if image.mode.startswith("I") or image.mode == "F":
        grey = (grey_levels(image) + 0.5).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    picture = np.array(image.convert("RGB"))
    tags = None if has_profile else code_points(path)
    if tags is not None and not tags.is_usual:
        picture = to_srgb(picture, tags)
    if alpha is None:
        return picture
    shown = Image.fromarray(picture)
    shown.putalpha(alpha)
    return np.array(Image.alpha_composite(Image.new("RGBA", shown.size, _WHITE), shown).convert("RGB"))


def _check_size(path: Path, width: int, height: int) -> None:
    """Before anything is decoded: what the header declares."""
    size, pixels = path.stat().st_size, width * height
    if pixels > MAX_PIXELS:
        limit = MAX_PIXELS // 10**6
        raise InputError(f"{path} is too large ({width} x {height}): at most {limit} megapixels can be read.")
    if pixels > _LARGE_PIXELS and pixels > _MOST_PIXELS_PER_BYTE * size:
        raise InputError(
            f"{path} declares {width} x {height} pixels but has only {size // 1000} kB: that is no photo, so it is not "
            "read; use a photo."
        )
