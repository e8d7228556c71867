"""Fits the speech network: first as a phone classifier, then with its motion half. An interrupted run goes on."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from scripts.lab.speech.encoder.augment import AugmentOptions
from scripts.lab.speech.encoder.dataset import UNKNOWN_PHONE, Batch, CropSampler, Example, load_examples
from scripts.lab.training import loop
from scripts.lab.training.loop import PLAIN_RUN, Check, Job, LoopOptions, Run, Step, prepare
from talkinghead.speech.hear.features import NormaliserOptions, normalised
from talkinghead.speech.hear.network import OFFLINE_SIZE, NetworkOutput, NetworkSize, SpeechNetwork
from talkinghead.speech.perform.mouth import GATES, LIP_GAP_MM, POSE_CHANNELS


@dataclass(frozen=True)
class TrainOptions(LoopOptions):
    """One run. The defaults made `speech-v2`; a GPU run would raise `steps` and `batch` only.

    Attributes:
        phone_share: of the steps, phones alone.
        crop_seconds: length of an example.
        augment: what is done to the sound.
    """

    steps: int = 4800
    rate: float = 2.5e-3
    warm_up: float = 0.08
    weight_decay: float = 0.02
    averaging: float = 0.995
    phone_share: float = 0.4125
    crop_seconds: float = 4.0
    augment: AugmentOptions = field(default_factory=AugmentOptions)


@dataclass(frozen=True)
class LossWeights:
    """Weights of the loss's parts. Pose is in units of each channel's own spread."""

    phones: float = 0.6
    gates: float = 3.0
    pose: float = 1.0
    velocity: float = 2.0
    gap: float = 0.15  # per mm
    closure: float = 1.5  # how much more a closed frame counts than an open one, in the gates' loss


@dataclass(frozen=True)
class Places:
    """Folders of a run: the `corpus`, and the captures (`filmed`, or None)."""

    corpus: Path
    filmed: Path | None = None


# Typical spread of each channel in the teacher's motion: errors of small channels count as much as those of the jaw.
_SPREAD = torch.tensor([0.08, 0.05, 0.08, 0.14, 0.05, 0.05, 0.05, 0.05, 0.06, 0.04, 0.05, 0.04, 0.02, 0.04])
_CHECK_STEPS = 500


def phone_loss(phones: Tensor, batch: Batch) -> Tensor:  # [B, 40, T] logits
    """Cross entropy over the frames whose phone is known."""
    return functional.cross_entropy(phones, batch.phones, ignore_index=UNKNOWN_PHONE, label_smoothing=0.05)


def motion_loss(output: NetworkOutput, batch: Batch, weights: LossWeights) -> dict[str, Tensor]:
    """The weighted parts of the loss."""
    gates_known, pose_known = batch.gates.isfinite(), batch.pose.isfinite()
    gates_true, pose_true = batch.gates.nan_to_num(0), batch.pose.nan_to_num(0)
    device = batch.pose.device
    balance = torch.tensor([weights.closure, weights.closure, 1.0], device=device)[:, None]
    gates = functional.binary_cross_entropy_with_logits(output.gates, gates_true, pos_weight=balance, reduction="none")
    pose = output.pose.sigmoid()
    # Under a closed gate or at rest the open pose hardly shows.
    visible = (1 - 0.8 * gates_true.amax(1, keepdim=True)) * pose_known
    spread = _SPREAD.to(device)[:, None]
    distance = functional.smooth_l1_loss(pose / spread, pose_true / spread, reduction="none", beta=0.5)
    change = (pose.diff(dim=-1) - pose_true.diff(dim=-1)).abs() / spread
    millimetres = torch.tensor([LIP_GAP_MM.get(name, 0.0) for name in POSE_CHANNELS], device=device)
    gap = torch.einsum("bct,c->bt", (pose - pose_true) * visible, millimetres).abs()
    return {
        "phones": weights.phones * phone_loss(output.phones, batch),
        "gates": weights.gates * (gates * gates_known).sum() / gates_known.sum().clamp_min(1),
        "pose": weights.pose * (distance * visible).mean(),
        "velocity": weights.velocity * (change * (visible[..., 1:] * pose_known[..., :-1])).mean(),
        "gap": weights.gap * gap.mean(),
    }


def train(
    places: Places,
    options: TrainOptions = TrainOptions(),
    weights: LossWeights = LossWeights(),
    size: NetworkSize = OFFLINE_SIZE,
    run: Run = PLAIN_RUN,
) -> tuple[SpeechNetwork, dict[str, Any]]:
    """Train, from the checkpoint where there is one; the averaged network and its figures on the development part.

    Args:
        places: its folders.
        options: how.
        weights: of the loss.
        size: of the network.
        run: where its state is kept and its progress told.
    """
    prepare(options)
    started = time.monotonic()
    examples = load_examples(places.corpus, "train", places.filmed)
    development = load_examples(places.corpus, "development", places.filmed)
    hours = sum(len(e.mel) for e in examples) / 360_000
    run.report(f"{len(examples)} training recordings, {hours:.2f} h, and {len(development)} for development")
    levels = NormaliserOptions(lookahead=size.level_lookahead)
    sampler = CropSampler(examples, options.seed, options.crop_seconds, options.augment, levels)

    def loss(network: SpeechNetwork, step: Step) -> dict[str, Tensor]:
        batch = sampler.batch(step.number, options.batch).on(options.device)
        if step.number <= options.steps * options.phone_share:
            return {"phones": weights.phones * phone_loss(network.hear(batch.features)[1], batch)}
        return motion_loss(network(batch.features), batch, weights)

    check: Check[SpeechNetwork] = Check(_CHECK_STEPS, lambda network: evaluate(network, development))
    facts = {"size": asdict(size), "loss": asdict(weights)}
    average, _ = loop.train(Job(SpeechNetwork(size), loss, facts, check=check), options, run)
    figures = {"minutes": (time.monotonic() - started) / 60, "hours": hours, **asdict(options)}
    return average, {**evaluate(average, development), **figures}


@torch.no_grad()
def evaluate(network: SpeechNetwork, examples: list[Example]) -> dict[str, Any]:
    """Frame figures without augmentation: phone accuracy per source, recall and false alarms of gates, pose error."""
    network.eval()
    device = next(network.parameters()).device
    levels = NormaliserOptions(lookahead=network.size.level_lookahead)
    right: dict[str, int] = {}
    frames: dict[str, int] = {}
    hits, truth, false, free = (torch.zeros(len(GATES)) for _ in range(4))
    error = known = 0.0
    for example in examples:
        heard = network(torch.from_numpy(normalised(example.mel.astype("float32")[None], levels)).to(device))
        phones, gates_found, pose_found = (x[0].cpu() for x in (heard.phones, heard.gates, heard.pose))
        target = torch.from_numpy(example.target).T
        pose, gates = target[: len(POSE_CHANNELS)], target[len(POSE_CHANNELS) : -1]
        labelled = target[-1].isfinite()
        right[example.source] = right.get(example.source, 0) + int((phones.argmax(0) == target[-1])[labelled].sum())
        frames[example.source] = frames.get(example.source, 0) + int(labelled.sum())
        on = gates_found.sigmoid() > 0.5
        hits += (on & (gates > 0.9)).sum(1)
        truth += (gates > 0.9).sum(1)
        false += (on & (gates < 0.1)).sum(1)
        free += (gates < 0.1).sum(1)
        error += float((pose_found.sigmoid() - pose).abs().nansum())
        known += float(pose.isfinite().sum())
    figures: dict[str, Any] = {"phone_accuracy": round(sum(right.values()) / max(sum(frames.values()), 1), 4)}
    figures["by_source"] = {name: round(right[name] / frames[name], 3) for name in right if frames[name]}
    figures["pose_error"] = round(error / max(known, 1), 4)
    for i, name in enumerate(GATES):
        figures[f"{name}_recall"] = round(float(hits[i] / truth[i].clamp_min(1)), 4)
        figures[f"{name}_false"] = round(float(false[i] / free[i].clamp_min(1)), 4)
    return figures
