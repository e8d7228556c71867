"""The script that runs the tests as on other machines: how each run is started."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

matrix = importlib.import_module("test_matrix")


@pytest.mark.parametrize("name", matrix.ENVIRONMENTS)
def test_each_way_of_starting(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "nobody" and os.name != "nt" and os.geteuid() != 0:
        pytest.skip("only root can start programs of another user")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("MKL_CBWR", "SSE4_2")
    python, variables, options = matrix.started(name, "/other/python", tmp_path)
    assert variables["OMP_NUM_THREADS"] == ("2" if name == "threads-2" else "1")
    assert variables.get("MKL_CBWR") == {"compatible": "COMPATIBLE", "avx2": "AVX2"}.get(name)
    assert ("user" in options) == (name == "nobody")
    assert python == ("/other/python" if name == "nobody" else sys.executable)
    assert ("preexec_fn" in options) == (name == "ignored")


def test_the_status_is_pytests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for body, status in (("assert True", 0), ("assert False", 1)):
        (tmp_path / "test_one.py").write_text(f"def test_one():\n    {body}\n", encoding="utf-8")
        words = ["test_matrix.py", "threads-1", "--logs", tmp_path / "logs", "--", "--rootdir", tmp_path]
        monkeypatch.setattr(sys, "argv", [*map(str, words), "-c", os.devnull, str(tmp_path / "test_one.py")])
        assert matrix.main() == status
    assert "FAILED" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        monkeypatch.setattr(sys, "argv", ["test_matrix.py", "nothing"])
        matrix.main()
