"""Self-reenactment: how near the renderer comes to real video; docs/benchmarks.md quotes its figures.

    python scripts/benchmark_renderer.py CLIP... [--every 5] [--json F] [--sheet F] [--mouths F] [--reference FOLDER]

Each clip is fitted (`talkinghead fit`), its first frame is the photo, and rows of frames are compared with the real
ones:

    real       the video itself
    fitted     the photo driven by the fitted parameters (`talkinghead render`), before the encoder
    speech     the photo driven by the clip's sound (`talkinghead generate`), before the encoder
    still      the photo stands still
    warp       piecewise-linear warp of the photo by the 478 detected points of each real frame; outside, the photo
    anchored   the same with the picture's border held, so that everything between stretches
    encoded    the fitted row through the default encoder and back: what the encoder costs
    reference  FOLDER/NAME.mp4, another renderer's video of the same parameters and photo, where --reference is given

The photo's own frame does not count. Figures are means over a clip's frames, then over clips:

    psnr, ssim        in the face box: that of the real frame's 478 points and 10 px; SSIM of luma, Gaussian window
    lmd, lmd_mouth    mean distance of re-detected points to the real frame's, of all 478 and of the lips, in px of a
                      face box whose larger side has 256
    interior          PSNR within the real frame's inner lips, over all pixels of a clip's open frames
    interior_aligned  the same after the row's lips were warped onto the real ones, so that only colours count
    identity          cosine of the face embeddings of frame and photo (see `face_embedding.py`), and ratio:
                      over the real frames'; distance: Euclidean, 0.6 and more are two people
    flicker           mean square of frame less previous frame warped by the row's own points; ratio: over the real's
    seam              largest ratio, over rings near the border of the face, of luma's gradient across the ring to that
                      of the real frames; seam_photo: to that of the photo, which a turned head changes by itself
    edge              luma's gradient where the change ends, over the photo's there

Two cores take about 20 s per GRID clip of 75 frames, 7 s with `--every 5`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.lab.measure.face_embedding import load_embedding
from scripts.lab.measure.landmark_warp import LandmarkWarp
from scripts.lab.renderer.reenactment import Clip, fit_clip, fitted_frames, save_photo, spoken_frames
from scripts.lab.renderer.reenactment_score import Embed, Photo, RowScore, Scorer, Target, mean_of, summary
from scripts.lab.renderer.reenactment_sheets import evenly, face_strip, mouth_column, save, sheet
from talkinghead.config import Config, load_config
from talkinghead.media.video import VideoOptions, VideoWriter
from talkinghead.media.video_file import VideoFile

Image = NDArray[np.uint8]
ROWS = ("fitted", "speech", "still", "warp", "anchored", "encoded", "reference", "real")
SHEET_ROWS = ("fitted", "warp", "reference")
WORST, MOUTHS, MOUTHS_PER_ROW, WIDTH = 2, 40, 10, 18
FIGURES = (
    *("psnr", "ssim", "lmd", "lmd_mouth", "interior", "interior_aligned"),
    *("identity", "identity_ratio", "identity_distance", "flicker_ratio", "seam", "seam_photo", "edge"),
)


def chosen_frames(count: int, every: int) -> list[int]:
    """The photo's frame 0, then each `every`-th one with the one before it, which flicker needs."""
    measured = range(every, count, every)
    return sorted({0, *measured, *(number - 1 for number in measured)})


def encoded(pictures: Iterator[Image], clip: Clip, config: Config, folder: Path) -> Iterator[Image]:
    """Pictures through the default encoder and back."""
    frames = list(pictures)
    path = folder / "encoded.mp4"
    options = VideoOptions(config.video.crf, config.video.preset, config.video.threads, config.video.audio_bitrate)
    height, width = frames[0].shape[:2]
    with VideoWriter(path, (width, height), float(clip.video.fps), len(frames), None, options) as writer:
        for frame in frames:
            writer.write(frame)
    with VideoFile.open(path).read() as back:
        for frame in back:
            # An odd last column or row is not encoded.
            missing = height - frame.shape[0], width - frame.shape[1]
            yield np.pad(frame, ((0, missing[0]), (0, missing[1]), (0, 0)), "edge")


def reference_frames(path: Path, chosen: Sequence[int], size: tuple[int, int]) -> Iterator[Image]:
    """Frames of another renderer's video."""
    wanted = set(chosen)
    with VideoFile.open(path).read() as frames:
        for number, frame in enumerate(frames):
            if number in wanted:
                scaled = (frame.shape[1], frame.shape[0]) != size
                yield np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)) if scaled else frame


def row_of(
    row: str, clip: Clip, photo: Path, chosen: list[int], config: Config, reference: Path | None, folder: Path
) -> Iterator[Image]:
    """A row's frames `chosen`."""
    size = clip.video.size
    if row == "fitted":
        return fitted_frames(clip, photo, chosen, config)
    if row == "encoded":
        return encoded(fitted_frames(clip, photo, chosen, config), clip, config, folder)
    if row == "speech":
        return spoken_frames(clip, photo, chosen, config)
    if row == "reference":
        assert reference is not None  # noqa: S101 - the row is only there with it
        return reference_frames(reference / f"{clip.name}.mp4", chosen, size)
    if row == "real":
        return clip.frames(chosen)
    first = next(clip.frames([0]))
    if row == "still":
        return (first for _ in chosen)
    warp = LandmarkWarp(first, clip.landmarks_px[0], anchored=row == "anchored")
    points = (clip.landmarks_px[number] for number in chosen)
    return (first if np.isnan(p).any() else warp(p) for p in points)


