"""The rows and tables of the renderer's benchmark."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from face3d.detect.detector import FaceDetection
from scripts.lab.renderer.reenactment_score import RowScore

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def benchmark() -> ModuleType:
    return importlib.import_module("benchmark_renderer")


def test_every_measured_frame_has_the_one_before(benchmark: ModuleType) -> None:
    assert benchmark.chosen_frames(5, 1) == [0, 1, 2, 3, 4]
    assert benchmark.chosen_frames(22, 10) == [0, 9, 10, 19, 20]
    assert benchmark.chosen_frames(3, 10) == [0]


def test_tables(benchmark: ModuleType) -> None:
    text = benchmark.table({"fitted": {"psnr": 30.1234, "lmd": 0.5}, "still": {"psnr": 20.0}})
    header, fitted, still = text.splitlines()
    assert header.split() == ["psnr", "lmd"]
    assert fitted.split() == ["fitted", "30.123", "0.500"]
    assert still.split() == ["still", "20.000", "nan"]
    clips = {
        name: {"fitted": RowScore({}, {"eyes": (share, 20.0)}, 1, 0, {})} for name, share in (("a", 0.2), ("b", 0.4))
    }
    assert "30.0 %   20.00 dB" in benchmark.region_table(clips, "fitted")


@pytest.mark.slow
def test_the_whole_benchmark(
    benchmark: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    astronaut: np.ndarray,
    astronaut_detection: FaceDetection,
) -> None:
    import json

    from scripts.lab.measure.landmark_warp import LandmarkWarp
    from talkinghead.media.video import VideoOptions, VideoWriter

    points = astronaut_detection.landmarks_px
    warp = LandmarkWarp(astronaut, points, anchored=True)
    video = tmp_path / "astronaut.mp4"
    demo = SCRIPTS.parent / "examples" / "demo.wav"
    with VideoWriter(video, (320, 320), 25, 7, demo, VideoOptions(crf=4)) as writer:
        for number in range(7):
            writer.write(warp(points + np.array([1.5 * number, 0.0])))
    figures, sheet, mouths = (tmp_path / name for name in ("f.json", "s.png", "m.png"))
    arguments = ["", str(video), "--every", "3", "--json", str(figures), "--sheet", str(sheet)]
    arguments += ["--mouths", str(mouths), "--reference", str(tmp_path)]
    monkeypatch.setattr("sys.argv", arguments)
    assert benchmark.main() == 0
    rows = json.loads(figures.read_text())["rows"]
    assert set(rows) == set(benchmark.ROWS)
    assert rows["warp"]["psnr"] > rows["still"]["psnr"]
    assert rows["fitted"]["lmd"] < rows["still"]["lmd"]
    # The reference is the real video itself.
    assert math.isnan(rows["reference"]["psnr"])
    assert rows["reference"]["ssim"] == pytest.approx(1)
    assert sheet.stat().st_size > 10_000
    assert mouths.stat().st_size > 10_000
