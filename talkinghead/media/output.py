"""Output files that are complete or not there at all."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from face3d.errors import InputError, OutputError

# Half-written files lie in a hidden folder of this name beside the output. Its owner holds a lock on it for as long as
# it lives, however it ends; so the next run can tell what nobody owns any more and clear it.
TEMPORARY_PREFIX = ".talkinghead-"
# What the system says when a file cannot grow; anything else that fails while we write is no matter of the output.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS})


@contextmanager
def complete_file(output: str | Path, suffix: str = "") -> Iterator[Path]:
    """Yield a temporary path near `output`; on success it becomes `output`, otherwise nothing is left.

    Missing folders are made, and removed again after a failure. An existing `output` stays untouched until the new
    file is complete. If it is a link, the file that it leads to is written.

    Args:
        output: the file to write.
        suffix: the temporary name's ending, for writers that look at it; default: the output's.

    Raises:
        InputError: the folder cannot be made or written to, or `output` is a folder or no plain file.
        OutputError: there is no room for it.
    """
    output = output_path(output)
    made = _make_folders(output.parent)
    try:
        with _temporary_folder(output) as folder:
            temporary = folder / f"output{suffix or output.suffix}"
            with _named(temporary, output):
                temporary.touch()
                yield temporary
                os.replace(temporary, output)
    except BaseException:
        for new in reversed(made):
            with suppress(OSError):
                new.rmdir()
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
    if Path(output).suffix.lower() != ending:
        raise InputError(f"The output {str(output)!r} must end in {ending}.")
    target = output_path(output)
    for path in inputs:
        with suppress(OSError):  # one of them is not there
            if target.samefile(os.path.expanduser(path)):
                raise InputError(f"The output {output} is also an input; choose another name.")
    with suppress(_DroppedError), complete_file(target):
        raise _DroppedError


def output_path(output: str | Path) -> Path:
    """Where `output` is really written: `~` is the home folder, links are followed.

    Raises:
        InputError: it is a folder, a pipe or a device, its name is too long, or it is a link to itself.
    """
    path = Path(os.path.expanduser(output)).absolute()
    try:
        # Only links of the file itself: its folder keeps the name that the user knows.
        for _ in range(40):
            if not path.is_symlink():
                break
            path = path.parent / os.readlink(path)
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):  # a missing folder is made, a wrong one is told of there
        return _checked_name(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{output} cannot be written: {reason}.") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"{path} is a folder; name a file in it.")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path} is a pipe, a device or a socket; name a plain file.")
    return path


class _DroppedError(Exception):
    """Leaves :func:`complete_file` without an output."""


def _checked_name(path: Path) -> Path:
    """A name that is too long is found out even in a folder that is not there yet."""
    longest = 255  # bytes, on every common file system
    if any(len(os.fsencode(part)) > longest for part in path.parts):
        raise InputError(f"{path} cannot be written: a name may have at most {longest} bytes.")
    return path


@contextmanager
def _named(temporary: Path, output: Path) -> Iterator[None]:
    """Errors about the temporary file become errors about the output."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM or error.filename in {str(temporary), temporary}:
            raise OutputError(f"{output} could not be written: {error.strerror}.") from error
        raise
    except (InputError, OutputError) as error:
        message = str(error)
        if str(temporary) in message:
            raise OutputError(message.replace(str(temporary), str(output))) from error
        raise


def _make_folders(folder: Path) -> list[Path]:
    """Make `folder` and its parents; returns those that were missing, outermost first."""
    missing = []
    current = folder
    try:
        while not current.exists() and current != current.parent:
            missing.append(current)
            current = current.parent
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        for made in missing:
            with suppress(OSError):
                made.rmdir()
        raise InputError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    return missing[::-1]


@contextmanager
def _temporary_folder(output: Path) -> Iterator[Path]:
    """A hidden folder beside `output`, so that a name of any length and writers that replace files are fine in it."""
    _clear_orphans(output.parent)
    try:
        folder, lock = _new_locked_folder(output.parent)
    except OSError as error:
        # The folder is there, so "no such file or directory", as /proc gives it, would only mislead.
        reason = "" if error.errno == errno.ENOENT else f": {error.strerror}"
        raise InputError(f"The folder {output.parent} cannot be written to{reason}.") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _new_locked_folder(parent: Path) -> tuple[Path, int | None]:
    """A new hidden folder and the lock that says that it is in use; None where the system has no such locks."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=parent))
        lock = _lock(folder)
        # Another run may have taken it for an orphan before it was locked.
        if folder.exists():
            return folder, lock
        if lock is not None:
            os.close(lock)


def _clear_orphans(folder: Path) -> None:
    """Remove what runs have left that were killed."""
    for orphan in folder.glob(f"{TEMPORARY_PREFIX}*"):
        if not orphan.is_dir() or orphan.is_symlink():
            continue
        lock = _lock(orphan)
        if lock is not None:
            shutil.rmtree(orphan, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder until what is returned is closed or this process ends; None: somebody has it, or it cannot be."""
    try:
        import fcntl
    except ImportError:
        return None
    handle = None
    try:
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if handle is not None:
            os.close(handle)
        return None
    return handle
