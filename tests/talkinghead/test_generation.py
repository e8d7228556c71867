"""The main job's start: several things at once, one error."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import talkinghead
import talkinghead.portrait
from face3d.errors import InputError
from talkinghead.media.audio import AudioFile

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"
SPEECH = ROOT / "examples" / "demo.wav"


def test_an_error_of_the_face_search_reaches_the_user_and_no_thread_stays(tmp_path: Path) -> None:
    Image.fromarray(np.full((96, 96, 3), 90, np.uint8)).save(tmp_path / "grey.png")
    before = threading.active_count()
    with pytest.raises(InputError, match=r"grey\.png: No face was found in the photo; .*\.$"):
        talkinghead.generate(tmp_path / "grey.png", SPEECH, tmp_path / "x.mp4")
    assert threading.active_count() <= before
    assert not (tmp_path / "x.mp4").exists()


def test_an_error_of_the_speech_model_reaches_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(self: AudioFile) -> Any:
        raise InputError("The sound ends too soon.")

    monkeypatch.setattr(AudioFile, "blocks", damaged)
    before = threading.active_count()
    with pytest.raises(InputError, match=r"^The sound ends too soon\.$"):
        talkinghead.generate(PHOTO, SPEECH, tmp_path / "x.mp4")
    assert threading.active_count() <= before + 1, "the avatar's own thread"
    assert not (tmp_path / "x.mp4").exists()


@pytest.mark.parametrize("active", [True, False])
def test_the_garbage_collector_rests_and_is_left_as_it_was(
    active: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = []

    def unusable(*_: object, **__: object) -> None:
        states.append(gc.isenabled())
        raise InputError("Another photo.")

    monkeypatch.setattr(talkinghead.portrait, "fit_portrait", unusable)
    was = gc.isenabled()
    try:
        (gc.enable if active else gc.disable)()
        with pytest.raises(InputError, match="Another photo"):
            talkinghead.generate(PHOTO, SPEECH, tmp_path / "x.mp4")
        assert gc.isenabled() == active
    finally:
        (gc.enable if was else gc.disable)()
    assert states == [False]
