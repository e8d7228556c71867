"""Generated motion against real motion: amounts, speeds, how much seeds differ; and what is set after training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from scripts.lab.speech.generator.data import BLINK, Clip
from talkinghead.speech.generate.channels import MOTION_CHANNELS, MOTION_RATE
from talkinghead.speech.generate.conditions import CONDITION
from talkinghead.speech.generate.decisions import BlinkDecider, Smoother
from talkinghead.speech.generate.generator import MotionGenerator
from talkinghead.speech.generate.implicit import MotionDecoder, MotionSource
from talkinghead.speech.generate.network import MotionNetwork
from talkinghead.speech.generate.sampler import SamplerOptions
from talkinghead.speech.generate.weights import TrainedGenerator
from talkinghead.speech.generate.windows import MotionStream, Rest, SamplingOptions
from talkinghead.speech.hear.network import PHONE_CLASSES
from talkinghead.speech.perform.lids import NATURAL_BLINKS
from talkinghead.speech.perform.mouth import GATES, POSE_CHANNELS, assemble, lip_gap_mm

Array = NDArray[np.float32]

_POSES = len(POSE_CHANNELS)
_IS_JAW = np.isin(MOTION_CHANNELS, ("jawOpen",))
_IS_SLOW = np.array([name.startswith(("head_", "brow", "eyeSquint")) for name in MOTION_CHANNELS])
_HEAD = slice(_POSES, _POSES + 3)


@dataclass(frozen=True)
class Generated:
    """Real `motion [T, C]` of a clip and `made [S, T, C]` of S seeds, with the encoder's decided `gates [T, 3]`."""

    motion: Array
    made: Array
    gates: Array
    known: NDArray[np.bool_]


def generate(
    network: MotionNetwork,
    rest: Rest,
    clips: list[Clip],
    seeds: range,
    temperature: torch.Tensor,
    steps: int = 8,
) -> list[Generated]:
    """Motion for every clip, as heard in its original sound."""
    options = SamplingOptions(SamplerOptions(steps), temperature=temperature)
    return generate_from(lambda: MotionStream(network, seeds, rest, options), clips)


def generate_from(start: Callable[[], MotionSource], clips: list[Clip]) -> list[Generated]:
    """Motion for every clip from a stream of its own."""
    results = []
    for clip in clips:
        stream = start()
        condition = clip.conditions[0].astype(np.float32)
        made = torch.cat([stream.push(torch.from_numpy(condition)), stream.finish()], 1).numpy()
        results.append(Generated(clip.motion, made, _gates(condition), clip.known))
    return results


