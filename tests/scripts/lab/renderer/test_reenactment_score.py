"""Scores of rows whose likeness to the real frames is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from face3d.detect.detector import FaceDetection
from scripts.lab.measure.landmark_warp import LandmarkWarp
from scripts.lab.measure.regions import unit
from scripts.lab.renderer.reenactment_score import OPEN, Photo, RowScore, Scorer, Target, mean_of, summary

MOVES = ((0.0, 0.0), (1.0, 0.5), (2.0, 1.0), (3.0, 1.5))


@pytest.fixture(scope="module")
def targets(astronaut: np.ndarray, astronaut_detection: FaceDetection) -> list[Target]:
    """The astronaut, pushed a little to the side from frame to frame."""
    points = astronaut_detection.landmarks_px
    warp = LandmarkWarp(astronaut, points, anchored=True)
    moved = [(points + np.array(move)).astype(np.float32) for move in MOVES]
    return [Target(number, warp(place), place) for number, place in enumerate(moved)]


def score(targets: list[Target], frames: list[np.ndarray], **photo: object) -> RowScore:
    with Scorer(Photo(targets[0].image, targets[0].points, **photo)) as scorer:
        for target, frame in zip(targets, frames, strict=True):
            scorer.add(target, frame, measured=target.number > 0)
        return scorer.result()


def test_the_real_row(targets: list[Target]) -> None:
    result = score(targets, [target.image for target in targets], embed=lambda image, points: points.ravel())
    assert result.frames == 3
    assert result.lost == 0
    assert result.psnr == dict.fromkeys((1, 2, 3), math.inf)
    assert result.figures["ssim"] == pytest.approx(1)
    # What is left is the detector's noise.
    assert result.figures["lmd"] < 1.0
    assert result.figures["identity"] > 0.999
    assert result.figures["seam"] == pytest.approx(1, abs=0.2)
    assert result.figures["flicker"] < 30


def test_a_row_that_stands_still(targets: list[Target]) -> None:
    result = score(targets, [targets[0].image] * 4)
    expected = np.mean([np.hypot(*move) for move in MOVES[1:]]) * unit(targets[0].points)
    assert result.figures["lmd"] == pytest.approx(expected, abs=0.8)
    assert result.psnr[1] > result.psnr[2] > result.psnr[3]
    # The detector measures the very same frame a little differently in a crop around what it saw last.
    assert result.figures["flicker"] < 5
    assert result.figures["edge"] == 1
    assert sum(share for share, _ in result.regions.values()) == pytest.approx(1)
    assert "identity" not in result.figures


def test_an_error_is_found_where_it_is(targets: list[Target]) -> None:
    spoilt = []
    for target in targets:
        frame = target.image.copy()
        frame[target.regions["eyes"]] //= 2
        spoilt.append(frame)
    regions = score(targets, spoilt).regions
    assert regions["eyes"][0] == pytest.approx(1)
    assert regions["face"][1] == math.inf


def test_the_mouths_inside(targets: list[Target]) -> None:
    open_ones = [target for target in targets[1:] if target.interior is not None]
    assert len(open_ones) == 3, f"the astronaut's smile shows teeth, more than {OPEN}"
    darker = []
    for target in targets:
        frame = target.image.copy()
        inside = target.interior
        assert inside is not None
        frame[inside] = np.maximum(frame[inside], 20) - 20
        darker.append(frame)
    result = score(targets, darker)
    assert result.figures["interior"] == pytest.approx(20 * math.log10(255 / 20), abs=0.3)
    assert result.figures["interior_aligned"] == pytest.approx(result.figures["interior"], abs=2.5)


def test_a_face_that_is_lost(targets: list[Target]) -> None:
    black = np.zeros_like(targets[0].image)
    result = score(targets[:2], [targets[0].image, black])
    assert (result.frames, result.lost) == (1, 1)
    assert "lmd" not in result.figures
    assert math.isnan(result.figures["interior_aligned"])


def test_frames_of_another_size_are_refused(targets: list[Target]) -> None:
    with pytest.raises(ValueError, match="for a video of"):
        score(targets[:1], [targets[0].image[:100]])


def row(**figures: float) -> RowScore:
    return RowScore(figures, {}, 1, 0, {})


def test_summary_takes_ratios_clip_by_clip() -> None:
    clips = {
        "a": {"fitted": row(flicker=2.0, identity=0.9), "real": row(flicker=4.0, identity=1.0)},
        "b": {"fitted": row(flicker=9.0, identity=0.8), "real": row(flicker=3.0, identity=0.8)},
    }
    result = summary(clips)
    assert result["fitted"]["flicker_ratio"] == pytest.approx((0.5 + 3) / 2)
    assert result["fitted"]["identity_ratio"] == pytest.approx((0.9 + 1) / 2)
    assert result["fitted"]["flicker"] == pytest.approx(5.5)
    assert result["real"]["flicker_ratio"] == 1


def test_means_leave_out_what_could_not_be_measured() -> None:
    assert mean_of([1.0, math.nan, 3.0, math.inf]) == 2
    assert math.isnan(mean_of([math.nan]))
