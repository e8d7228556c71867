"""One decoded frame as an upright picture with square pixels, whole lines and the colours of a usual screen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talkinghead.media.pictures import screen_colour

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph

RGB = NDArray[np.uint8]  # [H, W, 3], sRGB, 0..255
Orientation = tuple[bool, bool, bool]  # first exchange rows and columns, then mirror left-right, then top-bottom

_BT709, _UNSPECIFIED = 1, 2
# Without a tag, players take the matrix of standard definition up to this size, and that of high definition above.
_STANDARD_WIDTH, _STANDARD_HEIGHT = 1279, 576
_WIDEST_PIXEL = 4  # pixels of a stranger shape are a mistake in the header


def upright_size(frame: VideoFrame, pixel_shape: Fraction | None) -> tuple[int, int]:
    """(width, height) of a frame once it is upright; pixels that are not square are made so at the frame's height.

    Args:
        frame: a decoded frame.
        pixel_shape: width of a pixel divided by its height; None or 0: square.
    """
    width, height = _square(frame, pixel_shape)
    return (height, width) if _orientation(frame)[0] else (width, height)


def to_rgb(frame: VideoFrame, size: tuple[int, int], pixel_shape: Fraction | None) -> RGB:
    """A frame as an upright picture of `size` (width, height); one of another shape is put in its middle on black.

    A recording may change its size on the way, for example when a phone is turned.
    """
    own = upright_size(frame, pixel_shape)
    scale = min(size[0] / own[0], size[1] / own[1])
    # A pixel more or less is rounding, not another shape.
    width, height = (
        limit if abs(limit - n * scale) <= 1 else max(1, round(n * scale)) for n, limit in zip(own, size, strict=True)
    )
    swap, mirror, flip = _orientation(frame)
    lying = (height, width) if swap else (width, height)
    untagged = frame.colorspace == _UNSPECIFIED and (frame.width > _STANDARD_WIDTH or frame.height > _STANDARD_HEIGHT)
    tags = screen_colour.Tags(int(frame.color_primaries), int(frame.color_trc))
    name = "rgb24" if tags.is_usual else "rgb48le"
    converted = frame.reformat(*lying, name, src_colorspace=_BT709 if untagged else None)
    pixels: NDArray[Any] = converted.to_ndarray()
    picture = screen_colour.to_srgb(pixels, tags)
    if swap:
        picture = np.asarray(cv2.transpose(picture), np.uint8)
    if mirror or flip:
        picture = np.asarray(cv2.flip(picture, -1 if mirror and flip else int(mirror)), np.uint8)
    if (width, height) == size:
        return np.ascontiguousarray(picture)
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    canvas[top : top + height, left : left + width] = picture
    return canvas


def _square(frame: VideoFrame, pixel_shape: Fraction | None) -> tuple[int, int]:
    shape = float(pixel_shape or 1)
    if not 1 / _WIDEST_PIXEL <= shape <= _WIDEST_PIXEL:
        shape = 1.0
    return max(1, round(frame.width * shape)), frame.height


def _orientation(frame: VideoFrame) -> Orientation:
    """How the frame's display matrix turns and mirrors it, to the nearest quarter turn."""
    side: Any = frame.side_data.get("DISPLAYMATRIX")
    if side is None:
        return False, False, False
    # Column and row of the stored picture (x, y) are shown at (a x + c y, b x + d y).
    a, b, _, c, d = (int(n) for n in np.frombuffer(bytes(side), np.int32)[:5])
    if math.hypot(a, d) >= math.hypot(b, c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0


class Deinterlacer:
    """FFmpeg's yadif: one whole picture for each interlaced one; the others pass unchanged."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] | None = None

    def push(self, frame: VideoFrame | None) -> Iterator[tuple[VideoFrame, float | None]]:
        """The pictures that are ready after `frame`; None gives the rest."""
        if frame is not None:
            shape = frame.width, frame.height, frame.format.name
            if shape != self._shape:
                if self._graph is not None:
                    yield from self._pull(None)
                self._graph, self._shape = _yadif(frame), shape
        yield from self._pull(frame)

    def _pull(self, frame: VideoFrame | None) -> Iterator[tuple[VideoFrame, float | None]]:
        from av.error import BlockingIOError, EOFError

        assert self._graph is not None  # noqa: S101 - `push` begins with a frame
        self._graph.push(frame)
        while True:
            try:
                ready = self._graph.vpull()
            except (BlockingIOError, EOFError):
                return
            yield ready, ready.time


def _yadif(frame: VideoFrame) -> Graph:
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    filters = [graph.add("yadif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")]
    graph.link_nodes(source, *filters).configure()
    return graph
