"""Implicit motion: its code, decoder, streams, losses and file, on made-up motion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from scripts.lab.speech.ablation.implicit import EQUATION_1, PLAIN, MotionAutoencoder, implicit_loss, places
from scripts.lab.speech.ablation.implicit_trainer import (
    coded_batch,
    coded_clip,
    coded_loss,
    coded_rest,
    train_autoencoder,
    train_coded_generator,
)
from scripts.lab.speech.generator.batches import Batch, VaryOptions, WindowSampler
from scripts.lab.speech.generator.data import Clip
from scripts.lab.speech.generator.trainer import GeneratorLoss, GeneratorOptions
from scripts.lab.training.loop import Run
from talkinghead.speech.generate.channels import MOTION_CHANNELS
from talkinghead.speech.generate.implicit import CodedStream, CodeSize, MotionDecoder, coded_windows, decoded
from talkinghead.speech.generate.network import GeneratorSize, MotionNetwork
from talkinghead.speech.generate.sampler import SamplerOptions
from talkinghead.speech.generate.weights import TrainedGenerator, load_generator, save_generator
from talkinghead.speech.generate.windows import MotionStream, Rest, SamplingOptions, WindowOptions

CHANNELS, CONDITION = len(MOTION_CHANNELS), 6
SMALL = CodeSize((14, 10), (4, 3), stride=2, width=24)
JAW, HEAD = slice(0, 1), slice(14, 17)
WINDOWS = WindowOptions(prefix=4, new=28, fade=2)
VARY = VaryOptions(noise=0, mirror=0, tempo=(1, 1), windows=WINDOWS)
OPTIONS = GeneratorOptions(steps=100, batch=4, rate=1e-2, seed=3, averaging=0.9, vary=VARY)
REST = Rest(torch.zeros(CHANNELS), torch.zeros(CONDITION))


def clip(frames: int, seed: int) -> Clip:
    """A mouth that follows the speech, a head that does not."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None]
    speech = 0.5 + 0.5 * np.sin(time / rng.uniform(4, 8, (1, CONDITION)) + rng.uniform(0, 6, (1, CONDITION)))
    motion = np.zeros((frames, CHANNELS), np.float32)
    motion[:, :3] = 0.1 + 0.2 * speech[:, :3]
    motion[:, 14:17] = 0.05 * np.sin(time / 9 + rng.uniform(0, 6, (1, 3)))
    known = np.ones(CHANNELS, np.bool_)
    if seed % 3 == 0:
        known[14:], motion[:, 14:] = False, 0
    return Clip(speech[None].astype(np.float16), motion, known, "grid", f"clip{seed}")


CLIPS = [clip(100, seed) for seed in range(6)]


@pytest.fixture(scope="module")
def trained() -> MotionAutoencoder:
    """A small code of the made-up motion."""
    return train_autoencoder(CLIPS, REST, OPTIONS, PLAIN, SMALL, Run(report=lambda _: None))[0]


def batch(number: int = 0) -> Batch:
    return WindowSampler(CLIPS, REST, 5, VARY).batch(number, 8)


def random_decoder(size: CodeSize = SMALL) -> MotionDecoder:
    torch.manual_seed(0)
    decoder = MotionDecoder(size).eval()
    decoder.mean.copy_(torch.linspace(-1, 1, CHANNELS))
    decoder.spread.copy_(torch.linspace(0.5, 2, CHANNELS))
    return decoder


def random_network(code: CodeSize = SMALL) -> MotionNetwork:
    torch.manual_seed(1)
    size = GeneratorSize(code.code, code.stride * CONDITION, width=16, blocks=1, heads=2, kernel=3, time_width=8)
    network = MotionNetwork(size).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network


def left(trained: MotionAutoencoder, code: torch.Tensor, given: Batch, channels: slice) -> float:
    """Share of the motion's squares that a code's motion misses, where the channels are known."""
    with torch.no_grad():
        wanted = trained.decoder.normalised(given.motion)
        missed = trained.decoder(code) - wanted
    seen = (given.known[:, channels.start] > 0)[:, None] & (given.valid > 0)
    return float(missed[seen][:, channels].square().mean() / wanted[seen][:, channels].square().mean())


