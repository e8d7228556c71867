"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from face3d.errors import InputError
from face3d.files import atomic_file


@pytest.mark.parametrize("durable", [False, True])
def test_a_complete_file_takes_the_name(durable: bool, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    with atomic_file(path, durable) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, InputError])
def test_a_failure_leaves_what_was_there(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(error), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("length", [1, 200, 248, 255])
def test_any_name_that_the_file_system_takes(length: int, tmp_path: Path) -> None:
    path = tmp_path / ("y" * length)
    with atomic_file(path) as temporary:
        temporary.write_text("x")
    assert path.read_text() == "x"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot write"), atomic_file(tmp_path / "no" / "x"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_the_mode_is_any_new_files_and_the_umask_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread's file that is made while the umask is 0 would be everybody's to write."""
    (tmp_path / "plain").touch()

    def touched(mask: int) -> int:
        raise AssertionError("the umask is the whole process's")

    monkeypatch.setattr(os, "umask", touched)
    with atomic_file(tmp_path / "x"):
        pass
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_many_writers_at_once(tmp_path: Path) -> None:
    def write(number: int) -> None:
        with atomic_file(tmp_path / "x") as temporary:
            temporary.write_text(str(number) * 1000)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set((tmp_path / "x").read_text())) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]
