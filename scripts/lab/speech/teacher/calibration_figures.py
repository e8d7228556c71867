"""How well the teacher, given the true words, follows filmed lips."""

from __future__ import annotations

import numpy as np
import torch

from scripts.lab.speech.captures.captures import Capture
from scripts.lab.speech.measure.closures import (
    ClosureCounts,
    Curve,
    best_lag,
    correlation,
    count_closures,
    low_band_envelope,
    mesh_aperture,
)
from scripts.lab.speech.teacher.calibration_data import CHANNELS, at_motion_rate, loudness_of, non_rhotic
from scripts.lab.speech.teacher.teacher import TeacherOptions, teach
from talkinghead.speech.generate.channels import MOTION_RATE
from talkinghead.speech.perform.mouth import POSE_CHANNELS, assemble


def follow(captures: list[Capture], options: TeacherOptions) -> list[tuple[Curve, Curve]]:
    """For each clip the teacher's aperture on the mean face [T] mm and its open pose [T, 14], at `MOTION_RATE`."""
    followed = []
    for capture in captures:
        pose, gates = at_motion_rate(teach(non_rhotic(capture.phones), loudness_of(capture), options))
        expression = assemble(pose.astype(np.float32), gates.astype(np.float32))
        followed.append((mesh_aperture(torch.from_numpy(expression)), pose * (1 - gates[:, 2:])))
    return followed


def figures(captures: list[Capture], options: TeacherOptions) -> dict[str, float]:
    """Agreement with the measured gap of the lips and with their channels, and closures of both.

    `aperture_r` is the mean over clips and `lag_frames` the best over all; `speech_r` and `channel_r_*` count frames
    from the first to the last phone only: how people breathe in before they speak cannot be read off the words.
    """
    followed = follow(captures, options)
    made, real = [a for a, _ in followed], [c.aperture_mm.astype(np.float64) for c in captures]
    inside = [_speech(capture) for capture in captures]
    sound = [low_band_envelope(c.samples, MOTION_RATE, len(c.motion)) for c in captures]
    joined, filmed = np.concatenate(made), np.concatenate(real)
    result = {
        "clips": len(captures),
        "aperture_r": float(np.mean([correlation(a, b) for a, b in zip(made, real, strict=True)])),
        "speech_r": float(np.mean([correlation(a[s], b[s]) for a, b, s in zip(made, real, inside, strict=True)])),
        "envelope_r": float(np.mean([correlation(a, b) for a, b in zip(sound, real, strict=True)])),
        "lag_frames": best_lag(joined, filmed)[0],
        "p95_mm": float(np.percentile(joined, 95)),
        "real_p95_mm": float(np.percentile(filmed, 95)),
        "std_ratio": float(joined.std() / filmed.std()),
        "velocity_ratio": float(np.abs(np.diff(joined)).mean() / np.abs(np.diff(filmed)).mean()),
    }
    poses = np.concatenate([pose[s] for (_, pose), s in zip(followed, inside, strict=True)])
    wanted = np.concatenate([c.motion[s] for c, s in zip(captures, inside, strict=True)]).astype(np.float64)
    for name in CHANNELS:
        column = POSE_CHANNELS.index(name)
        result[f"channel_r_{name}"] = correlation(poses[:, column], wanted[:, column])
    for label, curves in (("", made), ("real_", real)):
        p95 = float(np.percentile(np.concatenate(curves), 95))
        counts = (count_closures(a, MOTION_RATE, c.phones, p95) for a, c in zip(curves, captures, strict=True))
        result |= {f"{label}{name}": value for name, value in sum(counts, ClosureCounts()).rates().items()}
    return {name: round(value, 3) for name, value in result.items()}


def _speech(capture: Capture) -> Curve:
    """Frames from the first to the last phone, as a mask."""
    spoken = [phone for phone in capture.phones if phone.name != "SIL"]
    middles = (np.arange(len(capture.motion)) + 0.5) / MOTION_RATE
    return np.asarray((middles > spoken[0].start) & (middles < spoken[-1].end))