def _gates(condition: Array) -> Array:  # [T, CONDITION] -> [T, 3] the larger of the two ticks'
    ticks = condition.reshape(len(condition), 2, CONDITION // 2)
    start = PHONE_CLASSES + _POSES
    return np.asarray(ticks[:, :, start : start + len(GATES)].max(1))


def aperture(motion: Array, gates: Array | None) -> Array:  # [T, C], [T, 3] -> [T] mm
    """Gap of the inner lips; closed by the gates where these are given."""
    pose = np.clip(motion[:, :_POSES], 0, 1)
    return lip_gap_mm(assemble(pose, np.zeros((len(pose), len(GATES)), np.float32) if gates is None else gates))


def calibrated_gain(results: list[Generated], most: float = 1.6) -> Array:  # [C]
    """By how much each channel must be scaled to move as much as real ones within a clip; from 1 / `most` to `most`."""
    gain = np.ones(len(MOTION_CHANNELS), np.float32)
    for channel in range(len(gain)):
        seen = [r for r in results if r.known[channel]]
        if seen:
            real = np.mean([r.motion[:, channel].std() for r in seen])
            made = np.mean([r.made[:, :, channel].std(1).mean() for r in seen])
            gain[channel] = np.clip(real / max(float(made), 1e-6), 1 / most, most)
    return gain


def lip_gain(results: list[Generated], gain: Array, mean: Array, most: float = 1.5) -> Array:  # [C] -> [C]
    """The gains with the jaw's changed so that the lips' gap, closures included, varies as much as the real one."""
    real = np.mean([aperture(r.motion, None).std() for r in results])

    def made(factor: float) -> float:
        scale = gain * np.where(_IS_JAW, factor, 1.0)
        return float(np.mean([aperture(mean + scale * (m - mean), r.gates).std() for r in results for m in r.made]))

    factors = np.linspace(1 / most, most, 21)
    best = factors[np.argmin([abs(made(float(f)) - real) for f in factors])]
    return (gain * np.where(_IS_JAW, best, 1.0)).astype(np.float32)


def calibrated_smoothing(results: list[Generated], slow: NDArray[np.bool_], widest: float = 3.0) -> Array:  # [C]
    """Frames over which channels that are `slow [C]` must be smoothed to be no faster than real ones of their size."""
    smoothing = np.zeros(len(slow), np.float32)
    for channel in np.flatnonzero(slow):
        seen = [r for r in results if r.known[channel]]
        if not seen:
            continue
        real = np.mean([_pace(r.motion[:, channel]) for r in seen])
        for frames in np.arange(0, widest + 0.01, 0.25):
            smoothing[channel] = frames
            if np.mean([_pace(_smoothed(m[:, channel], float(frames))) for r in seen for m in r.made]) <= real:
                break
    return smoothing


def _pace(curve: Array) -> float:
    """Mean change per frame, in the curve's own standard deviations."""
    return float(np.abs(np.diff(curve)).mean() / max(float(curve.std()), 1e-6))


def _smoothed(curve: Array, frames: float) -> Array:
    smoother = Smoother(np.array([frames], np.float32))
    return np.concatenate([smoother.push(curve[:, None]), smoother.finish()])[:, 0]


def smoothed(results: list[Generated], smoothing: Array) -> list[Generated]:
    """The results with their motion smoothed, as it is at the end of generation."""
    made = []
    for result in results:
        smoothers = [Smoother(smoothing) for _ in result.made]
        curves = [np.concatenate([s.push(m), s.finish()]) for s, m in zip(smoothers, result.made, strict=True)]
        made.append(replace(result, made=np.stack(curves)))
    return made


def calibrated_blinks(generator: TrainedGenerator, clips: list[Clip], seeds: range = range(6)) -> tuple[float, float]:
    """Threshold at which a long stream of all the clips' speech has `NATURAL_BLINKS`; also its rate per minute.

    The filmed rate is one man's (46 a minute); only when blinks come is learnt from him.
    """
    conditions = np.concatenate([clip.conditions[0] for clip in clips]).astype(np.float32)
    player = MotionGenerator(replace(generator, blink_threshold=float("inf")))
    curves = [np.concatenate([piece.frames[:, BLINK] for piece in player.stream([conditions], seed)]) for seed in seeds]
    best = min(np.arange(0.1, 1.3, 0.005), key=lambda t: abs(_rate(curves, float(t)) - NATURAL_BLINKS))
    return float(best), _rate(curves, float(best))


def _rate(curves: list[Array], threshold: float) -> float:
    """Blinks per minute."""
    count = frames = 0
    for curve in curves:
        decider = BlinkDecider(threshold)
        count += len(decider.push(curve) + decider.finish())
        frames += len(curve)
    return count * MOTION_RATE * 60 / max(frames, 1)


def figures(results: list[Generated], gain: Array, mean: Array) -> dict[str, float]:
    """Ratios to real of mouth and head, agreement of lips with real ones and between seeds, spread of heads."""
    rows: dict[str, list[float]] = {}

    def add(name: str, value: float) -> None:
        rows.setdefault(name, []).append(value)

    for r in results:
        made = mean + gain * (r.made - mean)
        opened = np.stack([aperture(m, r.gates) for m in made])
        real = aperture(r.motion, None)
        _compare("mouth", real[:, None], opened[..., None], add)
        for one in opened:
            add("mouth_r_real", _correlation(one, real))
        pairs = [(i, j) for i in range(len(opened)) for j in range(i)]
        for i, j in pairs:
            add("mouth_r_seeds", _correlation(opened[i], opened[j]))
        if r.known[_HEAD].all():
            _compare("head", r.motion[:, _HEAD], made[..., _HEAD], add)
            add("head_std_seeds", float(made[..., _HEAD].std(0).mean()))
            add("head_std_within", float(made[..., _HEAD].std(1).mean()))
    result = {name: float(np.mean(values)) for name, values in rows.items()}
    for part in ("mouth", "head"):
        for what in ("std", "velocity"):
            if f"{part}_{what}_real" in result:
                result[f"{part}_{what}_ratio"] = result[f"{part}_{what}"] / result[f"{part}_{what}_real"]
    return {name: round(value, 4) for name, value in result.items()}


def _compare(part: str, real: Array, made: Array, add: Callable[[str, float], None]) -> None:  # [T, c], [S, T, c]
    add(f"{part}_std_real", float(real.std(0).mean()))
    add(f"{part}_std", float(made.std(1).mean()))
    add(f"{part}_velocity_real", float(np.abs(np.diff(real, axis=0)).mean()))
    add(f"{part}_velocity", float(np.abs(np.diff(made, axis=1)).mean()))


def _correlation(a: Array, b: Array) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-6 and b.std() > 1e-6 else 0.0


def finished(
    network: MotionNetwork,
    rest: Rest,
    development: list[Clip],
    mouth_temperature: float,
    notes: dict[str, object],
    decoder: MotionDecoder | None = None,
) -> TrainedGenerator:
    """The trained generator with its temperatures, gains and blink threshold set on the development clips.

    With a `decoder`, network and rest are those of codes.
    """
    temperature = torch.ones(network.size.channels)
    temperature[: _POSES if decoder is None else decoder.size.codes[0]] = mouth_temperature
    gain = torch.ones(len(MOTION_CHANNELS))
    plain = TrainedGenerator(network, MOTION_CHANNELS, rest, temperature, gain, decoder=decoder)
    results = generate_from(lambda: plain.stream(range(4), SamplingOptions(temperature=temperature)), development)
    mean = plain.mean.numpy()
    smoothing = calibrated_smoothing(results, _IS_SLOW)
    results = smoothed(results, smoothing)
    scale = lip_gain(results, calibrated_gain(results), mean)
    scale[BLINK] = 1  # it has its threshold
    found = figures(results, scale, mean)
    moving = replace(plain, gain=torch.from_numpy(scale), smoothing=torch.from_numpy(smoothing))
    threshold, blinks = calibrated_blinks(moving, [clip for clip in development if clip.known[BLINK]])
    notes = {**notes, "figures": found, "blinks_per_minute": round(blinks, 1)}
    return replace(moving, blink_threshold=threshold, notes=notes)
