"""The figures of `may_differ`."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

from scripts import measure_likeness

PHOTO = Path(__file__).resolve().parents[1] / "data" / "astronaut.jpg"


def test_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "somebody"
    folder.mkdir()
    image = cv2.imread(str(PHOTO))
    for name, picture in (("a.png", image), ("b.png", cv2.resize(image, (400, 400))), ("c.txt", None)):
        if picture is None:
            (folder / name).write_text("no picture")
        else:
            cv2.imwrite(str(folder / name), picture)
    monkeypatch.setattr(sys, "argv", ["measure_likeness.py", str(folder), str(PHOTO)])
    measure_likeness.main()
    assert capsys.readouterr().out.splitlines() == [
        "one person, false alarms: 0.0 % of 1 pairs",
        "two people, found: 0.0 % of 2 pairs",
    ]
