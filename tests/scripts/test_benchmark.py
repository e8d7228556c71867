"""The speed benchmark, whose figures docs/benchmarks.md quotes."""

from __future__ import annotations

import math
import wave
from pathlib import Path

import benchmark
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_first_frame_and_the_stages_are_timed(tmp_path: Path) -> None:
    speech = tmp_path / "speech.wav"
    with wave.open(str(ROOT / "examples" / "demo.wav"), "rb") as source, wave.open(str(speech), "wb") as target:
        target.setparams(source.getparams())
        target.writeframes(source.readframes(source.getframerate()))
    figures = benchmark.measure_speed(ROOT / "tests" / "data" / "astronaut.jpg", speech)
    assert figures["frames"] > 20
    first = figures["first_frame_seconds"]
    assert 0 < first["least"] <= first["median"] <= first["most"] < math.inf
    assert all(milliseconds >= 0 for milliseconds in figures["stage_ms_per_frame"].values())
    assert figures["stage_ms_per_frame"]["render"] > 0
