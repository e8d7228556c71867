"""The definitions behind the fitter's figures."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from face3d.detect.detector import FaceDetection
from face3d.follow.track import Track
from face3d.model.landmark_sets import LEFT_EYE_OUTER, RIGHT_EYE_OUTER


@pytest.fixture
def benchmark() -> ModuleType:
    return importlib.import_module("benchmark_fit")


def test_words(benchmark: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.align").write_text("0 17250 sil\n17250 22500 bin\n22500 26500 blue\n")
    words = benchmark.read_words(tmp_path / "a.align")
    assert words == [benchmark.Word("bin", 0.69, 0.9), benchmark.Word("blue", 0.9, 1.06)]


def test_aperture(benchmark: ModuleType) -> None:
    """Gaps of 3, 6 and 9 pixels between lips, eyes 60 pixels apart: 0.1, at any place and size."""
    points = np.zeros((1, 478, 2), np.float32)
    points[0, LEFT_EYE_OUTER] = (60, 0)
    for gap, (upper, lower) in zip((3, 6, 9), benchmark.APERTURE_PAIRS, strict=True):
        points[0, upper], points[0, lower] = (30, 40), (30, 40 + gap)
    assert points[0, RIGHT_EYE_OUTER].tolist() == [0, 0]
    assert benchmark.aperture(points) == pytest.approx([0.1])
    assert benchmark.aperture(5 * points + 7) == pytest.approx([0.1])


def test_closures(benchmark: ModuleType) -> None:
    curve = np.array([1.0, 1, 0, 1, 1, 1, 1, 1, 1, 0])
    words = [
        benchmark.Word("bin", 0.10, 0.20),  # frame 2 is at 0.08 s: within the slack of 40 ms
        benchmark.Word("red", 0.04, 0.12),  # no bilabial
        benchmark.Word("place", 0.20, 0.30),  # open throughout
    ]
    assert benchmark.closures(curve, 25.0, words, 0.5) == [1, 0]


def test_joined_tracks_have_a_cut_between_each_two(benchmark: ModuleType, astronaut_detection: FaceDetection) -> None:
    tracks = [Track.of([astronaut_detection] * 2, 25.0, (9, 9), [0, 1]), Track.of([None] * 2, 25.0, (9, 9))]
    joined = benchmark.join(tracks)
    assert joined.shot.tolist() == [0, 1, 2, 2]
    assert joined.found.tolist() == [True, True, False, False]
