"""Every Python block of docs/python.md runs, one after the other, on files that a test can make."""

from __future__ import annotations

import re
import wave
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from talkinghead.media.image import load_photo
from talkinghead.media.video import VideoOptions, VideoWriter

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.S)


def make_files(folder: Path) -> None:
    """`me.jpg`, one second of `hello.wav`, eight frames of `talk.mp4` in which the face moves, `mine.yaml`."""
    photo = load_photo(ROOT / "tests" / "data" / "astronaut.jpg")
    cv2.imwrite(str(folder / "me.jpg"), photo[..., ::-1])
    with (
        wave.open(str(ROOT / "examples" / "demo.wav"), "rb") as source,
        wave.open(str(folder / "hello.wav"), "wb") as target,
    ):
        target.setparams(source.getparams())
        target.writeframes(source.readframes(source.getframerate()))
    height, width = (n - n % 2 for n in photo.shape[:2])
    with VideoWriter(folder / "talk.mp4", (width, height), 25, 8, options=VideoOptions(preset="ultrafast")) as writer:
        for index in range(8):
            move = np.array([[1, 0, index], [0, 1, index / 2]], float)
            writer.write(
                np.asarray(cv2.warpAffine(photo, move, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)
            )
    (folder / "mine.yaml").write_text("motion:\n  emotion: happy\n")


def test_every_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    assert len(BLOCKS) > 10
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"docs/python.md, block {number}", "exec"), names)  # noqa: S102 - our own page
    assert {"hello.mp4", "again.mp4", "driven.mp4", "me.face", "hello.glb", "face.npz", "lively.mp4"} <= {
        path.name for path in tmp_path.iterdir()
    }
