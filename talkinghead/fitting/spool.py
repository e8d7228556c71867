"""Where the first pass of a video's fit is kept until the fit is done: so that an interrupted one can go on."""

from __future__ import annotations

import hashlib
import os
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from face3d.errors import InputError
from face3d.follow.follower_state import FollowerState
from face3d.follow.track import TrackWriter
from talkinghead.media.output import resumable_file

# Longer names are hashed: with what is put around them they must stay below every file system's limit.
_LONGEST_NAME = 100  # bytes


def spool_of(output: Path) -> Path:
    """The file for the track of a fit to `output`, beside it."""
    name = os.fsencode(output.name)
    kept = output.name if len(name) <= _LONGEST_NAME else hashlib.sha256(name).hexdigest()[:32]
    return output.with_name(f".{kept}.track")


def state_of(spool: Path) -> Path:
    """The file beside a track for what the follower knows after one of its frames."""
    return spool.with_suffix(".state")


@contextmanager
def open_spool(output: Path) -> Iterator[Path]:
    """Yield the file for the track of a fit to `output`, which no other process has.

    An interruption keeps it with the follower's state; when the block ends, or fails otherwise, nothing is left.

    Raises:
        InputError: another process fits to the same output, or the folder cannot be made or written to.
    """
    spool = spool_of(Path(output).absolute())
    with _folder(spool.parent), ExitStack() as stack:
        stack.enter_context(_locked(spool.with_suffix(".lock"), output))
        stack.enter_context(resumable_file(state_of(spool)))
        stack.enter_context(resumable_file(spool))
        try:
            yield spool
        except BaseException as error:
            _forget_variables(error)
            raise


def take_up(writer: TrackWriter, path: Path) -> FollowerState | None:
    """Let a track end where a follower can go on, and what that follower has to know; None: from the beginning."""
    state = FollowerState.load(path) if writer.frames else None
    if state is None or state.frame >= writer.frames:
        path.unlink(missing_ok=True)
        writer.keep(0)
        return None
    writer.keep(state.frame + 1)
    return state


def _forget_variables(error: BaseException | None) -> None:
    """Drop what the functions that failed still hold: no view of the track may be left when its file is removed, which
    Windows would refuse."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


@contextmanager
def _locked(path: Path, output: Path) -> Iterator[None]:
    """Hold a lock that ends with the process that has it, however that ends."""
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(f"Another fit to {output} is going on: wait for it, or choose another --output.") from error
    except OSError as error:
        raise InputError(f"The folder {path.parent} cannot be written to: {error.strerror}.") from error
    try:
        yield
    finally:
        if os.name != "nt":  # there, a file that is open cannot be removed
            path.unlink(missing_ok=True)
        lock.release()
        if os.name == "nt":
            with suppress(OSError):  # the next process has it already
                path.unlink()


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """Make a folder and its parents; those that were missing go again after a failure if nothing is in them."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    try:
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise
