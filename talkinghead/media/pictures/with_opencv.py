"""Formats that Pillow does not know: TIFF of many kinds, Radiance HDR, colour PFM."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face3d.errors import InputError
from talkinghead.media.pictures.screen_colour import light_to_srgb
from talkinghead.media.pictures.tiff_tags import read_tiff_header

_HDR_SIZE = re.compile(rb"\n[-+]([YX]) (\d{1,9}) [-+][YX] (\d{1,9})\n")
_PFM_SIZE = re.compile(rb"P[Ff]\s+(\d{1,9})\s+(\d{1,9})\s")
_HEAD = 1 << 16


def declared_size(path: Path) -> tuple[int, int] | None:
    """(width, height) that the header tells; None where this is no format that OpenCV is asked to read."""
    tiff = read_tiff_header(path)
    if tiff is not None:
        return tiff.size
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith((b"#?RADIANCE", b"#?RGBE")) and (found := _HDR_SIZE.search(head)):
        first, second = int(found[2]), int(found[3])
        return (second, first) if found[1] == b"Y" else (first, second)
    if found := _PFM_SIZE.match(head):
        return int(found[1]), int(found[2])
    return None


def read_with_opencv(path: Path) -> Image.Image:
    """A picture whose size has been checked, as Pillow would give it, but turned already (OpenCV does so for TIFF).

    Raises:
        InputError: it cannot be read.
    """
    data = np.frombuffer(path.read_bytes(), np.uint8)
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(
        cv2.utils.logging.LOG_LEVEL_SILENT
    )  # it would print a dozen lines about a damaged file
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    finally:
        cv2.utils.logging.setLogLevel(level)
    tiff = read_tiff_header(path)
    if image is None:
        raise InputError(f"{path} is not a picture that can be read.")
    if image.ndim == 3:
        image = image[..., [2, 1, 0, 3][: image.shape[2]]]
    levels = _levels(image, is_light=tiff is None)
    if levels.ndim == 3 and levels.shape[2] == 1:
        levels = levels[..., 0]
    result = Image.fromarray(np.ascontiguousarray(levels))
    if tiff is not None and tiff.profile:
        result.info["icc_profile"] = tiff.profile
    return result


def _levels(image: NDArray[np.generic], is_light: bool) -> NDArray[np.uint8]:
    """Any type of value as 8 bits; floating point is linear light in formats that are made for it, 0 to 1 in TIFF."""
    if image.dtype == np.uint8:
        return np.asarray(image, np.uint8)
    if image.dtype == np.uint16:
        return (np.asarray(image, np.float32) / 257 + 0.5).astype(np.uint8)
    values = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=1e4, neginf=0.0)
    if not is_light:
        return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
    return light_to_srgb(np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values[..., :3])
