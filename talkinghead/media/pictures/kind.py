"""What a file is, by its first bytes: which pictures are read, and in one sentence why others are not."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from talkinghead.media.pictures.tiff_tags import read_tiff_header

# What Pillow may open: those that it knows at once, and those for which it loads all its plugins (a quarter second).
# Others of its formats hand the file to another program (PostScript to Ghostscript), run through other files, or are
# no photos.
QUICK_FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "PPM")
OTHER_FORMATS = ["WEBP", "TIFF", "AVIF", "HEIF", "JPEG2000", "PSD", "ICO", "PCX", "QOI", "SGI", "SUN", "TGA"]
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
# Raw formats that are no TIFF: Fujifilm, Canon (two), Sigma, Minolta.
_RAW_STARTS = (b"FUJIFILMCCD-RAW", b"II\x1a\0\0\0HEAPCCDR", b"FOVb", b"\0MRM")
_HEAD = 4096


def open_picture(path: Path) -> Image.Image:
    """Open a picture with Pillow, its pixels not yet decoded.

    Raises:
        UnidentifiedImageError: none of the formats that Pillow may open.
    """
    Image.preinit()
    with suppress(UnidentifiedImageError):
        return Image.open(path, formats=[name for name in QUICK_FORMATS if name in Image.OPEN])
    return Image.open(path, formats=other_formats())


@lru_cache(maxsize=1)
def other_formats() -> tuple[str, ...]:
    """Those of `OTHER_FORMATS` that this machine's Pillow knows; HEIF with the extra `heif`."""
    with suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener(thumbnails=False)
    Image.init()
    return tuple(name for name in OTHER_FORMATS if name in Image.OPEN)


def refusal(path: Path) -> str | None:
    """Why a picture is not read although it is one, as the rest of a sentence; None: nothing is known against it."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if _is_heif(head) and "HEIF" not in other_formats():
        return "is a HEIC photo: install its reader with `pip install pillow-heif`, or save it as JPEG or PNG."
    tiff = read_tiff_header(path)
    if head.startswith(_RAW_STARTS) or head[4:12] == b"ftypcrx " or (tiff is not None and tiff.is_raw):
        return "is a camera's raw file; export it as JPEG."
    if head.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6", b"%PDF")):
        return "is not a picture but a document (PostScript or PDF); export it as JPEG or PNG."
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"<svg", b"<?xml", b"<!--", b"<!DOCTYPE svg")) and b"<svg" in head:
        return "is a drawing (SVG), not a photo; export it as PNG."
    if head.startswith(b"v/1\x01"):
        return "is an OpenEXR picture, which is not read; export it as PNG or JPEG."
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return "is a JPEG XL picture, which is not read; save it as JPEG or PNG."
    return None


def is_heif(path: Path) -> bool:
    """Whether a file says that it is HEIF, and not AVIF, which may carry the same main brand; it may be damaged."""
    with path.open("rb") as file:
        return _is_heif(file.read(_HEAD))


def _is_heif(head: bytes) -> bool:
    if head[4:8] != b"ftyp":
        return False
    length = max(16, min(int.from_bytes(head[:4], "big"), len(head)))
    others = {head[place : place + 4] for place in range(16, length - 3, 4)}
    return head[8:12] in _HEIF_BRANDS and not others & _AVIF_BRANDS
