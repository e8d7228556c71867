"""Figures of generated motion on filmed clips that no training saw, whatever its representation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from scripts.lab.speech.ablation.ablation import Contender
from scripts.lab.speech.ablation.implicit import MotionAutoencoder
from scripts.lab.speech.generator.data import BLINK, Clip
from scripts.lab.speech.generator.measure import Generated, generate_from, smoothed
from scripts.lab.speech.measure import clips as recorded
from scripts.lab.speech.measure.closures import low_band_envelope
from scripts.lab.speech.measure.distribution import seed_agreement, seed_spread
from scripts.lab.speech.measure.lip_figures import agreement, channel_agreement, closure_figures
from scripts.lab.speech.measure.motion_figures import MotionWindow, compare
from scripts.lab.speech.measure.sources import METER, LipTrack, of_expression
from scripts.lab.speech.measure.speed import least_seconds
from scripts.lab.speech.measure.upper import smooth_head
from talkinghead.speech.generate.channels import MOTION_RATE
from talkinghead.speech.generate.sampler import SamplerOptions
from talkinghead.speech.generate.weights import TrainedGenerator
from talkinghead.speech.generate.windows import SamplingOptions
from talkinghead.speech.perform.mouth import GATES, POSE_CHANNELS, assemble

Array = NDArray[np.float32]
_RATIOS = (
    "mouth_std", "mouth_velocity", "mouth_std_aperture", "mouth_velocity_aperture", "head_std", "head_velocity",
    "head_std_yaw_roll", "head_velocity_yaw_roll", "frechet_mouth", "frechet_head",
)  # fmt: skip
_POSES = len(POSE_CHANNELS)
_HEAD = slice(_POSES, _POSES + 3)


@dataclass(frozen=True)
class TestClip:
    """What a representation is measured on.

    Attributes:
        clip: conditions, and real motion where it was filmed (else zeros).
        sound: samples and phones.
        lips: of the reference: the measured opening, or the rule teacher's animation.
    """

    __test__ = False  # not for pytest

    clip: Clip
    sound: recorded.Clip
    lips: LipTrack


def generated(contender: TrainedGenerator, clips: Sequence[Clip], seeds: range, steps: int = 8) -> list[Generated]:
    """Motion of every seed, finished but for the decisions about blinks and gaze."""
    options = SamplingOptions(SamplerOptions(steps), temperature=contender.temperature)
    mean, gain = contender.mean.numpy(), contender.gain.numpy()
    results = generate_from(lambda: contender.stream(seeds, options), list(clips))
    scaled = [replace(r, made=np.asarray(mean + gain * (r.made - mean), np.float32)) for r in results]
    return scaled if contender.smoothing is None else smoothed(scaled, contender.smoothing.numpy())


def filmed_figures(results: Sequence[Generated], tests: Sequence[TestClip]) -> dict[str, float]:
    """Lips against the measured ones, amounts and speeds against real motion, and how much the seed decides."""
    seeds = len(results[0].made)
    sounds = [test.sound for test in tests] * seeds
    gated, open_, real, windows = [], [], [], []
    for seed in range(seeds):
        for result, test in zip(results, tests, strict=True):
            count = len(result.motion)
            lips = expression(result.made[seed], result.gates)
            gated.append(of_expression(lips))
            open_.append(of_expression(expression(result.made[seed], None)))
            real.append(test.lips)
            windows.append(_window(result.made[seed], lips, test.sound.samples, count))
    filmed = [of_expression(expression(test.clip.motion, None)) for test in tests]
    true = [_window(t.clip.motion, expression(t.clip.motion, None), t.sound.samples, len(t.clip.motion)) for t in tests]
    lips_found = agreement(gated, real)
    ratios = compare(windows, true)
    return {
        "aperture_r": lips_found["r"],
        "aperture_r_ungated": agreement(open_, real)["r"],
        "lag": lips_found["lag"],
        "channel_r": channel_agreement(gated, filmed * seeds),
        "bilabial_closure": closure_figures(sounds, gated, MOTION_RATE)["bilabial_closure"],
        "bilabial_closure_ungated": closure_figures(sounds, open_, MOTION_RATE)["bilabial_closure"],
        "false_closure": closure_figures(sounds, gated, MOTION_RATE)["false_closure"],
        **{name: ratios[name] for name in _RATIOS},
        **_across_seeds(results),
    }


def _across_seeds(results: Sequence[Generated]) -> dict[str, float]:
    if len(results[0].made) < 2:
        return {}
    lips = [[of_expression(expression(made, r.gates)).aperture for made in r.made] for r in results]
    return {
        "seeds_aperture_r": float(np.mean([seed_agreement(curves) for curves in lips])),
        "seeds_head_spread": float(np.mean([seed_spread([*r.made[..., _HEAD].astype(np.float64)]) for r in results])),
    }


def spoken_figures(results: Sequence[Generated], tests: Sequence[TestClip]) -> dict[str, float]:
    """Lips against the rule teacher's."""
    tracks = [of_expression(expression(r.made[0], r.gates)) for r in results]
    lips = [test.lips for test in tests]
    closures = closure_figures([test.sound for test in tests], tracks, MOTION_RATE)
    return {
        "librivox_aperture_r": agreement(tracks, lips)["r"],
        "librivox_channel_r": channel_agreement(tracks, lips),
        "librivox_bilabial_closure": closures["bilabial_closure"],
    }


