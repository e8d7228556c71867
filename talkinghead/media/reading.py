"""Opening sound and video files with PyAV (the FFmpeg libraries), with errors that name the file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from face3d.errors import InputError

if TYPE_CHECKING:
    from av.container import InputContainer

# Nothing but the file itself: no network, and no playlist (HLS, DASH, ffconcat, picture sequences, ...) that opens
# others. Both are for FFmpeg's options of these names, in the libraries and in the program.
PROTOCOLS = "file"
VIDEO_FORMATS = (
    "mov matroska avi flv live_flv asf mpeg mpegts mpegtsraw mpegvideo mxf gxf nut ogg dv ivf rm nsv wtv ty vob vc1 "
    "h261 h263 h264 hevc vvc av1 obu evc m4v mjpeg cavsvideo dirac yuv4mpegpipe gif apng webp r3d mlv cine dhav kux "
    "swf smk bink roq flic rpl film_cpk nuv pva"
)
SOUND_FORMATS = (
    "wav w64 aiff au caf mp3 aac flac ac3 ac4 eac3 dts dtshd truehd mlp wv tta ape tak mpc mpc8 amr amrnb amrwb loas "
    "latm gsm sbc oma voc xwma aea shn dsf iff sox ircam nistsphere paf avr pvf sds qcp g722 g729 ilbc codec2 "
    "lc3 osq qoa wsaud wady wavarc bit adx hca xa mmf spdif iamf svag rka bonk dss aptx aptx_hd alp act apc"
)
FORMATS = ",".join(dict.fromkeys(f"{VIDEO_FORMATS} {SOUND_FORMATS}".split()))
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<MPD", b"<smil", b"<asx", b"[playlist]", b"[Reference]", b"v=0")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def existing_file(path: str | Path) -> Path:
    """`path` as a Path, `~/` being the home folder, if it is a regular file with something in it.

    Raises:
        InputError: it is missing, a folder, a pipe or a device, empty or unreadable.
    """
    path = Path(os.path.expanduser(path))
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    # A name that is too long, a folder that may not be entered, a null byte, a machine without home folders.
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"There is no file {path} that can be read ({reason}).") from error
    # Pipes and devices can make us wait for ever, and cannot be read twice.
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder; name a file.")
    if stat.S_ISFIFO(status.st_mode):
        raise InputError(f"{path} is a pipe; name a file.")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is a device or a socket; name a file.")
    if not status.st_size:  # what /proc holds says so too, and some of it blocks its readers
        raise InputError(f"{path} is empty (0 bytes).")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be read: you have no permission.")
    return path


def file_url(path: str | Path) -> str:
    """The name under which PyAV opens exactly this file, whatever characters its name has.

    An absolute path cannot be taken for an option, and the explicit protocol stops `a:b.wav` from being read as one.
    """
    return f"file:{Path(path).absolute()}"


@contextmanager
def open_media(path: str | Path, wanted: str = "sound or video") -> Iterator[InputContainer]:
    """Open a sound or video file; every FFmpeg error inside the block becomes an InputError that names the file.

    Args:
        path: the file.
        wanted: what the caller hopes it is, for the error's words.

    Raises:
        InputError: as :func:`existing_file`; a playlist, or no format of :data:`FORMATS`.
    """
    import av

    path = existing_file(path)
    _refuse_playlists(path)
    options = {"protocol_whitelist": PROTOCOLS, "format_whitelist": FORMATS}
    try:
        try:
            # Tags may be in any encoding; nobody here reads them.
            opened = av.open(file_url(path), container_options=options, metadata_errors="ignore")
        except av.error.ArgumentError as error:  # known to FFmpeg, but not on our list
            raise InputError(_why_not_listed(path, wanted)) from error
        with opened as container:
            yield container
    except av.error.FFmpegError as error:
        raise InputError(f"{path} is not a {wanted} file that can be read ({error.strerror}).") from error


def _why_not_listed(path: Path, wanted: str) -> str:
    from PIL import Image, UnidentifiedImageError

    from talkinghead.media.pictures.kind import open_picture

    damaged = (Image.DecompressionBombError, OSError, SyntaxError, ValueError)
    with suppress(UnidentifiedImageError, *damaged), open_picture(path):
        return f"{path} is a picture: it has no sound track and does not move."
    return f"{path} is not a {wanted} file of a format that is read here."


def _refuse_playlists(path: Path) -> None:
    """A clear word where the list of formats would only say that the format is not on it."""
    try:
        with path.open("rb") as file:
            head = file.read(1024).removeprefix(_BYTE_ORDER_MARK).lstrip()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if head.startswith(_PLAYLISTS) or (head.startswith(b"<?xml") and b"<MPD" in head):
        raise InputError(f"{path} is a list of other files (a playlist); name the sound or video file itself.")
