"""`talkinghead fit` with several photos of one person."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from face3d.parameters import FaceParameters
from talkinghead.cli.program import main
from talkinghead.fitting import photos as module
from talkinghead.fitting.photos import PhotoOutputs, fit_photos
from talkinghead.media.image import load_photo
from talkinghead.photo.fitted import FittedPhoto

PHOTO = Path(__file__).resolve().parents[2] / "data" / "astronaut.jpg"


@pytest.fixture
def larger(tmp_path: Path) -> Path:
    """The same photo, mirrored and enlarged: another pose and another camera."""
    image = cv2.imdecode(np.fromfile(PHOTO, np.uint8), cv2.IMREAD_COLOR)
    path = tmp_path / "larger.png"
    cv2.imencode(".png", cv2.resize(image[:, ::-1], (480, 480)))[1].tofile(path)
    return path


def test_two_photos(larger: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    files = ["--overlay", str(out / "y.png"), "--report", str(out / "y.json"), "--quiet"]
    assert main(["fit", str(PHOTO), str(larger), "--output", str(out / "y.safetensors"), *files]) == 0
    together = FaceParameters.load(out / "y.safetensors")
    assert (len(together), together.camera.image_size) == (1, (320, 320)), "the first photo's frame"
    figures = json.loads((out / "y.json").read_text())
    assert figures["image_size"] == [320, 320]
    assert [f["image_size"] for f in figures["other_photos"]] == [[480, 480]]
    assert max(figures["nme_percent"], figures["other_photos"][0]["nme_percent"]) < 3
    assert load_photo(out / "y.png").shape == (320, 640, 3), "both, as high as the lower one"
    assert main(["fit", str(PHOTO), "--output", str(out / "alone.safetensors"), "--quiet"]) == 0
    alone = FaceParameters.load(out / "alone.safetensors")
    assert not torch.equal(alone.identity, together.identity), "the identity is that of both"


def test_a_video_among_photos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(200))
    assert main(["fit", str(PHOTO), str(film), "--output", str(tmp_path / "y.safetensors")]) == 2
    assert "film.mp4 is no picture; give several pictures of one person" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]


def test_one_bad_photo_among_good_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cat = PHOTO.with_name("cat.jpg")
    assert main(["fit", str(PHOTO), str(cat), "--output", str(tmp_path / "y.safetensors")]) == 2
    assert "cat.jpg: No face was found" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_plot_needs_a_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--output", str(tmp_path / "y.safetensors"), "--plot", str(tmp_path / "p.png")]
    assert main(["fit", str(PHOTO), *files]) == 2
    assert "--plot draws curves over time and needs a video" in capsys.readouterr().err


@pytest.mark.parametrize("part", ["overlay", "report"])
def test_all_outputs_or_none(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure in the last of them leaves neither the first nor the folder."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("disk full")

    if part == "overlay":
        monkeypatch.setattr("talkinghead.fitting.overlay.draw_fits", broken)
    else:
        monkeypatch.setattr("json.dumps", lambda value, **options: broken() if "indent" in options else "{}")
    out = tmp_path / "new" / "out"
    outputs = PhotoOutputs(out / "y.safetensors", out / "y.png", out / "y.json")
    with pytest.raises(RuntimeError, match="disk full"):
        fit_photos([PHOTO], outputs)
    assert list(tmp_path.iterdir()) == []


def test_the_result(tmp_path: Path) -> None:
    outputs = PhotoOutputs(tmp_path / "y.safetensors", report=tmp_path / "y.json")
    fit = fit_photos([PHOTO], outputs)
    assert fit.parameters == FaceParameters.load(outputs.parameters)
    assert len(fit.parameters) == len(fit.nme_percent) == 1
    assert json.loads(outputs.report.read_text()) == fit.report


def test_the_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    load = module.fit_photo_files

    def watched(*args: object) -> list[FittedPhoto]:
        used.append(torch.get_num_threads())
        return load(*args)

    monkeypatch.setattr(module, "fit_photo_files", watched)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        output = ["--output", str(tmp_path / "y.safetensors"), "--quiet"]
        assert main(["fit", str(PHOTO), *output, "--set", "general.threads=1"]) == 0
        assert used == [1]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
