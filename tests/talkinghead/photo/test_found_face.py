"""Looking for the face in a file, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from face3d.errors import InputError
from talkinghead.config import load_config
from talkinghead.photo.found_face import FoundFace, found_faces

ROOT = Path(__file__).resolve().parents[3]
PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"


def test_the_face_of_a_photo() -> None:
    (found,) = found_faces(PHOTO, load_config().photo, 256)
    assert isinstance(found, FoundFace)
    assert max(found.image.shape) == 256
    left, top, right, bottom = found.detection.box
    assert 0 < left < right < 256
    assert 0 < top < bottom < 256


def test_a_picture_without_a_face_is_no_end_but_an_answer(tmp_path: Path) -> None:
    Image.fromarray(np.full((96, 96, 3), 90, np.uint8)).save(tmp_path / "grey.png")
    (found,) = found_faces(tmp_path / "grey.png", load_config().photo)
    assert isinstance(found, InputError)
    assert "No face" in str(found)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing.jpg"):
        list(found_faces(tmp_path / "missing.jpg", load_config().photo))


def test_a_detector_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "mediapipe"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mediapipe", None)  # import raises
    with pytest.raises(InputError, match="mediapipe is not installed"):
        list(found_faces(PHOTO, load_config(photo__detector="mediapipe").photo))
    with pytest.raises(InputError, match="photo.detector"):
        load_config(photo__detector="other")


def test_it_needs_no_torch() -> None:
    check = "import talkinghead.generation, sys; print(*sorted({'torch', 'numba', 'scipy'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
