"""Training of the generator: its batches, losses and a small run, on made-up recordings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from scripts.lab.speech.encoder.augment import AugmentOptions
from scripts.lab.speech.generator.batches import (
    MIRRORED,
    VaryOptions,
    WindowSampler,
    line_of,
    spread_of,
)
from scripts.lab.speech.generator.data import BLINK, Clip, Listener, Recording, blink_bumps, blink_peaks, load_clips
from scripts.lab.speech.generator.measure import (
    Generated,
    calibrated_blinks,
    calibrated_gain,
    calibrated_smoothing,
    finished,
    smoothed,
)
from scripts.lab.speech.generator.trainer import (
    SPREAD_FLOOR,
    GeneratorLoss,
    GeneratorOptions,
    generator_loss,
    train_generator,
)
from scripts.lab.training.loop import Run
from talkinghead.speech.generate.channels import MOTION_CHANNELS
from talkinghead.speech.generate.conditions import CONDITION, conditions_of
from talkinghead.speech.generate.generator import MotionGenerator
from talkinghead.speech.generate.network import GeneratorSize, MotionNetwork
from talkinghead.speech.generate.weights import TrainedGenerator
from talkinghead.speech.generate.windows import Rest
from talkinghead.speech.hear.encoder import SpeechEncoder
from talkinghead.speech.hear.network import NetworkSize, SpeechNetwork
from talkinghead.speech.perform.lids import NATURAL_BLINKS

CHANNELS = len(MOTION_CHANNELS)
PLAIN = VaryOptions(mirror=0, tempo=(1, 1), head=(1, 1), mouth=(1, 1), noise=0, start=0, prefix=0, alone=0, unheard=0)
SMALL = GeneratorSize(CHANNELS, CONDITION, width=16, blocks=1, heads=2, kernel=3, time_width=8)


def clip(frames: int, seed: int = 0, source: str = "grid", versions: int = 1) -> Clip:
    """Motion that is a straight line of the condition, but for the head, which wanders."""
    rng = np.random.default_rng(seed)
    condition = rng.random((versions, frames, CONDITION)).astype(np.float16)
    condition[..., 54:57] = condition[..., 113:116] = 0  # the gates of both ticks
    motion = np.zeros((frames, CHANNELS), np.float32)
    motion[:, 0] = 0.1 + 0.3 * condition[0, :, 5]
    motion[:, 14:17] = np.cumsum(rng.normal(0, 0.002, (frames, 3)), 0)
    motion[:, BLINK] = blink_bumps((np.arange(frames) % 50 == 25).astype(np.float32))
    return Clip(condition, motion, np.ones(CHANNELS, np.bool_), source, f"{source}{seed}")


def rest() -> Rest:
    return Rest(torch.zeros(CHANNELS), torch.zeros(CONDITION))


def test_blinks_become_bumps_where_lids_are_lowest() -> None:
    lid = np.zeros(60, np.float32)
    lid[10:15] = (0.3, 0.8, 1.0, 0.7, 0.2)
    lid[40] = 0.3  # a twitch
    bumps = blink_bumps(lid)
    assert bumps.argmax() == 12
    assert bumps[40] < 0.01
    assert blink_peaks(bumps, 0.6) == [12]
    assert blink_bumps(np.zeros(5, np.float32)).max() == 0


def test_batches_are_the_same_whenever_they_are_asked_for() -> None:
    clips = [clip(75, seed) for seed in range(3)]
    first, second = (WindowSampler(clips, rest(), 1, VaryOptions()) for _ in range(2))
    second.batch(4, 3)
    for name in ("motion", "condition", "prefix"):
        assert torch.equal(getattr(first.batch(7, 3), name), getattr(second.batch(7, 3), name))
    assert not torch.equal(first.batch(7, 3).motion, first.batch(8, 3).motion)


def test_plain_windows_are_pieces_of_clips() -> None:
    one = clip(200)
    batch = WindowSampler([one], rest(), 1, PLAIN).batch(0, 2)
    assert batch.motion.shape == (2, 75, CHANNELS)
    starts = [int(np.abs(one.motion[: 200 - 74, 14] - float(row[0, 14])).argmin()) for row in batch.motion]
    for start, row in zip(starts, batch.motion, strict=True):
        assert np.allclose(row, one.motion[start : start + 75], atol=1e-6)
    assert batch.valid.min() == 1


def test_short_clips_are_filled_and_marked() -> None:
    batch = WindowSampler([clip(40)], rest(), 1, PLAIN).batch(0, 1)
    assert batch.valid.sum() == 40
    assert torch.allclose(batch.motion[0, 39], batch.motion[0, 74], atol=1e-6)


def test_mirror_turns_yaw_roll_and_gaze_only() -> None:
    one = clip(75)
    mirrored = WindowSampler([one], rest(), 1, replace(PLAIN, mirror=1.0)).batch(0, 1).motion[0].numpy()
    assert np.allclose(mirrored[:, MIRRORED], -one.motion[:, MIRRORED], atol=1e-6)
    assert np.allclose(mirrored[:, ~MIRRORED], one.motion[:, ~MIRRORED], atol=1e-6)
    assert MIRRORED.sum() == 3


def test_first_windows_begin_at_rest_and_go_on_from_there() -> None:
    batch = WindowSampler([clip(75)], rest(), 1, replace(PLAIN, start=1.0)).batch(0, 1)
    assert batch.prefix[0].tolist() == [1.0] * 10 + [0.0] * 65
    assert batch.motion[0, :10].abs().max() == 0
    assert batch.motion[0, 10, 14:17].abs().max() == 0


def test_line_finds_what_a_straight_line_can_say() -> None:
    clips = [clip(300, seed) for seed in range(4)]
    mean, spread = spread_of(clips, SPREAD_FLOOR)
    weights, offsets = line_of(clips, mean, spread, 1e-3)
    said = clips[0].conditions[0].astype(np.float32) @ weights.T + offsets
    assert np.allclose(said[:, 0], (clips[0].motion[:, 0] - mean[0]) / spread[0], atol=0.02)


def test_loss_ignores_unknown_channels_frames_outside_and_given_ones() -> None:
    torch.manual_seed(0)
    network = MotionNetwork(SMALL, dropout=0)
    batch = WindowSampler([clip(60)], rest(), 1, replace(PLAIN, prefix=1.0)).batch(0, 2)
    known = batch.known.clone()
    known[:, 14:] = 0
    batch = replace(batch, known=known)
    wrong = batch.motion.clone()
    wrong[:, :, 14:] += 1
    wrong[:, 60:] += 1

    def loss(motion: torch.Tensor) -> list[float]:
        parts = generator_loss(
            network, replace(batch, motion=motion), torch.Generator().manual_seed(0), GeneratorLoss(), 0.0
        )
        return [float(part.detach()) for part in parts.values()]

    # Frames outside the clip are seen by no output here: the network's own paths are all zero at the start.
    assert loss(wrong) == pytest.approx(loss(batch.motion))
    assert all(part > 0 for part in loss(batch.motion))


def distance(one: MotionNetwork, other: MotionNetwork) -> float:
    """Summed over all weights."""
    return sum(float((a - b).abs().sum().detach()) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_small_run_learns_resumes_and_is_finished(tmp_path: Path) -> None:
    clips = [clip(90, seed) for seed in range(4)]
    options = GeneratorOptions(steps=12, batch=4, seed=3)

    def run(path: Path, stop: int | None, seed: int = 3) -> MotionNetwork:
        network, _ = train_generator(
            clips, rest(), replace(options, seed=seed), size=SMALL, run=Run(path, report=lambda _: None, stop=stop)
        )
        return network

    whole = run(tmp_path / "a", None)
    run(tmp_path / "b", 5)
    resumed = run(tmp_path / "b", None)
    torch.manual_seed(options.seed)
    learnt = distance(whole, MotionNetwork(SMALL))
    # Adam turns a rounded gradient of nothing into a whole step: what is promised is the same way, not the same bits.
    assert distance(whole, resumed) < 0.02 * learnt
    assert distance(whole, run(tmp_path / "c", None, seed=4)) > 0.2 * learnt
    trained = finished(whole, rest(), [clip(75, 9)], 0.2, {})
    assert trained.names == MOTION_CHANNELS
    assert trained.blink_threshold is not None
    assert trained.notes["figures"]["mouth_r_real"] > 0.9


def test_gain_makes_up_for_motion_that_is_too_small() -> None:
    real = np.random.default_rng(0).normal(0, 1, (200, CHANNELS)).astype(np.float32)
    result = Generated(real, 0.8 * real[None], np.zeros((200, 3), np.float32), np.ones(CHANNELS, np.bool_))
    assert calibrated_gain([result]) == pytest.approx(np.full(CHANNELS, 1.25), rel=1e-3)


def test_smoothing_slows_only_what_is_faster_than_real() -> None:
    rng = np.random.default_rng(0)
    real = np.repeat(np.sin(np.arange(200) / 8)[:, None], CHANNELS, 1).astype(np.float32)
    made = real + np.where(np.arange(CHANNELS) == 15, 0.3, 0.0) * rng.normal(0, 1, real.shape)
    result = Generated(real, made[None].astype(np.float32), np.zeros((200, 3), np.float32), np.ones(CHANNELS, np.bool_))
    slow = np.isin(np.arange(CHANNELS), (14, 15))
    widths = calibrated_smoothing([result], slow)
    assert widths[15] > 1
    assert widths[np.arange(CHANNELS) != 15].max() == 0
    assert np.abs(np.diff(smoothed([result], widths)[0].made[0, :, 15])).mean() < 0.15


def test_blink_threshold_is_that_of_the_wanted_rate() -> None:
    # As training does: two threads wait for each other at every tiny layer, a hundred times as long on busy cores.
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = MotionNetwork(GeneratorSize(CHANNELS, CONDITION, width=16, blocks=1, heads=2, kernel=3)).eval()
    with torch.no_grad():
        network.out.weight.normal_(0, 0.3)
        network.mean[BLINK] = 1.5
    ones, rest = torch.ones(CHANNELS), Rest(torch.zeros(CHANNELS), torch.zeros(CONDITION))
    generator = TrainedGenerator(network, MOTION_CHANNELS, rest, ones, ones)
    conditions = np.random.default_rng(0).random((1, 1500, CONDITION)).astype(np.float16)
    clip = Clip(conditions, np.zeros((1500, CHANNELS), np.float32), np.ones(CHANNELS, np.bool_), "grid", "a")
    threshold, rate = calibrated_blinks(generator, [clip], range(2))
    assert rate == pytest.approx(NATURAL_BLINKS, rel=0.15)
    player = MotionGenerator(replace(generator, blink_threshold=threshold))
    heard = [conditions[0].astype(np.float32)]
    made = sum(len(piece.blinks) for seed in range(2) for piece in player.stream(heard, seed))
    assert made == pytest.approx(2 * rate, abs=2)  # two minutes; a first blink may begin before the first frame


def test_listener_hears_what_the_encoder_hears_and_keeps_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = SpeechNetwork(NetworkSize(16, (1, 2), 16, (1,)))
    rng = np.random.default_rng(0)
    envelope = np.repeat(rng.random(25), 1280)
    recordings = [
        Recording((rng.normal(0, 0.1, 32_000) * envelope).astype(np.float32), np.zeros((50, CHANNELS), np.float32),
                  np.ones(CHANNELS, np.bool_), "grid", f"r{i}")
        for i in range(6)
    ]  # fmt: skip
    listener = Listener(network, AugmentOptions(pool_seconds=2), 1)
    listener.prepare(recordings)
    made = load_clips(recordings, listener, 2, tmp_path)
    assert made[0].conditions.shape == (2, 50, CONDITION)
    expected = conditions_of(SpeechEncoder(network), recordings[0].samples)
    assert np.allclose(made[0].conditions[0].astype(np.float32), expected, atol=4e-3)
    assert not np.allclose(made[0].conditions[1], made[0].conditions[0], atol=1e-2)
    again = load_clips(recordings, Listener(network, AugmentOptions(), 2), 2, tmp_path)
    assert np.array_equal(again[3].conditions, made[3].conditions)
