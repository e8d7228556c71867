"""Measure the fitter on GRID videos and on photos: the figures that docs/benchmarks.md quotes.

    python scripts/benchmark_fit.py nme lips stability repeat --grid FOLDER [--clips 100] [--photos FOLDER]
    python scripts/benchmark_fit.py speed --grid FOLDER --clips 10
    python scripts/benchmark_fit.py plot --grid FOLDER --clips 1 --output curves.png

Figures named together share their clips. `--cache FOLDER` keeps what the detector saw, so that only the fit is repeated
when the fit has changed. GRID's folder holds `.mp4` files with an `.align` of the same name: lines of start, end and
word, 25,000 units per second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from face3d.fit.photo_fit import fit_photo, project_landmarks
from face3d.follow.track import Track, open_track
from face3d.model.landmark_sets import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from face3d.model.morphable_model import load_default_model
from face3d.model.personal_shapes import personal_model
from talkinghead.fitting.report import head_degrees, stability
from talkinghead.fitting.spool import state_of
from talkinghead.fitting.video import FitOutputs, fit_video, follow
from talkinghead.media.image import load_photo
from talkinghead.media.output import complete_file
from talkinghead.media.video_file import Damage, VideoFile

if TYPE_CHECKING:
    from face3d.fit.track_fit import SequenceFit

Curve = NDArray[np.float64]  # [T]

UNITS_PER_SECOND = 25_000
# Three pairs of points of the inner lips, upper and lower, around the middle.
APERTURE_PAIRS = ((82, 87), (13, 14), (312, 317))
# The words of GRID's grammar that have a p, b or m: two of four commands, a colour, a preposition, an adverb, letters.
BILABIAL_WORDS = frozenset(("bin", "place", "blue", "by", "please", "b", "p", "m"))
CLOSED_SHARE = 0.10  # of the speaker's 95th percentile of aperture
SLACK = 0.04  # s around a word within which its closure counts


@dataclass(frozen=True)
class Word:
    """A spoken word, times in seconds."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Clip:
    """A GRID clip: what the detector saw, and the words that were said."""

    path: Path
    track: Track
    words: list[Word]

    @cached_property
    def fit(self) -> SequenceFit:
        """The clip fitted on its own."""
        from face3d.fit.track_fit import fit_track

        return fit_track(self.track)

    @cached_property
    def fitted_landmarks(self) -> NDArray[np.float32]:
        """[T, 478, 2] pixels, the fitted head's landmarks."""
        parameters = self.fit.parameters
        return project_landmarks(load_default_model(), parameters).numpy()


def read_words(path: Path) -> list[Word]:
    """A GRID `.align` file, without its silences."""
    words = []
    for line in path.read_text().splitlines():
        start, end, name = line.split()
        if name != "sil":
            words.append(Word(name.lower(), int(start) / UNITS_PER_SECOND, int(end) / UNITS_PER_SECOND))
    return words


def read_clips(folder: Path, count: int, cache: Path) -> list[Clip]:
    """The first `count` clips of a folder by name, followed from frame to frame; `cache` keeps their tracks."""
    clips = []
    cache.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("*.mp4"))[:count]:
        kept = cache / f"{path.stem}.track"
        if not kept.is_file():
            with complete_file(kept) as temporary:
                follow(VideoFile.open(path), temporary, None, lambda done, total: None, Damage())
                state_of(temporary).unlink()
        clips.append(Clip(path, open_track(kept), read_words(path.with_suffix(".align"))))
    return clips


def aperture(landmarks: NDArray[np.floating]) -> Curve:  # [T, 478, 2] -> [T]
    """How far the lips are open: the mean distance of `APERTURE_PAIRS` over the distance of the outer eye corners."""
    points = landmarks.astype(np.float64)
    gaps = [np.linalg.norm(points[:, upper] - points[:, lower], axis=1) for upper, lower in APERTURE_PAIRS]
    return np.mean(gaps, axis=0) / np.linalg.norm(points[:, LEFT_EYE_OUTER] - points[:, RIGHT_EYE_OUTER], axis=1)


def closures(curve: Curve, fps: float, words: list[Word], threshold: float) -> list[int]:
    """For each word with a bilabial: in how many frames within it the aperture is below `threshold`.

    Frame i is at i / fps; the words are widened by `SLACK` on both sides.
    """
    times = np.arange(len(curve)) / fps
    closed = []
    for word in words:
        if word.name in BILABIAL_WORDS:
            near = (times >= word.start - SLACK) & (times <= word.end + SLACK)
            closed.append(int((curve[near] < threshold).sum()))
    return closed


def measure_nme(clips: list[Clip], photos: list[Path]) -> dict[str, Any]:
    """Mean distance of the 478 fitted points to the detected ones in % of the distance of the outer eye corners.

    Videos: the mean over a clip's frames, then over clips. Photos: each fitted on its own.
    """
    of_clips = [100 * float(np.nanmean(clip.fit.nme)) for clip in clips]
    of_photos = [100 * fit_photo(load_photo(path), 0).nme for path in photos]
    return {
        "clips": len(clips),
        "clips_nme_percent": _mean(of_clips),
        "worst_clip": max(zip(of_clips, [c.path.name for c in clips], strict=True), default=None),
        "photos": len(photos),
        "photos_nme_percent": _mean(of_photos),
        "worst_photo": max(zip(of_photos, [p.name for p in photos], strict=True), default=None),
    }


