"""Finding ffmpeg and talking to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from face3d.errors import InputError
from talkinghead.media.ffmpeg import file_url, find_ffmpeg, last_words, list_encoders


def test_the_bundled_ffmpeg_has_the_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TALKINGHEAD_FFMPEG", raising=False)
    assert {"libx264", "aac"} <= list_encoders(find_ffmpeg())


def test_the_variable_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "my ffmpeg"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("TALKINGHEAD_FFMPEG", str(program))
    assert find_ffmpeg() == str(program)


@pytest.mark.parametrize("value", ["/nowhere/ffmpeg", "/tmp"])  # noqa: S108 - only named
def test_a_wrong_variable_is_told(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALKINGHEAD_FFMPEG", value)
    with pytest.raises(InputError, match="TALKINGHEAD_FFMPEG"):
        find_ffmpeg()


def test_names_are_absolute_and_cannot_be_protocols(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert file_url("-y") == f"file:{tmp_path}/-y"
    assert file_url("http:x.wav") == f"file:{tmp_path}/http:x.wav"


def test_last_words() -> None:
    assert last_words("a\nConversion failed!.\n\n") == "Conversion failed!"
    assert last_words("\n") == "it gave no reason"
