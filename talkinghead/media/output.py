"""Output files that are complete or not there at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from face3d.errors import InputError

TEMPORARY_PREFIX = ".talkinghead-"


@contextmanager
def complete_file(output: str | Path, suffix: str = "") -> Iterator[Path]:
    """Yield a temporary path beside `output`; on success it becomes `output`, otherwise nothing is left.

    Missing folders are made, and removed again after a failure. An existing `output` stays untouched until the new
    file is complete.

    Args:
        output: the file to write.
        suffix: the temporary name's ending, for writers that look at it; default: the output's.

    Raises:
        InputError: the folder cannot be made or written to, or `output` is a folder.
    """
    output = Path(output).absolute()
    if output.is_dir():
        raise InputError(f"{output} is a folder; name a file in it.")
    made = _make_folders(output.parent)
    temporary: Path | None = None
    try:
        temporary = _new_file(output, suffix or output.suffix)
        yield temporary
        os.replace(temporary, output)
    except BaseException:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def resumable_file(path: str | Path) -> Iterator[Path]:
    """Yield `path` for half-done work: an interruption keeps the file, so that the next run can go on with it.

    It is removed when the block ends, and when it fails otherwise; so are the folders that were made for it.

    Raises:
        InputError: the folder cannot be made.
    """
    path = Path(path).absolute()
    made = _make_folders(path.parent)
    try:
        yield path
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        raise
    path.unlink(missing_ok=True)


def check_output(output: str | Path, ending: str, inputs: tuple[str | Path, ...] = ()) -> None:
    """Find out before the work whether `output` can be written after it.

    Args:
        output: the file that will be written.
        ending: what its name must end in, for example ".mp4".
        inputs: files that it must not replace.

    Raises:
        InputError: it cannot be written, has another ending or is one of the inputs.
    """
    output = Path(output)
    if output.suffix.lower() != ending:
        raise InputError(f"The output {str(output)!r} must end in {ending}.")
    for path in inputs:
        if output.exists() and Path(path).exists() and output.samefile(path):
            raise InputError(f"The output {output} is also an input; choose another name.")
    with suppress(_DroppedError), complete_file(output):
        raise _DroppedError


class _DroppedError(Exception):
    """Leaves :func:`complete_file` without an output."""


def _make_folders(folder: Path) -> list[Path]:
    """Make `folder` and its parents; returns those that were missing, outermost first."""
    missing = []
    current = folder
    while not current.exists() and current != current.parent:
        missing.append(current)
        current = current.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    return missing[::-1]


def _new_file(output: Path, suffix: str) -> Path:
    """An empty file beside `output` with the mode that any new file would have (mkstemp makes private ones)."""
    try:
        handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, suffix=suffix, dir=output.parent)
    except OSError as error:
        # The folder is there, so "no such file or directory", as /proc gives it, would only mislead.
        reason = "" if error.errno == errno.ENOENT else f": {error.strerror}"
        raise InputError(f"The folder {output.parent} cannot be written to{reason}.") from error
    os.close(handle)
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(name, 0o666 & ~umask)
    return Path(name)