def measure_lips(clips: list[Clip]) -> dict[str, Any]:
    """Whether the lips survive the fit and its smoothing.

    `aperture_r` is Pearson's r between the fitted and the raw detector's aperture over the frames of a clip that show
    the face, averaged over clips; `aperture_slope` that of the fitted over the raw aperture.

    A frame is closed when its aperture is below a tenth of the 95th percentile of the raw aperture over all clips; a
    word with p, b or m is closed when one of its frames is. `closure_share_percent` is the number of closed words in
    the fit over that in the raw detector, `kept_percent` the share of the words closed in the raw detector that are
    closed in the fit too, `frames_share_percent` compares the numbers of closed frames in these words, which also
    tells whether closures become shorter. `own_threshold` is the same with the fit's own 95th percentile for the fit.
    """
    raw = [aperture(clip.track.landmarks_px) for clip in clips]
    fitted = [aperture(clip.fitted_landmarks) for clip in clips]
    for a, b in zip(raw, fitted, strict=True):
        b[np.isnan(a)] = np.nan
    seen = [~np.isnan(curve) for curve in raw]
    limits = [CLOSED_SHARE * float(np.nanpercentile(np.concatenate(curves), 95)) for curves in (raw, fitted)]

    def closed_frames(curves: list[Curve], limit: float) -> NDArray[np.int64]:
        lists = [closures(curve, c.track.fps, c.words, limit) for curve, c in zip(curves, clips, strict=True)]
        return np.concatenate(lists).astype(np.int64)

    measured = closed_frames(raw, limits[0])
    pairs = [(a[s], b[s]) for a, b, s in zip(raw, fitted, seen, strict=True)]
    correlations = [float(np.corrcoef(a, b)[0, 1]) for a, b in pairs]
    result: dict[str, Any] = {
        "clips": len(clips),
        "aperture_r": _mean(correlations),
        "aperture_r_worst": min(zip(correlations, [c.path.name for c in clips], strict=True)),
        "aperture_slope": _mean([float(np.polyfit(a, b, 1)[0]) for a, b in pairs]),
        "bilabial_words": len(measured),
        "raw_closed": int((measured > 0).sum()),
        "threshold": limits[0],
    }
    for name, limit in (("same_threshold", limits[0]), ("own_threshold", limits[1])):
        ours = closed_frames(fitted, limit)
        result[name] = {
            "closed": int((ours > 0).sum()),
            "closure_share_percent": 100 * float((ours > 0).sum() / (measured > 0).sum()),
            "kept_percent": 100 * float(((ours > 0) & (measured > 0)).sum() / (measured > 0).sum()),
            "frames_share_percent": 100 * float(ours.sum() / measured.sum()),
        }
    return result


def measure_stability(clips: list[Clip]) -> dict[str, Any]:
    """Motion stability index of the mouth-free landmarks (`talkinghead.fitting.report.Stability`), fitted over raw.

    `msi_ratio` is the ratio of the means over clips, `msi_ratio_median` the median of the clips' own ratios.
    """
    pairs = np.array([stability(clip.track, clip.fit.parameters) for clip in clips])
    return {
        "clips": len(clips),
        "msi_raw": float(pairs[:, 0].mean()),
        "msi_fitted": float(pairs[:, 1].mean()),
        "msi_ratio": float(pairs[:, 1].mean() / pairs[:, 0].mean()),
        "msi_ratio_median": float(np.median(pairs[:, 1] / pairs[:, 0])),
    }


def measure_speed(folder: Path, count: int) -> dict[str, Any]:
    """Frames per second of `talkinghead fit VIDEO --output Y` in one process, detection included.

    `clips`: each clip on its own, so that each pays for opening the file, starting the detector, searching its first
    frame and fitting the identity; `joined`: the same clips as one video. A clip before them loads and compiles and is
    not counted. `frames_per_cpu_second` counts the processor time of all threads, which what else runs hardly changes.
    """
    videos = sorted(folder.glob("*.mp4"))[: count + 1]
    with tempfile.TemporaryDirectory() as temporary:
        output = FitOutputs(Path(temporary) / "y.safetensors")
        fit_video(videos[0], output)
        joined = join_videos(videos[1:], Path(temporary) / "joined.mp4")
        return {"clips": _timed(videos[1:], output), "joined": _timed([joined], output)}


def _timed(videos: list[Path], output: FitOutputs) -> dict[str, Any]:
    started, spent, frames = time.perf_counter(), time.process_time(), 0
    stages: dict[str, float] = {}
    for path in videos:
        figures = fit_video(path, output).report
        frames += figures["frames"]
        for stage, timing in figures["timing"].items():
            stages[stage] = stages.get(stage, 0.0) + timing["seconds"]
    return {
        "videos": len(videos),
        "frames": frames,
        "frames_per_second": frames / (time.perf_counter() - started),
        "frames_per_cpu_second": frames / (time.process_time() - spent),
        "stages_frames_per_second": {stage: frames / seconds for stage, seconds in stages.items()},
    }


