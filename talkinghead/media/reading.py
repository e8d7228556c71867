"""Opening sound and video files with PyAV (the FFmpeg libraries), with errors that name the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from face3d.errors import InputError

if TYPE_CHECKING:
    from av.container import InputContainer

# FFmpeg "plays" any text as a terminal recording; nobody means that.
TEXT_FORMATS = frozenset({"tty"})


def existing_file(path: str | Path) -> Path:
    """`path` as a Path, if it is a file with something in it.

    Raises:
        InputError: it is missing, a folder, empty or unreadable.
    """
    path = Path(os.path.expanduser(path))
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file.")
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if not first:
        raise InputError(f"{path} is empty (0 bytes).")
    return path


@contextmanager
def open_media(path: str | Path, wanted: str = "sound or video") -> Iterator[InputContainer]:
    """Open a sound or video file; every FFmpeg error inside the block becomes an InputError that names the file.

    Args:
        path: the file.
        wanted: what the caller hopes it is, for the error's words.
    """
    import av

    from talkinghead.media.ffmpeg import file_url

    path = existing_file(path)
    try:
        # The whitelist keeps playlists from reaching the network.
        with av.open(file_url(path), options={"protocol_whitelist": "file"}) as container:
            if container.format.name in TEXT_FORMATS:
                raise InputError(f"{path} is a text file.")
            yield container
    except av.error.FFmpegError as error:
        raise InputError(f"{path} is not a {wanted} file that can be read ({error.strerror}).") from error
