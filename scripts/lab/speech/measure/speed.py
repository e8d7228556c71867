"""How fast and how small: seconds of processor per second of sound, latency of the stream, memory of an hour."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.lab.speech.corpus.alignment import SAMPLE_RATE

Array = NDArray[np.float32]
_CHUNK = SAMPLE_RATE // 50


def real_time_factor(model: Any, samples: Array, fps: float, runs: int = 3) -> dict[str, float]:
    """Least processor seconds per second of sound of some runs of `animate`, and the least wall seconds."""
    model.animate(samples[: 2 * SAMPLE_RATE], fps)  # the first call loads code: it is not timed
    processor, wall = least_seconds(lambda: model.animate(samples, fps), runs)
    seconds = len(samples) / SAMPLE_RATE
    return {"cpu": processor / seconds, "wall": wall / seconds}


def least_seconds(action: Callable[[], object], runs: int) -> tuple[float, float]:
    """The least processor time, and the least wall-clock time, of some runs."""
    spent = []
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        action()
        spent.append((time.process_time() - processor, time.perf_counter() - wall))
    return min(processor for processor, _ in spent), min(wall for _, wall in spent)


def stream_latency(model: Any, samples: Array, fps: float) -> dict[str, float]:
    """Sound fed in chunks of 20 ms: how long after the end of the sound that it shows a frame comes out.

    `sound_ms` counts fed sound (look-ahead, the model's blocks, the chunk itself), `compute_ms` the processor's work
    between two chunks, `latency_ms` the worst of the first and the 95th percentile of the second together. Frames that
    come when the sound has ended do not count.
    """
    fed = 0
    asked = time.process_time()
    work: list[float] = []

    def chunks() -> Iterator[Array]:
        nonlocal fed, asked
        for start in range(0, len(samples), _CHUNK):
            work.append(time.process_time() - asked)
            fed = min(start + _CHUNK, len(samples))
            asked = time.process_time()
            yield samples[start : start + _CHUNK]

    late, frame = [], 0
    for piece in model.stream(chunks(), fps):
        late += [fed / SAMPLE_RATE - (frame + i + 1) / fps for i in range(len(piece)) if fed < len(samples)]
        frame += len(piece)
    median, slow = (1000 * float(np.percentile(work[1:], share)) for share in (50, 95))
    held = 1000 * np.array(late or [np.inf])
    return {
        "sound_ms": float(np.median(held)),
        "sound_ms_worst": float(held.max()),
        "compute_ms": median,
        "compute_ms_p95": slow,
        "latency_ms": float(held.max()) + slow,
    }


def long_run_memory(
    weights: Path | None, generator: Path | None, sound: Path, seconds: float, fps: float
) -> dict[str, float]:
    """Peak memory of a process of its own that animates `sound` (.npy, 16 kHz) over and over, as `generate` does."""
    arguments = [str(weights or ""), str(generator or ""), str(sound), str(seconds), str(fps)]
    done = subprocess.run(
        [sys.executable, "-m", "scripts.lab.speech.measure.speed", *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {key: float(value) for key, value in json.loads(done.stdout).items()}


def _long_run(weights: str, generator: str, sound: str, seconds: float, fps: float) -> dict[str, float]:
    import torch

    from talkinghead.speech.model import SpeechModel

    torch.set_num_threads(1)
    samples = np.load(sound, allow_pickle=False)
    model = SpeechModel.load(path=Path(weights) if weights else None, generator=Path(generator) if generator else None)

    def chunks() -> Iterator[Array]:
        left = round(seconds * SAMPLE_RATE)
        while left > 0:
            for start in range(0, min(len(samples), left), SAMPLE_RATE):
                yield samples[start : min(start + SAMPLE_RATE, left)]
            left -= len(samples)

    started = time.process_time()
    frames = sum(len(piece) for piece in model.stream(chunks(), fps))
    return {"peak_mb": _peak_megabytes(), "frames": frames, "cpu": (time.process_time() - started) / seconds}


def _peak_megabytes() -> float:
    # Not getrusage: its maximum counts the parent's memory at the moment of the fork.
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    if found is None:
        raise RuntimeError("/proc/self/status names no peak of memory")
    return int(found[1]) / 1024


if __name__ == "__main__":
    asked_weights, asked_generator, sound_file, length, rate = sys.argv[1:]
    print(json.dumps(_long_run(asked_weights, asked_generator, sound_file, float(length), float(rate))))