@torch.no_grad()
def code_figures(autoencoder: MotionAutoencoder, tests: Sequence[TestClip], considers_speech: bool) -> dict[str, float]:
    """What is left of real motion when it goes through the code and back, and when the code is phi(X)'s.

    The relative errors are root mean squares over the normalised channels, of those of the motion itself.
    """
    seen, heard, real = [], [], []
    errors: dict[str, list[float]] = {"mouth": [], "upper": []}
    stride = autoencoder.size.stride
    for test in tests:
        count = len(test.clip.motion) // stride * stride
        motion = torch.from_numpy(test.clip.motion[None, :count])
        known = torch.from_numpy(test.clip.known.astype(np.float32))[None]
        condition = torch.from_numpy(test.clip.conditions[:1, :count].astype(np.float32))
        decoder = autoencoder.decoder
        rebuilt = decoder(autoencoder.code(motion, known).mean)
        wanted = decoder.normalised(motion)
        for name, part in (("mouth", slice(0, _POSES)), ("upper", slice(_POSES, None))):
            chosen = known[0, part] > 0
            missed = (rebuilt - wanted)[..., part][..., chosen]
            middle = wanted[..., part][..., chosen]
            errors[name].append(float(missed.square().sum() / (middle - middle.mean(1, True)).square().sum()))
        seen.append(of_expression(expression(decoder.physical(rebuilt)[0].numpy(), None)))
        said = decoder.physical(decoder(autoencoder.speech(condition)))
        heard.append(of_expression(expression(said[0].numpy(), None)))
        real.append(test.lips)
    said_figures = {"phi_x_aperture_r": agreement(heard, real)["r"]} if considers_speech else {}
    return {
        "code_aperture_r": agreement(seen, real)["r"],
        "code_error_mouth": float(np.sqrt(np.mean(errors["mouth"]))),
        "code_error_upper": float(np.sqrt(np.mean(errors["upper"]))),
        **said_figures,
    }


def _generator_time(contender: TrainedGenerator, conditions: Array, runs: int = 3) -> float:
    """Processor seconds per second of motion, without the encoder; the least of some runs."""
    options = SamplingOptions(SamplerOptions(8), temperature=contender.temperature)
    speech = torch.from_numpy(conditions)

    def generate() -> None:
        stream = contender.stream([0], options)
        stream.push(speech)
        stream.finish()

    return least_seconds(generate, runs)[0] / (len(conditions) / MOTION_RATE)


def evaluate(
    contender: Contender, filmed: Sequence[TestClip], spoken: Sequence[TestClip], seeds: range
) -> dict[str, float]:
    """All figures of one representation."""
    trained = contender.generator
    found = filmed_figures(generated(trained, [test.clip for test in filmed], seeds), filmed)
    found |= spoken_figures(generated(trained, [test.clip for test in spoken], range(1)), spoken)
    if contender.autoencoder is not None:
        found |= code_figures(contender.autoencoder, filmed, contender.considers_speech)
    minute = np.concatenate([test.clip.conditions[0] for test in filmed])[: 60 * MOTION_RATE].astype(np.float32)
    return {**found, "rtf": _generator_time(trained, minute), **contender.notes}


def real_figures(tests: Sequence[TestClip]) -> dict[str, float]:
    """The captures themselves, as if they had been generated: what the figures can reach."""
    results = []
    for test in tests:
        motion = test.clip.motion
        no_gates = np.zeros((len(motion), len(GATES)), np.float32)
        results.append(Generated(motion, motion[None], no_gates, test.clip.known))
    return filmed_figures(results, tests)


def expression(motion: Array, gates: Array | None) -> Array:  # [T, 24], [T, 3] -> [T, 52]
    """ARKit weights of the mouth; without gates, as the motion has it."""
    pose = np.clip(motion[:, :_POSES], 0, 1)
    closed = np.zeros((len(pose), len(GATES)), np.float32) if gates is None else gates[: len(pose)]
    return assemble(pose, closed)


def _window(motion: Array, lips: Array, samples: Array, count: int) -> MotionWindow:
    mouth = METER.measure(lips).stacked()
    head = smooth_head(motion[:, _HEAD].astype(np.float64), MOTION_RATE)
    lid = motion[:, BLINK].astype(np.float64)
    return MotionWindow(mouth, head, lid, low_band_envelope(samples, MOTION_RATE, count))
