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
import talkinghead.photo.fitted
from face3d.errors import InputError
from face3d.parameters import FaceParameters
from talkinghead.config import load_config
from talkinghead.media.audio import AudioFile
from talkinghead.photo.pose_rows import PoseRows

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
def test_the_garbage_collector_is_nobody_elses_business(
    active: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A switch of the whole process: only the command line, which owns the process, may turn it."""
    states = []

    def unusable(*_: object, **__: object) -> None:
        states.append(gc.isenabled())
        raise InputError("Another photo.")

    monkeypatch.setattr(talkinghead.photo.fitted, "fit_found", unusable)
    was = gc.isenabled()
    try:
        (gc.enable if active else gc.disable)()
        with pytest.raises(InputError, match="Another photo"):
            talkinghead.generate(PHOTO, SPEECH, tmp_path / "x.mp4")
        assert gc.isenabled() == active
    finally:
        (gc.enable if was else gc.disable)()
    assert states == [active]


@pytest.mark.parametrize("name", ["style.mp4", "style.safetensors"])
def test_the_style_reference_is_never_replaced(name: str, tmp_path: Path) -> None:
    style = tmp_path / name
    style.write_bytes(b"the user's")
    config = load_config(motion__style_from=str(style))
    other = tmp_path / ("x" + style.suffix)
    with pytest.raises(InputError, match="is also an input"):
        if style.suffix == ".mp4":
            talkinghead.generate(PHOTO, SPEECH, style, config=config)
        else:
            talkinghead.generate(PHOTO, SPEECH, tmp_path / "x.mp4", parameters=style, config=config)
    if style.suffix == ".safetensors":
        with pytest.raises(InputError, match="is also an input"):
            talkinghead.animate(SPEECH, style, config=config)
        with pytest.raises(InputError, match="is also an input"):
            numbered = style.rename(tmp_path / "style-1.safetensors")
            config = load_config(motion__style_from=str(numbered))
            talkinghead.animate_samples(SPEECH, style, 2, config=config)
        numbered.rename(style)
    assert style.read_bytes() == b"the user's"
    assert not other.exists()


def test_frames_are_kept_only_for_a_parameter_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    append = PoseRows.append
    monkeypatch.setattr(PoseRows, "append", lambda rows, pose: (kept.append(1), append(rows, pose)))
    settings = ["video.fps=5", "photo.max_side=192", "video.preset=ultrafast"]
    config = load_config(settings=settings)
    result = talkinghead.generate(PHOTO, SPEECH, tmp_path / "x.mp4", config=config)
    assert not kept
    file = tmp_path / "y.safetensors"
    talkinghead.generate(PHOTO, SPEECH, tmp_path / "x.mp4", parameters=file, config=config)
    assert len(kept) == len(FaceParameters.load(file)) == result.frames
