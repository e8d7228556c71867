"""Measure the speech model's mouth on real speech with text: closures, false closures, timing, speed.

    python scripts/benchmark_speech.py FOLDER [FOLDER ...]

Each folder is one speaker: `.wav` or `.flac` files with a `.txt` of the same name. Phones come from pocketsphinx (extra
`[train]`); the aperture is the distance of the inner-lip landmarks on the mesh.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np


def read_folder(folder: Path) -> list[tuple[Any, str]]:
    """(samples at 16 kHz, text) of every recording with a text."""
    import soundfile
    from scipy.signal import resample_poly

    clips = []
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".wav", ".flac", ".ogg")):
        text = path.with_name(path.name.split(".")[0] + ".txt")
        if text.is_file():
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
            divisor = int(np.gcd(rate, 16_000))
            clips.append(
                (
                    resample_poly(samples.mean(1), 16_000 // divisor, rate // divisor).astype(np.float32),
                    text.read_text(),
                )
            )
    return clips


def measure(clips: list[tuple[Any, str]], weights: Path | None, fps: float) -> dict[str, float]:
    """Figures of one speaker."""
    import torch

    from talkinghead.speech.features import log_mel_stream, loudness_db
    from talkinghead.speech.frames import FrameSampler
    from talkinghead.speech.model import SpeechModel
    from talkinghead.speech.mouth import assemble
    from talkinghead.training.alignment import PhoneAligner
    from talkinghead.training.metrics import (
        ClosureCounts,
        best_lag,
        correlation,
        count_closures,
        low_band_envelope,
        mesh_aperture,
    )
    from talkinghead.training.teacher import teach

    torch.set_num_threads(1)
    model, aligner = SpeechModel.load(path=weights), PhoneAligner()
    model.animate(np.zeros(16_000, np.float32), fps)  # the first call loads code: it is not timed
    curves, teachers, phones, envelopes = [], [], [], []
    seconds = spent = 0.0
    for samples, text in clips:
        aligned = aligner.align(samples, text)
        if aligned is None:
            print(f"not aligned, left out: {text[:60]!r}")
            continue
        started = time.process_time()
        motion = model.animate(samples, fps)
        spent += time.process_time() - started
        seconds += len(samples) / 16_000
        curves.append(mesh_aperture(motion.expression))
        mels = np.concatenate([*log_mel_stream([samples])])
        taught = teach(aligned, loudness_db(mels[: len(mels) // 2 * 2]))
        ticks = np.concatenate([taught.pose, taught.gates], 1)
        sampler = FrameSampler(fps, np.arange(ticks.shape[1]) >= taught.pose.shape[1])
        frames = np.concatenate([sampler.push(ticks), sampler.finish(len(motion))])[: len(motion)]
        split = taught.pose.shape[1]
        teachers.append(mesh_aperture(torch.from_numpy(assemble(frames[:, :split], frames[:, split:]))))
        phones.append(aligned)
        envelopes.append(low_band_envelope(samples, fps, len(motion)))
    if not curves:
        raise SystemExit("None of the recordings could be aligned with its text.")
    result: dict[str, float] = {"clips": len(curves), "seconds": seconds, "cpu_seconds_per_second": spent / seconds}
    for name, set_of_curves in (("", curves), ("teacher_", teachers)):
        p95 = float(np.percentile(np.concatenate(set_of_curves), 95))
        counts = sum(
            (count_closures(c, fps, p, p95) for c, p in zip(set_of_curves, phones, strict=True)), ClosureCounts()
        )
        result |= {f"{name}{key}": value for key, value in counts.rates().items()} | {f"{name}p95_mm": p95}
        if not name:
            result |= {"bilabials": counts.bilabials, "open_vowels": counts.open_vowels}
    whole, taught_whole, envelope = np.concatenate(curves), np.concatenate(teachers), np.concatenate(envelopes)
    result["r_teacher"] = float(np.mean([correlation(a, b) for a, b in zip(curves, teachers, strict=True)]))
    result["lag_teacher"], _ = best_lag(whole, taught_whole)
    result["lag_envelope"], result["r_envelope"] = best_lag(whole, envelope)
    return {key: round(value, 3) for key, value in result.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--weights", type=Path, help="a model file other than the shipped one")
    parser.add_argument("--fps", type=float, default=25.0)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    figures = {
        str(folder): measure(read_folder(folder), arguments.weights, arguments.fps) for folder in arguments.folders
    }
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