def test_code_rebuilds_the_motion_it_was_learnt_from(trained: MotionAutoencoder) -> None:
    given = batch(99)
    with torch.no_grad():
        code = trained.code(given.motion, given.known).mean
    assert left(trained, code, given, JAW) < 0.2
    assert left(trained, code, given, HEAD) < 0.7


def test_equation_1_loss_goes_down_and_speech_tells_the_mouth_but_not_the_head() -> None:
    first, last = (
        train_autoencoder(CLIPS, REST, OPTIONS, EQUATION_1, SMALL, Run(report=lambda _: None, stop=steps))[0]
        for steps in (1, 80)
    )
    given = batch(50)
    with torch.no_grad():
        before, after = (implicit_loss(m, given, torch.Generator().manual_seed(0), EQUATION_1) for m in (first, last))
        heard = last.speech(given.condition)
    assert set(before) == {"clean", "velocity", "gap", "prior", "heard clean", "heard velocity", "heard gap", "aligned"}
    assert float(sum(after.values())) < 0.6 * float(sum(before.values()))
    assert float(after["heard gap"]) < 0.5 * float(before["heard gap"])
    assert left(last, heard, given, JAW) < 0.5
    assert left(last, heard, given, HEAD) > 0.8
    assert set(implicit_loss(first, given, torch.Generator(), PLAIN)) == {"clean", "velocity", "gap", "prior"}


def test_unknown_channels_and_filling_change_nothing() -> None:
    torch.manual_seed(0)
    model = MotionAutoencoder(SMALL, CONDITION)
    given = batch()
    known = given.known.clone()
    known[:, 14:] = 0
    given = replace(given, known=known)
    other = given.motion.clone()
    other[:, :, 14:] += 1

    def loss(motion: torch.Tensor) -> list[float]:
        parts = implicit_loss(model, replace(given, motion=motion), torch.Generator().manual_seed(0), PLAIN)
        return [float(value.detach()) for value in parts.values()]

    assert loss(other) == pytest.approx(loss(given.motion), rel=1e-5)
    # Of the wholly unknown group no code is asked for.
    assert coded_batch(model, given).known[:, 4:].abs().max() == 0
    flags = model.decoder.group_flags(torch.nn.functional.one_hot(torch.tensor([0, 20]), CHANNELS).float())
    assert flags.tolist() == [[1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1]]


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_a_frame_depends_on_the_codes_within_context_only(stride: int) -> None:
    decoder = random_decoder(replace(SMALL, stride=stride))
    codes = torch.randn(1, 21, SMALL.code)
    changed = codes.clone()
    changed[:, 10] += 3
    difference = (decoder(changed) - decoder(codes)).abs().amax((0, 2)).view(21, stride).amax(1)
    reached = (difference > 1e-5).nonzero()
    assert reached.min() >= 10 - decoder.context
    assert reached.max() <= 10 + decoder.context
    assert difference[10] > 1e-2


@pytest.mark.parametrize("cuts", [(200,), (1,) * 200, (7, 0, 93, 100), (199, 1), (131, 69)])
def test_decoding_in_pieces_is_decoding_the_whole(cuts: tuple[int, ...]) -> None:
    network, decoder = random_network(), random_decoder()
    condition = torch.randn(200, CONDITION, generator=torch.Generator().manual_seed(5))
    rest = Rest(torch.randn(SMALL.code), torch.zeros(2 * CONDITION))
    options = SamplingOptions(SamplerOptions(2), coded_windows(WINDOWS, 2))
    stream = CodedStream(network, decoder, [4, 5], rest, options)
    made = torch.cat([*(stream.push(part) for part in condition.split(cuts)), stream.finish()], 1)
    codes = MotionStream(network, [4, 5], rest, options)
    whole = torch.cat([codes.push(condition.reshape(100, -1)), codes.finish()], 1)
    assert made.shape == (2, 200, CHANNELS)
    assert torch.allclose(made, decoded(decoder, whole, rest.motion), atol=1e-5)


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 27, 28, 29, 61])
def test_every_frame_is_made(frames: int) -> None:
    options = SamplingOptions(SamplerOptions(1), coded_windows(WINDOWS, 2))
    rest = Rest(torch.zeros(SMALL.code), torch.zeros(2 * CONDITION))
    stream = CodedStream(random_network(), random_decoder(), [0], rest, options)
    made = torch.cat([stream.push(torch.zeros(frames, CONDITION)), stream.finish()], 1)
    assert made.shape == (1, frames, CHANNELS)
    assert torch.isfinite(made).all()


