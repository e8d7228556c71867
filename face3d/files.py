"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from face3d.errors import InputError

# Short, so that every name that the file system takes for the file itself is fine.
_PREFIX = ".face3d-"


@contextmanager
def atomic_file(path: str | Path, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path`, otherwise nothing is left.

    Args:
        path: the file to write; its folder must be there.
        durable: whether the contents must be on the disk before the name is, in case of a power cut.

    Raises:
        InputError: the folder cannot be written to.
    """
    path = Path(path)
    try:
        temporary = _new_file(path.parent)
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror}.") from error
    try:
        mode = temporary.stat().st_mode
        yield temporary
        temporary.chmod(mode)  # safetensors makes private files
        if durable:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _new_file(folder: Path) -> Path:
    """An empty file with the mode that any new file gets (`tempfile` makes private ones)."""
    while True:
        path = folder / f"{_PREFIX}{secrets.token_hex(8)}"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            continue
        return path
