import numpy as np
import pytest

from scripts.lab.speech.measure.distribution import (
    frechet_distance,
    mean_speed,
    pooled_ratio,
    pooled_std,
    seed_agreement,
    seed_spread,
    std_ratio,
    velocity_ratio,
)
from scripts.lab.speech.measure.upper import (
    beat_alignment,
    beats,
    blinks,
    head_stops,
    relative_rotation,
)

FPS = 25.0


def _lid(*middles: float, seconds: float = 0.2, length: float = 6.0, fps: float = 100.0) -> np.ndarray:
    """Triangular blinks of this whole length (foot to foot)."""
    times = (np.arange(int(length * fps)) + 0.5) / fps
    return np.max([np.clip(1 - np.abs(times - m) / (seconds / 2), 0, 1) for m in middles], axis=0)


def test_a_blink_is_counted_once_with_its_length():
    (blink,) = blinks(_lid(3.0), 100.0)
    assert blink.time == pytest.approx(3.0, abs=0.011)
    assert blink.half == pytest.approx(0.1, abs=0.011)
    assert blink.whole == pytest.approx(0.17, abs=0.012)  # 85 % of a triangle


def test_two_blinks_in_a_row_are_two_and_share_no_time():
    found = blinks(_lid(3.0, 3.15), 100.0)
    assert [round(b.time, 1) for b in found] == [3.0, 3.1]
    assert sum(b.whole for b in found) < 0.36


def test_slow_lids_and_small_ones_are_no_blinks():
    assert blinks(_lid(3.0, seconds=3.0), 100.0) == []
    assert blinks(0.2 * _lid(3.0), 100.0) == []
    assert blinks(np.full(100, 0.7), 100.0) == []


def test_a_blink_on_the_first_frame_counts():
    lid = np.zeros(75)
    lid[:3] = (0.9, 0.8, 0.2)
    assert len(blinks(lid, FPS)) == 1


def test_beats_are_the_peaks_of_the_energy():
    times = (np.arange(100) + 0.5) / FPS
    envelope = np.cos(2 * np.pi * times)  # peaks at 1, 2, 3 s
    assert beats(envelope, FPS) == pytest.approx([1, 2, 3], abs=0.03)


def test_stops_on_beats_are_aligned_and_others_are_not():
    assert beat_alignment(np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0])) == 1
    assert beat_alignment(np.array([1.1]), np.array([1.0, 2.0])) == pytest.approx(np.exp(-0.5))
    assert beat_alignment(np.array([1.5]), np.array([1.0, 2.0])) < 1e-5


def test_a_head_stops_where_it_turns_back():
    times = np.arange(100) / FPS
    rotation = np.stack([np.zeros(100), 0.1 * np.cos(np.pi * times), np.zeros(100)], 1)  # turns back at 1, 2, 3 s
    assert head_stops(rotation, FPS) == pytest.approx([1, 2, 3], abs=0.05)


def test_rotation_is_relative_to_the_median_pose():
    rotation = np.tile([0.3, -0.2, 0.1], (9, 1))
    assert relative_rotation(rotation) == pytest.approx(np.zeros((9, 3)), abs=1e-9)
    turned = np.array([[0.0, 0, 0], [0, 0.2, 0], [0, 0.1, 0]])
    assert relative_rotation(turned)[:, 1] == pytest.approx([-0.1, 0.1, 0], abs=1e-9)


def test_half_the_motion_has_half_the_ratio_and_offsets_do_not_count():
    rng = np.random.default_rng(1)
    real = [rng.standard_normal((75, 3)) for _ in range(4)]
    half = [5 + 0.5 * window for window in real]
    assert std_ratio(half, real) == pytest.approx([0.5] * 3)
    assert velocity_ratio(half, real) == pytest.approx([0.5] * 3)
    assert pooled_ratio(pooled_std(half), pooled_std(real)) == pytest.approx(0.5)
    assert mean_speed([np.arange(10.0)[:, None]]) == pytest.approx([1.0])


def test_frechet_distance_is_zero_for_the_same_and_grows():
    rng = np.random.default_rng(2)
    real = [rng.standard_normal((200, 2)) for _ in range(3)]
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-6)
    calm, calmer = ([share * window for window in real] for share in (0.7, 0.3))
    # Two positions and two velocities, each with a standard deviation of 0.7 and 0.3 of the real one.
    assert frechet_distance(calm, real) == pytest.approx(4 * 0.3**2, rel=0.05)
    assert frechet_distance(calmer, real) == pytest.approx(4 * 0.7**2, rel=0.05)


def test_seeds():
    curve = np.sin(np.arange(100) / 5)
    assert seed_agreement([curve, 2 * curve, curve + 1]) == pytest.approx(1)
    head = np.random.default_rng(3).standard_normal((5, 400, 3))
    assert seed_spread([head[0]] * 5) == pytest.approx(0, abs=1e-9)
    assert seed_spread(list(head)) == pytest.approx(0.9, abs=0.05)  # sqrt(4 / 5): of five, about their own mean
