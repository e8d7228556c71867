"""What single commands write and print."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from face3d.kernel_watch import kernel_begun, kernel_known, kernel_ready
from face3d.parameters import FaceParameters
from talkinghead.cli.commands import progress
from talkinghead.cli.program import main
from talkinghead.media.image import load_photo

PHOTO = Path(__file__).resolve().parents[2] / "data" / "astronaut.jpg"


def test_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, overlay, report = (tmp_path / "new" / name for name in ("y.safetensors", "y.png", "y.json"))
    files = ["--output", str(output), "--overlay", str(overlay), "--report", str(report)]
    assert main(["fit", str(PHOTO), *files]) == 0
    parameters = FaceParameters.load(output)
    assert (len(parameters), parameters.camera.image_size) == (1, (320, 320))
    figures = json.loads(report.read_text())
    assert figures["nme_percent"] < 3
    assert figures["image_size"] == [320, 320]
    assert f"{figures['nme_percent']:.2f} %" in capsys.readouterr().out
    left, top, right, bottom = (int(v) for v in figures["box"])
    changed = np.abs(load_photo(overlay).astype(int) - load_photo(PHOTO)).max(-1) > 2
    assert changed[top + 10 : bottom - 10, left + 10 : right - 10].mean() > 0.9, "the head covers the face"
    assert changed[:, :20].mean() < 0.2, "and not the whole picture"
    assert sorted(p.name for p in output.parent.iterdir()) == ["y.json", "y.png", "y.safetensors"]


@pytest.mark.parametrize(
    ("option", "name"), [("--overlay", "y.jpg"), ("--report", "y.txt"), ("--overlay", "/proc/y.png")]
)
def test_fit_checks_its_outputs_before_the_work(
    option: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("no /proc here")
    output = tmp_path / "y.safetensors"
    assert main(["fit", str(PHOTO), "--output", str(output), option, str(tmp_path / name)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


class Clock:
    """Stands in for the time module."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


def test_progress_in_a_log_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    with progress.progress_of("rendering", quiet=False) as report:
        for done in range(1, 101):
            clock.now += 0.25
            report(done, 100)
    assert capsys.readouterr().err.splitlines() == [
        "talkinghead: rendering: 40 of 100 frames",
        "talkinghead: rendering: 80 of 100 frames",
    ]


def test_quiet_progress_says_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with progress.progress_of("rendering", quiet=True) as report:
        report(1, 2)
    assert capsys.readouterr().err == ""


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.progress_of("rendering", quiet=False) as report:
        for done in range(1, 4):
            report(done, 3)
    assert "3/3" in terminal.getvalue()


def test_the_first_line_comes_before_anything_heavy(tmp_path: Path) -> None:
    """Also when the kernels have to be compiled: before torch or numba is imported."""
    code = (
        "import sys\n"
        "from talkinghead.cli.commands import progress\n"
        "from talkinghead.cli.program import main\n"
        "say = progress._say\n"
        "def tell(words):\n"
        "    print(words, 'torch' in sys.modules, 'numba' in sys.modules, flush=True)\n"
        "    raise KeyboardInterrupt\n"
        "progress._say = tell\n"
        "main(sys.argv[1:])\n"
    )
    speech = Path(__file__).resolve().parents[3] / "examples" / "demo.wav"
    for arguments in (
        ["generate", "--photo", str(PHOTO), "--audio", str(speech), "--output", str(tmp_path / "o.mp4")],
        ["fit", str(PHOTO), "--output", str(tmp_path / "o.safetensors")],
        ["animate", str(speech), "--output", str(tmp_path / "o.safetensors")],
    ):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
        assert done.stdout.splitlines()[0] == "preparing False False", done.stderr


def test_compilation_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    clock.now = 100.0
    monkeypatch.setattr(progress, "time", clock)
    with progress.preparing(quiet=False):
        for number in range(30):
            clock.now += 1
            kernel_known(f"made up {number}")
            kernel_begun(f"made up {number}")
            kernel_ready(f"made up {number}")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "talkinghead: preparing"
    assert len(lines) == 4
    assert all("compiling, which takes about a minute and only the first run has to" in line for line in lines[1:])
