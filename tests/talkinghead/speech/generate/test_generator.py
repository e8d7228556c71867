"""The generator: sampler against a known answer, network, windows, decisions, its file."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from face3d.errors import InputError
from talkinghead.speech.generate.decisions import BlinkDecider, Fixations, Smoother
from talkinghead.speech.generate.generator import BLINK_LEAD, MotionGenerator
from talkinghead.speech.generate.network import GeneratorSize, MotionNetwork, Window
from talkinghead.speech.generate.sampler import SamplerOptions, angles, guided, noisy, sample
from talkinghead.speech.generate.weights import TrainedGenerator, load_generator, save_generator
from talkinghead.speech.generate.windows import MotionStream, Rest, SamplingOptions, WindowOptions

SIZE = GeneratorSize(channels=5, condition=7, width=16, blocks=2, heads=2, kernel=3, time_width=8)
WINDOWS = WindowOptions(prefix=4, new=12, fade=3)
# What another cut of the sound may change: some processors round a matrix product by where its inputs lie in memory.
CUT = 1e-5


@pytest.fixture(scope="module")
def network() -> MotionNetwork:
    """Small, with random weights everywhere: a fresh one predicts zeros."""
    torch.manual_seed(0)
    made = MotionNetwork(SIZE).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        made.mean.copy_(torch.linspace(-1, 1, 5))
        made.spread.copy_(torch.linspace(0.5, 2, 5))
        made.noise_frames.copy_(torch.linspace(0, 2, 5))
    return made


def rest() -> Rest:
    return Rest(torch.zeros(5), torch.zeros(7))


def window(batch: int, frames: int) -> Window:
    condition = torch.randn(batch, frames, 7, generator=torch.Generator().manual_seed(3))
    return Window(condition, torch.ones(batch, 5), torch.zeros(batch, frames), torch.ones(batch))


def gaussian(mean: float, spread: float):  # type: ignore[no-untyped-def]
    """E[x0 | x] for x0 ~ N(mean, spread^2)."""

    def denoise(x: torch.Tensor, angle: float) -> torch.Tensor:
        signal, noise = math.cos(angle), math.sin(angle)
        weight = signal * spread**2 / (signal**2 * spread**2 + noise**2)
        return mean + weight * (x - signal * mean)

    return denoise


def sample_slowly(denoise, noise: torch.Tensor, steps: int) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """As `sample`, by DDIM steps alone: the reference, exact as the steps become many."""
    x = noise
    for now, then in itertools.pairwise(angles(steps)):
        clean = denoise(x, now)
        x = math.cos(then) * clean + math.sin(then) * (x - math.cos(now) * clean) / math.sin(now)
    return x


def test_slow_sampler_maps_noise_to_the_gaussian_that_it_is_told() -> None:
    noise = torch.randn(64, generator=torch.Generator().manual_seed(0))
    drawn = sample_slowly(gaussian(2.0, 0.3), noise, 2000)
    assert torch.allclose(drawn, 2.0 + 0.3 * noise, atol=5e-3)


@pytest.mark.parametrize(("spread", "tolerance"), [(0.2, 0.08), (0.5, 0.04), (1.0, 0.03)])
def test_eight_steps_come_near_the_exact_answer(spread: float, tolerance: float) -> None:
    noise = torch.randn(64, generator=torch.Generator().manual_seed(0))
    drawn = sample(gaussian(-1.0, spread), noise, 8)
    assert float((drawn + 1.0).std() / (spread * noise.std())) == pytest.approx(1, abs=tolerance)


def test_fast_sampler_finds_both_ends_of_a_mixture() -> None:
    def denoise(x: torch.Tensor, angle: float) -> torch.Tensor:
        parts = [gaussian(mean, 0.1)(x, angle) for mean in (-1.0, 1.0)]
        variance = math.cos(angle) ** 2 * 0.01 + math.sin(angle) ** 2
        right = torch.sigmoid(2 * x * math.cos(angle) / variance)
        return parts[0] * (1 - right) + parts[1] * right

    noise = torch.randn(500, generator=torch.Generator().manual_seed(1))
    drawn, exact = sample(denoise, noise, 10), sample_slowly(denoise, noise, 1000)
    assert ((drawn > 0) == (exact > 0)).float().mean() > 0.98
    assert float(((drawn.abs() - 1).abs() < 0.35).float().mean()) > 0.95


def test_path_runs_from_motion_to_noise() -> None:
    clean, noise = torch.ones(2, 3, 4), torch.full((2, 3, 4), 5.0)
    mixed = noisy(clean, noise, torch.tensor([0.0, math.pi / 2]))
    assert torch.equal(mixed[0], clean[0])
    assert torch.allclose(mixed[1], noise[1])


def test_guidance_of_one_is_the_conditional_prediction() -> None:
    conditional, unconditional = torch.tensor([3.0]), torch.tensor([1.0])
    assert guided(conditional, unconditional, 1.0) == 3.0
    assert guided(conditional, unconditional, 2.0) == 5.0


@pytest.mark.parametrize("values", [{"steps": 0}, {"steps": 1001}, {"guidance": -1.0}, {"guidance": math.nan}])
def test_sampler_refuses_senseless_options(values: dict[str, float]) -> None:
    with pytest.raises(InputError):
        SamplerOptions(**values)  # type: ignore[arg-type]


def test_network_keeps_unknown_channels_out(network: MotionNetwork) -> None:
    given = window(2, 9)
    given = dataclasses.replace(given, known=torch.tensor([[1.0, 1, 1, 1, 0]]).expand(2, -1))
    x = torch.randn(2, 9, 5)
    changed = x.clone()
    changed[..., 4] += 10
    level = torch.full((2,), 0.7)
    assert torch.allclose(network(x, level, given), network(changed, level, given), atol=1e-6)
    assert network(x, level, given)[..., 4].abs().max() == 0


def test_network_that_hears_nothing_ignores_the_condition(network: MotionNetwork) -> None:
    given = dataclasses.replace(window(2, 9), spoken=torch.tensor([0.0, 1.0]))
    x, level = torch.randn(2, 9, 5), torch.full((2,), 0.7)
    other = dataclasses.replace(given, condition=given.condition + 1)
    first, second = network(x, level, given), network(x, level, other)
    assert torch.allclose(first[0], second[0], atol=1e-6)
    assert not torch.allclose(first[1], second[1], atol=1e-2)


def test_attention_sees_distances_only() -> None:
    from talkinghead.speech.generate.network import _rotary, _turned

    cosine, sine = _rotary(20, 8, torch.device("cpu"))
    query, key = torch.randn(1, 1, 1, 8).expand(-1, -1, 20, -1), torch.randn(1, 1, 1, 8).expand(-1, -1, 20, -1)
    scores = (_turned(query, (cosine, sine)) @ _turned(key, (cosine, sine)).transpose(-1, -2))[0, 0]
    assert torch.allclose(scores.diagonal(3), scores.diagonal(3)[:1].expand(17), atol=1e-5)


def test_noise_is_as_slow_as_its_channel_and_keeps_its_variance(network: MotionNetwork) -> None:
    slow = MotionNetwork(SIZE)
    slow.noise_frames.copy_(torch.tensor([0.0, 1.0, 2.0, 4.0, 8.0]))
    noise = slow.shaped(torch.randn(4000, 40, 5, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(noise.std(0), torch.ones(40, 5), atol=0.06)
    change = noise.diff(dim=1).square().mean((0, 1))
    assert (change.diff() < 0).all()
    assert float(change[0]) == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("cuts", [(50,), (1,) * 50, (7, 0, 13, 30), (49, 1)])
def test_any_cut_gives_the_same_motion(network: MotionNetwork, cuts: tuple[int, ...]) -> None:
    condition = torch.randn(50, 7, generator=torch.Generator().manual_seed(5))
    options = SamplingOptions(SamplerOptions(3), WINDOWS)
    whole = MotionStream(network, [4], rest(), options)
    expected = torch.cat([whole.push(condition), whole.finish()], 1)
    assert expected.shape == (1, 50, 5)
    stream = MotionStream(network, [4], rest(), options)
    made = torch.cat([*(stream.push(part) for part in condition.split(cuts)), stream.finish()], 1)
    assert torch.allclose(made, expected, atol=CUT)


@pytest.mark.parametrize("frames", [0, 1, 9, 12, 13, 18, 21])
def test_every_frame_is_made(network: MotionNetwork, frames: int) -> None:
    stream = MotionStream(network, [0], rest(), SamplingOptions(SamplerOptions(2), WINDOWS))
    made = torch.cat([stream.push(torch.zeros(frames, 7)), stream.finish()], 1)
    assert made.shape == (1, frames, 5)
    assert torch.isfinite(made).all()


def test_seeds_differ_and_each_is_itself_beside_others(network: MotionNetwork) -> None:
    condition = torch.randn(30, 7, generator=torch.Generator().manual_seed(5))
    options = SamplingOptions(SamplerOptions(3), WINDOWS)

    def motion(seeds: list[int]) -> torch.Tensor:
        stream = MotionStream(network, seeds, rest(), options)
        return torch.cat([stream.push(condition), stream.finish()], 1)

    both = motion([1, 2])
    assert (both[0] - both[1]).abs().max() > 0.1
    assert torch.allclose(both[1:], motion([2]), atol=1e-4)


def test_cold_channels_are_the_same_for_every_seed(network: MotionNetwork) -> None:
    options = SamplingOptions(SamplerOptions(3), WINDOWS, torch.zeros(5))
    stream = MotionStream(network, [1, 2], rest(), options)
    made = torch.cat([stream.push(torch.randn(30, 7)), stream.finish()], 1)
    assert torch.allclose(made[0], made[1], atol=1e-5)


def test_file_brings_everything_back(network: MotionNetwork, tmp_path: Path) -> None:
    trained = TrainedGenerator(network, tuple("abcde"), rest(), torch.full((5,), 0.5), torch.full((5,), 1.5), 0.6,
                               {"seed": 1})  # fmt: skip
    save_generator(trained, tmp_path / "g.safetensors")
    loaded = load_generator(tmp_path / "g.safetensors")
    assert (loaded.names, loaded.blink_threshold, loaded.notes) == (tuple("abcde"), 0.6, {"seed": 1})
    assert loaded.network.size == SIZE
    assert torch.equal(loaded.gain, trained.gain)
    assert torch.equal(loaded.temperature, trained.temperature)
    x, level, given = torch.randn(1, 6, 5), torch.tensor([0.5]), window(1, 6)
    assert torch.allclose(loaded.network(x, level, given), network(x, level, given), atol=2e-2)


def test_other_files_are_refused(network: MotionNetwork, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "g.safetensors"
    with pytest.raises(InputError, match="There is no"):
        load_generator(path)
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable"):
        load_generator(path)
    save_file({"a": torch.zeros(1)}, str(path))
    with pytest.raises(InputError, match="format"):
        load_generator(path)


def curve_with(peaks: list[tuple[int, float]], frames: int) -> np.ndarray:
    x = np.arange(frames)
    return np.max([h * np.exp(-((x - p) ** 2) / 12) for p, h in peaks], 0).astype(np.float32)


@pytest.mark.parametrize("cut", [1, 5, 200])
def test_blinks_are_the_peaks_above_the_threshold(cut: int) -> None:
    curve = curve_with([(0, 0.9), (40, 0.9), (70, 0.3), (100, 0.7), (104, 0.6), (199, 0.8)], 200)
    decider = BlinkDecider(0.5)
    found: list[int] = []
    for start in range(0, 200, cut):
        found += decider.push(curve[start : start + cut])
        assert all(frame < decider.decided for frame in found)
    assert found + decider.finish() == [0, 40, 100, 199]


def test_a_plateau_is_one_blink() -> None:
    curve = np.zeros(60, np.float32)
    curve[20:26] = 1
    decider = BlinkDecider(0.5)
    assert decider.push(curve) + decider.finish() == [20]


@pytest.mark.parametrize("cut", [1, 7, 60])
def test_smoothing_keeps_slow_curves_and_channels_of_width_zero(cut: int) -> None:
    x = np.arange(60)
    curves = np.stack([np.sin(x / 20), (-1.0) ** x, (-1.0) ** x], 1).astype(np.float32)
    smoother = Smoother(np.array([2, 2, 0], np.float32))
    made = np.concatenate([*(smoother.push(curves[i : i + cut]) for i in range(0, 60, cut)), smoother.finish()])
    assert made.shape == curves.shape
    assert np.abs(made[6:-6, 0] - curves[6:-6, 0]).max() < 0.02
    assert np.abs(made[6:-6, 1]).max() < 1e-3
    assert np.allclose(made[:, 2], curves[:, 2])


@pytest.mark.parametrize("cut", [1, 7, 90])
def test_gaze_rests_until_it_really_leaves(cut: int) -> None:
    rng = np.random.default_rng(0)
    gaze = np.repeat([[0.0, 0.0], [0.0, 0.15], [-0.1, 0.15]], 30, 0) + rng.normal(0, 0.003, (90, 2))
    fixations = Fixations()
    made = [fixations.push(gaze[i : i + cut].astype(np.float32)) for i in range(0, 90, cut)]
    rested = np.concatenate([*made, fixations.finish()])
    assert rested.shape == (90, 2)
    jumps = np.flatnonzero(np.abs(np.diff(rested, axis=0)).max(1) > 0)
    assert len(jumps) == 2
    assert np.abs(jumps - [29, 59]).max() <= 3
    assert np.abs(rested[45] - [0, 0.15]).max() < 0.01


NAMES = ("head_yaw", "gaze_pitch", "gaze_yaw", "blink", "jawOpen")


def generator(network: MotionNetwork, threshold: float) -> MotionGenerator:
    trained = TrainedGenerator(
        network,
        NAMES,
        rest(),
        torch.ones(5),
        torch.full((5,), 2.0),
        threshold,
        smoothing=torch.tensor([2.0, 0, 0, 0, 0]),
    )
    return MotionGenerator(trained, SamplerOptions(3))


def conditions(frames: int) -> np.ndarray:
    return torch.randn(frames, 7, generator=torch.Generator().manual_seed(5)).numpy()


@pytest.mark.parametrize("cut", [1, 13, 200])
def test_pieces_join_to_the_same_frames_and_blinks(network: MotionNetwork, cut: int) -> None:
    heard = conditions(200)
    made = generator(network, -100.0)

    def joined(size: int) -> tuple[np.ndarray, list[int]]:
        pieces = list(made.stream([heard[i : i + size] for i in range(0, 200, size)], 3))
        starts = np.cumsum([0, *(len(piece.frames) for piece in pieces)])
        blinks = [int(start) + frame for start, piece in zip(starts, pieces, strict=False) for frame in piece.blinks]
        assert all(0 <= frame < len(piece.frames) for piece in pieces for frame in piece.blinks)
        return np.concatenate([piece.frames for piece in pieces]), blinks

    frames, blinks = joined(cut)
    assert frames.shape == (200, 5)
    expected_frames, expected_blinks = joined(77)
    np.testing.assert_allclose(frames, expected_frames, rtol=0, atol=CUT)
    assert blinks == expected_blinks
    peaks = BlinkDecider(-100.0)
    found = peaks.push(frames[:, 3]) + peaks.finish()
    assert blinks == [frame - BLINK_LEAD for frame in found if frame >= BLINK_LEAD]
    assert len(blinks) > 1


def test_gaze_of_a_generator_rests(network: MotionNetwork) -> None:
    frames = np.concatenate([piece.frames for piece in generator(network, 0.9).stream([conditions(100)], 3)])
    still = (np.abs(np.diff(frames[:, 1:3], axis=0)).max(1) == 0).mean()
    assert still > 0.7
    assert (np.abs(np.diff(frames[:, 4])) > 0).all()


def test_nothing_heard_is_nothing_made(network: MotionNetwork) -> None:
    assert not list(generator(network, 0.9).stream([], 3))
