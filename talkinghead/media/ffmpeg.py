"""The ffmpeg program: where it is, how file names are handed to it and how its failures are told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from face3d.errors import InputError

FFMPEG_VARIABLE = "TALKINGHEAD_FFMPEG"
PROBE_TIMEOUT_SECONDS = 30


def find_ffmpeg() -> str:
    """The ffmpeg to run: $TALKINGHEAD_FFMPEG if set, otherwise the static one that imageio-ffmpeg brings.

    Raises:
        InputError: the variable names no program, or this machine has no ffmpeg.
    """
    chosen = os.environ.get(FFMPEG_VARIABLE)
    if chosen:
        if not os.access(chosen, os.X_OK) or os.path.isdir(chosen):
            raise InputError(f"{FFMPEG_VARIABLE} is {chosen!r}, which is not a program that can be run.")
        return chosen
    import imageio_ffmpeg

    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise InputError(
            f"imageio-ffmpeg brings no ffmpeg for this machine: install ffmpeg and set {FFMPEG_VARIABLE} to its path."
        ) from error


def file_url(path: str | Path) -> str:
    """The name under which ffmpeg and PyAV open exactly this file, whatever characters its name has.

    An absolute path cannot be taken for an option, and the explicit protocol stops `a:b.wav` from being read as one.
    """
    return f"file:{Path(path).absolute()}"


def list_encoders(executable: str) -> set[str]:
    """The names of the encoders that this ffmpeg was built with.

    Raises:
        OSError, subprocess.SubprocessError: it does not run.
    """
    result = subprocess.run(
        [executable, "-nostdin", "-hide_banner", "-encoders"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PROBE_TIMEOUT_SECONDS,
        check=True,
    )
    rows = [line.split() for line in result.stdout.splitlines()]
    return {row[1] for row in rows if len(row) > 1 and row[0][0] in "VA"}


def last_words(stderr: str) -> str:
    """The line of ffmpeg's error output that says most: its last one that is not empty."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "it gave no reason"
