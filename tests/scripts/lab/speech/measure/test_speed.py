from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from scripts.lab.speech.measure.speed import long_run_memory, real_time_factor, stream_latency

FPS = 25.0


class _HoldsBack:
    """A model that gives a frame as soon as this much sound after the frame's end is there, the rest at the end."""

    def __init__(self, seconds: float) -> None:
        self._ahead = seconds

    def animate(self, samples: np.ndarray, fps: float) -> list[int]:
        return [0] * round(len(samples) / 16_000 * fps)

    def stream(self, chunks: Iterable[np.ndarray], fps: float) -> Iterator[list[int]]:
        heard = given = 0
        for chunk in chunks:
            heard += len(chunk)
            ready = int((heard / 16_000 - self._ahead) * fps + 1e-6)
            if ready > given:
                yield [0] * (ready - given)
                given = ready
        yield [0] * (round(heard / 16_000 * fps) - given)


def test_latency_is_what_is_held_back_beyond_the_frame():
    samples = np.zeros(32_000, np.float32)
    figures = stream_latency(_HoldsBack(0.06), samples, FPS)
    assert figures["sound_ms_worst"] == pytest.approx(60, abs=1)
    assert figures["sound_ms"] == pytest.approx(60, abs=1)
    assert figures["latency_ms"] == figures["sound_ms_worst"] + figures["compute_ms_p95"]


def test_what_comes_only_at_the_end_is_no_stream():
    assert stream_latency(_HoldsBack(10.0), np.zeros(32_000, np.float32), FPS)["sound_ms"] == float("inf")


def test_real_time_factor_is_per_second_of_sound():
    figures = real_time_factor(_HoldsBack(0.0), np.zeros(160_000, np.float32), FPS)
    assert 0 <= figures["cpu"] < 1


@pytest.mark.slow
def test_a_long_run_is_measured_in_a_process_of_its_own(tmp_path):
    np.save(tmp_path / "sound.npy", np.random.default_rng(0).standard_normal(32_000).astype(np.float32) * 0.1)
    ballast = np.ones(250_000_000, np.uint8)  # of the parent's; the child's peak does not count it
    figures = long_run_memory(None, None, tmp_path / "sound.npy", 5.0, FPS)
    assert figures["frames"] == 125
    assert 50 < figures["peak_mb"] < 500
    assert len(ballast)
