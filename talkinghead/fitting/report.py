"""Figures of a fitted video: errors, stability, what was lost, and how long it took."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.arkit import ARKIT_NAMES
from face3d.fit.photo_fit import project_landmarks
from face3d.follow.track import Track
from face3d.model.morphable_model import MorphableModel, load_default_model
from face3d.parameters import FaceParameters
from face3d.rotations import yaw_pitch_roll

# A landmark that no unit of jaw and mouth moves further than this, mm, counts as free of the mouth.
MOUTH_FREE_MM = 1.0
_BLOCK = 256  # frames projected at once


def head_degrees(rotation: torch.Tensor) -> NDArray[np.float64]:  # [T, 3] rad -> [T, 3] degrees
    """See :func:`face3d.rotations.yaw_pitch_roll`."""
    return np.degrees(yaw_pitch_roll(rotation.cpu().numpy()))


def ranges(mask: NDArray[np.bool_]) -> list[list[int]]:  # [T]
    """Runs of True as [first, last], both included."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [[int(first), int(end) - 1] for first, end in edges.reshape(-1, 2)]


def mouth_free(model: MorphableModel) -> NDArray[np.int64]:
    """Indices of the landmarks that no unit of jaw and mouth moves by more than `MOUTH_FREE_MM`."""
    units = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith(("jaw", "mouth", "cheek", "tongue"))]
    moved = model.landmarks478.of(model.expression_basis[units]).norm(dim=-1).amax(0)
    return np.flatnonzero(moved.numpy() <= MOUTH_FREE_MM)


class Stability:
    """Motion stability index (StableFace, Ling et al. 2022): mean over points of 1 / variance of the acceleration.

    The acceleration is the second difference over frames, in pixels per frame squared; its variance over time is
    summed over x and y. Blocks of successive frames are fed in one by one.

    Attributes:
        frames: how many accelerations went in.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._sum: NDArray[np.float64] | float = 0.0
        self._squares: NDArray[np.float64] | float = 0.0

    def add(self, points: NDArray[np.floating]) -> None:  # [T, K, 2] px, of one uninterrupted run
        """Frames that follow each other; runs are kept apart, so overlap blocks of one run by two frames."""
        acceleration = np.diff(points.astype(np.float64), 2, axis=0)
        self.frames += len(acceleration)
        self._sum = self._sum + acceleration.sum(0)
        self._squares = self._squares + np.square(acceleration).sum(0)

    def index(self) -> float:
        """The index; NaN with fewer than two accelerations."""
        if self.frames < 2:
            return math.nan
        mean = np.asarray(self._sum) / self.frames
        variance = (np.asarray(self._squares) / self.frames - np.square(mean)).sum(-1)
        return float((1 / np.maximum(variance, 1e-12)).mean())


def stability(track: Track, parameters: FaceParameters) -> tuple[float, float]:
    """The motion stability index of the detected and of the fitted mouth-free landmarks, over the measured frames."""
    model = load_default_model()
    points = mouth_free(model)
    raw, fitted = Stability(), Stability()
    for first, last in _runs(track, parameters):
        for start in range(first, last + 1, _BLOCK):
            stop = min(start + _BLOCK + 2, last + 1)
            raw.add(track.landmarks_px[start:stop][:, points])
            fitted.add(project_landmarks(model, parameters.frames(start, stop))[:, points].numpy())
    return raw.index(), fitted.index()


def _runs(track: Track, parameters: FaceParameters) -> list[list[int]]:
    """Ranges of measured frames without a cut."""
    measured = track.found & (parameters.confidence.numpy() == 1)
    runs: list[list[int]] = []
    for first, last in ranges(measured):
        cuts = first + 1 + np.flatnonzero(np.diff(track.shot[first : last + 1]))
        bounds = [first, *(int(c) for c in cuts), last + 1]
        runs += [[a, b - 1] for a, b in itertools.pairwise(bounds)]
    return runs


@dataclass
class Timing:
    """Seconds and frames of each stage, in order."""

    seconds: dict[str, float] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)

    def add(self, stage: str, seconds: float, frames: int) -> None:
        """Note a finished stage."""
        self.seconds[stage], self.frames[stage] = seconds, frames

    def figures(self) -> dict[str, dict[str, float]]:
        """For the report."""
        return {
            stage: {"seconds": seconds, "frames_per_second": self.frames[stage] / max(seconds, 1e-9)}
            for stage, seconds in self.seconds.items()
        }


def video_figures(track: Track, parameters: FaceParameters, nme: NDArray[np.float32]) -> dict[str, Any]:
    """Figures of a fitted video.

    Args:
        track: what was detected.
        parameters: what was fitted.
        nme: [T] mean landmark error of each frame over the distance of the outer eye corners; NaN where there is none.
    """
    confidence = parameters.confidence.numpy()
    sizes = _face_sizes(track)
    return {
        "frames": len(track),
        "fps": track.fps,
        "image_size": list(track.image_size),
        "face_px": _finite(float(np.median(sizes))) if len(sizes) else None,
        "nme_percent": _error_figures(nme),
        "frames_with_a_face": int(np.count_nonzero(track.found)),
        "lost": ranges(confidence == 0),
        "interpolated": ranges((confidence > 0) & (confidence < 1)),
        "cuts": [int(c) + 1 for c in np.flatnonzero(np.diff(track.shot))],
        "focal_px": parameters.camera.focal_px,
        "largest_turn_degrees": _largest_turn(parameters),
    }


def stability_figures(track: Track, parameters: FaceParameters) -> dict[str, float | None]:
    """See :func:`stability`; apart from the other figures because it takes about a millisecond per frame."""
    raw, fitted = stability(track, parameters)
    return {"raw_msi": _finite(raw), "fitted_msi": _finite(fitted), "ratio": _finite(fitted / raw)}


def _error_figures(nme: NDArray[np.float32]) -> dict[str, float | int | None]:
    known = np.isfinite(nme)
    if not known.any():
        return dict.fromkeys(("mean", "median", "p95", "worst", "worst_frame"))
    percent = 100 * nme[known].astype(np.float64)
    return {
        "mean": float(percent.mean()),
        "median": float(np.median(percent)),
        "p95": float(np.percentile(percent, 95)),
        "worst": float(percent.max()),
        "worst_frame": int(np.flatnonzero(known)[percent.argmax()]),
    }


def _face_sizes(track: Track) -> NDArray[np.float32]:
    """The larger side of the landmarks' box in up to a thousand of the frames, pixels."""
    found = np.flatnonzero(track.found)
    sample = found[:: max(1, len(found) // 1000)]
    return np.array([np.ptp(track.landmarks_px[i], axis=0).max() for i in sample], np.float32)


def _largest_turn(parameters: FaceParameters) -> dict[str, float]:
    angles = np.abs(head_degrees(parameters.rotation[parameters.confidence > 0]))
    names = ("yaw", "pitch", "roll")
    return {name: float(angles[:, i].max()) if len(angles) else 0.0 for i, name in enumerate(names)}


def _finite(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