def measure_clip(
    path: Path, rows: Sequence[str], every: int, config: Config, reference: Path | None, embed: Embed | None
) -> tuple[dict[str, RowScore], list[Image], list[Image]]:
    """The scores of all rows of a clip, strips of the frames that the first row draws worst, and all open mouths."""
    clip = fit_clip(path)
    chosen = chosen_frames(len(clip.landmarks_px), every)
    strips: dict[int, Image] = {}
    mouths: list[Image] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        photo_path = save_photo(clip, folder)
        photo = Photo(next(clip.frames([0])), clip.landmarks_px[0], embed)
        streams = {row: row_of(row, clip, photo_path, chosen, config, reference, folder) for row in rows}
        scorers = {row: stack.enter_context(Scorer(photo)) for row in rows}
        for number, real in zip(chosen, clip.frames(chosen), strict=True):
            target = Target(number, real, clip.landmarks_px[number])
            frames = {row: next(stream) for row, stream in streams.items()}
            if np.isnan(target.points).any():
                continue
            measured = number > 0 and number % every == 0
            for row, frame in frames.items():
                scorers[row].add(target, frame, measured)
            if measured:
                shown = [frames[row] for row in SHEET_ROWS if row in frames]
                strips[number] = face_strip(target, shown)
                mouths += [mouth_column(target, shown)] if target.interior is not None else []
        scores = {row: scorer.result() for row, scorer in scorers.items()}
    worst = sorted(strips, key=lambda number: scores[rows[0]].psnr[number])
    return scores, [strips[number] for number in worst[:WORST]], mouths


def table(rows: dict[str, dict[str, float]]) -> str:
    """Figures as text, one line per row."""
    names = [name for name in FIGURES if any(name in figures for figures in rows.values())]
    lines = [f"{'':10}" + "".join(f"{name:>{WIDTH}}" for name in names)]
    for row, figures in rows.items():
        lines.append(f"{row:10}" + "".join(f"{figures.get(name, math.nan):{WIDTH}.3f}" for name in names))
    return "\n".join(lines)


def region_table(clips: dict[str, dict[str, RowScore]], row: str) -> str:
    """Where in the face box a row's squared error lies."""
    names = list(next(iter(clips.values()))[row].regions)
    lines = [f"{row}: share of the squared error in the face box, PSNR"]
    for name in names:
        parts = [scores[row].regions[name] for scores in clips.values()]
        share, psnr = 100 * mean_of([part[0] for part in parts]), mean_of([part[1] for part in parts])
        lines.append(f"  {name:12} {share:5.1f} %  {psnr:6.2f} dB")
    return "\n".join(lines)


def main() -> int:
    """Measure, print and write; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path, help="videos of one person each, never used in training")
    parser.add_argument("--every", type=int, default=1, help="measure each N-th frame (default: all)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=[row for row in ROWS if row != "reference"])
    parser.add_argument("--reference", type=Path, help="folder with NAME.mp4 of another renderer: one row more")
    parser.add_argument("--json", type=Path, help="write all figures, also those of each clip")
    parser.add_argument("--sheet", type=Path, help=f"write a picture of each clip's {WORST} worst frames")
    parser.add_argument("--mouths", type=Path, help=f"write a picture of {MOUTHS} open mouths, real ones on top")
    options = parser.parse_args()
    rows = [*options.rows, *(["reference"] if options.reference and "reference" not in options.rows else [])]
    torch.set_num_threads(1)
    embed = load_embedding()
    if embed is None:
        print("Without dlib and face_recognition_models identity is not measured.", file=sys.stderr)
    config = load_config()
    clips: dict[str, dict[str, RowScore]] = {}
    strips: list[Image] = []
    mouths: list[Image] = []
    for path in options.clips:
        clips[path.stem], worst, open_mouths = measure_clip(path, rows, options.every, config, options.reference, embed)
        strips, mouths = strips + worst, mouths + open_mouths
        figures = summary({path.stem: clips[path.stem]})
        print(f"{path.stem}\n{table(figures)}", file=sys.stderr, flush=True)
    result = summary(clips)
    print(f"{len(clips)} clips\n{table(result)}")
    print(region_table(clips, rows[0]))
    if options.json is not None:
        each = {name: {row: asdict(score) for row, score in scores.items()} for name, scores in clips.items()}
        options.json.write_text(json.dumps({"rows": result, "clips": each}, indent=1) + "\n")
    if options.sheet is not None:
        save(sheet(strips, 1), str(options.sheet))
    if options.mouths is not None and mouths:
        save(sheet(evenly(mouths, MOUTHS), MOUTHS_PER_ROW), str(options.mouths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
