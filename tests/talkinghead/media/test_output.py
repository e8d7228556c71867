"""Outputs are complete or not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from face3d.errors import InputError, OutputError
from talkinghead.media.output import check_output, complete_file, resumable_file


def test_the_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    output = tmp_path / "new" / "folder" / "x.bin"
    with complete_file(output) as temporary:
        temporary.write_bytes(b"half")
        assert not output.exists()
        assert temporary.parent.parent == output.parent
    assert output.read_bytes() == b"half"
    assert list(output.parent.iterdir()) == [output]


def test_new_files_have_the_usual_mode(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with complete_file(tmp_path / "x"):
        pass
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_nothing(error: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(error), complete_file(tmp_path / "a" / "b" / "x.bin") as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    output = tmp_path / "x.bin"
    output.write_bytes(b"old")
    with pytest.raises(RuntimeError), complete_file(output) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert output.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [output]


def test_check_output_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(b"old")
    check_output(tmp_path / "old.mp4", ".mp4")
    check_output(tmp_path / "new" / "x.MP4", ".mp4")
    assert [p.name for p in tmp_path.rglob("*")] == ["old.mp4"]
    assert (tmp_path / "old.mp4").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("x.avi", "must end in .mp4"),
        ("folder.mp4", "is a folder"),
        ("file/x.mp4", "cannot be made"),
        ("file/deeper/x.mp4", "cannot be made"),
        ("/proc/talkinghead/x.mp4", "cannot be made"),
        ("/proc/x.mp4", r"The folder /proc cannot be written to\.$"),
        ("in.mp4", "is also an input"),
    ],
)
def test_check_output_refuses(output: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "in.mp4").write_bytes(b"1")
    (tmp_path / "folder.mp4").mkdir()
    if output.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("no /proc here")
    with pytest.raises(InputError, match=words):
        check_output(tmp_path / output, ".mp4", (tmp_path / "in.mp4",))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.mp4", "in.mp4"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_half_done_work_outlives_an_interruption(stop: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "new" / "work"
    with pytest.raises(stop), resumable_file(path) as file:
        file.write_bytes(b"half")
        raise stop
    assert path.read_bytes() == b"half"
    with resumable_file(path) as file:
        assert file.read_bytes() == b"half"
    assert list(path.parent.iterdir()) == []


def test_half_done_work_does_not_outlive_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "work"
    with pytest.raises(ValueError, match="bad"), resumable_file(path) as file:
        file.write_bytes(b"half")
        raise ValueError("bad")
    assert list(tmp_path.iterdir()) == []


def test_half_done_work_that_was_never_begun(tmp_path: Path) -> None:
    with resumable_file(tmp_path / "work"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with complete_file("~/x.bin"):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["x.bin"]


@pytest.mark.parametrize("length", [249, 255])
def test_the_longest_names_work(length: int, tmp_path: Path) -> None:
    output = tmp_path / ("n" * (length - 4) + ".mp4")
    check_output(output, ".mp4")
    with complete_file(output):
        pass
    assert [p.name for p in tmp_path.iterdir()] == [output.name]


@pytest.mark.parametrize("folder", ["", "new"])
@pytest.mark.parametrize("name", ["n" * 252 + ".mp4", "\u6587" * 90 + ".mp4"])
def test_longer_names_are_refused(folder: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be written|at most 255"):
        check_output(tmp_path / folder / name, ".mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
def test_links_are_followed_and_pipes_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.mp4").symlink_to("folder/real.mp4")
    for content in (b"1", b"2"):  # a link to nothing yet, then to a file
        with complete_file(tmp_path / "link.mp4") as temporary:
            temporary.write_bytes(content)
        assert (tmp_path / "link.mp4").is_symlink()
        assert (tmp_path / "folder" / "real.mp4").read_bytes() == content
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("loop.mp4", "pipe.mp4"):
        with pytest.raises(InputError, match="cannot be written|is a pipe"):
            check_output(tmp_path / name, ".mp4")


@pytest.mark.skipif(os.name == "nt", reason="kills")
def test_what_a_killed_run_left_is_cleared_and_a_living_ones_is_not(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom talkinghead.media.output import complete_file\n"
        "with complete_file(sys.argv[1]) as file:\n    print(file, flush=True)\n    time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.bin")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        with complete_file(tmp_path / "b.bin"):
            assert left.exists()
        process.send_signal(signal.SIGKILL)
    assert left.exists()
    with complete_file(tmp_path / "b.bin"):
        assert not left.parent.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["b.bin"]


def test_the_output_is_named_and_not_the_temporary_file(tmp_path: Path) -> None:
    output = tmp_path / "y.bin"
    with pytest.raises(OutputError, match=r"y\.bin could not be written: No"), complete_file(output) as temporary:
        raise OSError(28, "No space left on device", str(temporary))
    with pytest.raises(OutputError, match=r"Cannot write \S*/y\.bin: full"), complete_file(output) as temporary:
        raise InputError(f"Cannot write {temporary}: full.")
    assert list(tmp_path.iterdir()) == []