def join_videos(videos: list[Path], output: Path) -> Path:
    """The videos one after the other, their streams copied."""
    names = output.with_suffix(".txt")
    names.write_text("".join(f"file '{path.absolute()}'\n" for path in videos))
    command = [get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y", "-f", "concat", "-safe", "0", "-i", str(names)]
    subprocess.run([*command, "-c", "copy", str(output)], check=True, stdin=subprocess.DEVNULL)
    return output


def measure_repeatability(clips: list[Clip]) -> dict[str, Any]:
    """Two halves of one person's clips, each fitted with one identity: how far their faces at rest lie apart.

    `vertex_rms_mm` is over all vertices of the two neutral meshes in the head frame, without any alignment.
    """
    from face3d.fit.track_fit import fit_track

    half = len(clips) // 2
    neutral = []
    for part in (clips[:half], clips[half:]):
        parameters = fit_track(join([clip.track for clip in part])).parameters
        neutral.append(personal_model(parameters).neutral(parameters.identity))
    difference = neutral[0] - neutral[1]
    return {"clips": len(clips), "vertex_rms_mm": float(difference.square().sum(-1).mean().sqrt())}


def join(tracks: list[Track]) -> Track:
    """One track with a cut between each two."""
    shots, last = [], 0
    for track in tracks:
        shots.append(np.asarray(track.shot, np.int32) + np.int32(last))
        last = int(shots[-1][-1]) + 1
    arrays = {
        name: np.concatenate([getattr(track, name) for track in tracks])
        for name in ("landmarks_px", "landmarks_z", "scores", "found", "others")
    }
    return Track(**arrays, shot=np.concatenate(shots), fps=tracks[0].fps, image_size=tracks[0].image_size)


def draw_clip(clip: Clip, output: Path) -> dict[str, Any]:
    """A picture of one clip: aperture raw and fitted with the words, head angles, error."""
    from matplotlib.figure import Figure

    seconds = np.arange(len(clip.track)) / clip.track.fps
    figure = Figure(figsize=(13, 8), dpi=100, layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    raw = aperture(clip.track.landmarks_px)
    axes[0].plot(seconds, raw, "k.-", label="aperture, raw", linewidth=0.8, markersize=4)
    axes[0].plot(
        seconds, aperture(clip.fitted_landmarks), "C1.-", label="aperture, fitted", linewidth=1.2, markersize=4
    )
    axes[0].axhline(CLOSED_SHARE * np.percentile(raw, 95), color="C3", linewidth=0.8, label="closed")
    for word in clip.words:
        colour = "C0" if word.name in BILABIAL_WORDS else "#909090"
        axes[0].axvspan(word.start, word.end, color=colour, alpha=0.15, linewidth=0)
        axes[0].text((word.start + word.end) / 2, axes[0].get_ylim()[1] * 0.95, word.name, ha="center", va="top")
    for index, name in enumerate(("yaw", "pitch", "roll")):
        axes[1].plot(seconds, head_degrees(clip.fit.parameters.rotation)[:, index], label=f"{name}, degrees")
    axes[2].plot(seconds, 100 * clip.fit.nme, label="landmark error, %")
    for panel in axes:
        panel.legend(loc="upper right", fontsize=8)
        panel.grid(alpha=0.25)
    figure.savefig(output)
    return {"written": str(output)}


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="+", choices=("nme", "lips", "stability", "speed", "repeat", "plot"))
    parser.add_argument("--grid", type=Path, required=True, help="folder of GRID clips")
    parser.add_argument("--clips", type=int, default=100, help="the first so many by name")
    parser.add_argument("--photos", type=Path, help="folder of photos for nme")
    parser.add_argument("--photo-count", type=int, default=100)
    parser.add_argument("--cache", type=Path, help="folder to keep the tracks in")
    parser.add_argument("--output", type=Path, default=Path("clip.png"), help="the picture of plot")
    options = parser.parse_args()
    torch.set_num_threads(1)
    photos = sorted(options.photos.glob("*.jpg")) + sorted(options.photos.glob("*.png")) if options.photos else []
    with tempfile.TemporaryDirectory() as temporary:
        wanted = [figure for figure in options.figures if figure != "speed"]
        clips = read_clips(options.grid, options.clips, options.cache or Path(temporary)) if wanted else []
        measures: dict[str, Callable[[], dict[str, Any]]] = {
            "nme": lambda: measure_nme(clips, photos[: options.photo_count]),
            "lips": lambda: measure_lips(clips),
            "stability": lambda: measure_stability(clips),
            "speed": lambda: measure_speed(options.grid, options.clips),
            "repeat": lambda: measure_repeatability(clips),
            "plot": lambda: draw_clip(clips[0], options.output),
        }
        for figure in options.figures:
            print(json.dumps({figure: measures[figure]()}, indent=2), flush=True)


if __name__ == "__main__":
    main()