def test_batches_of_codes_keep_their_places(trained: MotionAutoencoder) -> None:
    given = batch(3)
    coded = coded_batch(trained, given)
    assert coded.motion.shape == (8, 16, SMALL.code)
    assert torch.equal(coded.condition[:, 5, CONDITION:], given.condition[:, 11])
    assert places(torch.tensor([[1.0, 1, 1, 0, 0, 0]]), 2).tolist() == [[1, 0, 0]]
    one = coded_clip(trained, CLIPS[3])
    assert one.motion.shape == (50, SMALL.code)
    assert one.conditions.shape == (1, 50, 2 * CONDITION)
    assert one.known.tolist() == [True] * 4 + [False] * 3
    assert coded_rest(trained, REST).condition.shape == (2 * CONDITION,)


def test_generator_of_codes_learns_and_moves_the_mouth_with_the_speech(trained: MotionAutoencoder) -> None:
    size = GeneratorSize(CHANNELS, CONDITION, width=16, blocks=1, heads=2, kernel=3, time_width=8)
    network, notes = train_coded_generator(
        trained, CLIPS, REST, replace(OPTIONS, steps=30, ridge=0.1), size=size, run=Run(report=lambda _: None)
    )
    assert network.size.channels == SMALL.code
    assert notes["size"]["condition"] == 2 * CONDITION
    parts = coded_loss(network, trained, batch(2), torch.Generator().manual_seed(0), GeneratorLoss(), 0.0)
    assert all(torch.isfinite(part) for part in parts.values())
    generator = TrainedGenerator(
        network, MOTION_CHANNELS, coded_rest(trained, REST), torch.zeros(SMALL.code), torch.ones(CHANNELS),
        decoder=trained.decoder,
    )  # fmt: skip
    stream = generator.stream([1], SamplingOptions(SamplerOptions(4)))
    speech = torch.from_numpy(CLIPS[1].conditions[0].astype(np.float32))
    made = torch.cat([stream.push(speech), stream.finish()], 1)[0].numpy()
    assert np.corrcoef(made[20:, 0], CLIPS[1].motion[20:, 0])[0, 1] > 0.8


def test_windows_must_hold_whole_codes(trained: MotionAutoencoder) -> None:
    odd = replace(OPTIONS, vary=replace(VARY, windows=WindowOptions(10, 65, 6)))
    with pytest.raises(ValueError, match="75 frames"):
        train_autoencoder(CLIPS, REST, odd, size=SMALL)
    with pytest.raises(ValueError, match="75 frames"):
        train_coded_generator(trained, CLIPS, REST, odd)


def test_file_holds_either_representation(tmp_path: Path) -> None:
    decoder = random_decoder()
    rest = Rest(torch.randn(SMALL.code), torch.zeros(2 * CONDITION))
    trained = TrainedGenerator(
        random_network(), MOTION_CHANNELS, rest, torch.ones(SMALL.code), torch.ones(CHANNELS), 0.5, decoder=decoder
    )
    save_generator(trained, tmp_path / "g.safetensors")
    loaded = load_generator(tmp_path / "g.safetensors")
    assert loaded.decoder is not None
    assert loaded.decoder.size == SMALL
    condition = torch.randn(30, CONDITION)

    def motion(generator: TrainedGenerator) -> torch.Tensor:
        stream = generator.stream([2], SamplingOptions(SamplerOptions(2)))
        return torch.cat([stream.push(condition), stream.finish()], 1)

    assert torch.allclose(motion(loaded), motion(trained), atol=0.05)
    assert torch.allclose(loaded.mean, decoder.mean, atol=1e-3)
    save_generator(replace(trained, decoder=None), tmp_path / "e.safetensors")
    assert load_generator(tmp_path / "e.safetensors").decoder is None
