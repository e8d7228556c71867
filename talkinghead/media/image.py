"""Photos: any picture that Pillow or OpenCV reads, as upright 8-bit RGB; videos as a source of still frames."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from face3d.errors import InputError
from talkinghead.media.reading import existing_file
from talkinghead.media.video_file import video_stills

# 8K is 33 megapixels; beyond this a file is a decompression bomb or a scan that nobody means.
MAX_PIXELS = 120_000_000
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_WHITE = (255, 255, 255, 255)

RGB = NDArray[np.uint8]  # [H, W, 3], sRGB, 0..255


def load_photo(path: str | Path) -> RGB:  # [H, W, 3]
    """Read a picture as 8-bit sRGB, turned upright as its EXIF data says.

    Grey becomes RGB, transparent parts are put on white (as most viewers show them), 16-bit is rounded to 8 bits,
    colour profiles (wide gamut, CMYK) are converted to sRGB, and of an animation the first picture is taken.

    Raises:
        InputError: no such file, empty, damaged, no picture, or larger than 120 megapixels.
    """
    path = existing_file(path)
    _refuse_heif(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_PIXELS is our own, stricter check
            warnings.simplefilter("ignore", UserWarning)  # damaged EXIF data and the like: the picture is what counts
            with Image.open(path) as image:
                _check_size(path, *image.size)
                return _to_rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        return _load_with_opencv(path)
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} is too large: at most {MAX_PIXELS // 10**6} megapixels can be read.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(f"{path} is a damaged or cut-short picture ({error}).") from error


def is_picture(path: str | Path) -> bool:
    """Whether Pillow or OpenCV knows the file's format as a picture's (it may still be damaged).

    Raises:
        InputError: no such file, or it is empty.
    """
    path = existing_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path):
                return True
    except UnidentifiedImageError:
        import cv2

        return bool(cv2.haveImageReader(str(path))) or _is_heif(path)
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError):
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


def _to_rgb(image: Image.Image) -> RGB:
    """Any Pillow mode to 8-bit sRGB."""
    image = _to_srgb(image)
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image, np.float32)
        # Pillow keeps 16-bit grey as whole numbers up to 65535 and floating-point TIFF as 0..1.
        scale = 255.0 if image.mode == "F" else 1 / 257
        return np.repeat(np.clip(grey * scale + 0.5, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image)
    return np.array(image.convert("RGB"))


def _to_srgb(image: Image.Image) -> Image.Image:
    """Apply an embedded colour profile; without one, or with a broken one, the picture is taken as it is."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError):
        return image
    return converted if converted is not None else image


def _load_with_opencv(path: Path) -> RGB:
    """Formats that Pillow does not know, such as 16-bit colour TIFF, OpenEXR and Radiance HDR."""
    import cv2

    data = np.frombuffer(path.read_bytes(), np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise InputError(f"{path} is not a picture that can be read.")
    _check_size(path, image.shape[1], image.shape[0])
    if image.dtype == np.uint16:
        image = (image / 257.0 + 0.5).astype(np.uint8)
    elif image.dtype != np.uint8:
        image = (np.clip(np.nan_to_num(image.astype(np.float32)), 0, 1) * 255 + 0.5).astype(np.uint8)
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    if image.shape[2] == 4:
        opacity = image[..., 3:] / 255.0
        image = (image[..., :3] * opacity + 255 * (1 - opacity) + 0.5).astype(np.uint8)
    return np.ascontiguousarray(image[..., 2::-1])


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        limit = MAX_PIXELS // 10**6
        raise InputError(f"{path} is too large ({width} x {height}): at most {limit} megapixels can be read.")


def _is_heif(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS


def _refuse_heif(path: Path) -> None:
    # The FFmpeg libraries open HEIC but give one tile of it, so it must not get that far.
    if _is_heif(path):
        raise InputError(f"{path} is a HEIC photo, which is patent-encumbered: save it as JPEG or PNG first.")
