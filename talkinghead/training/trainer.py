"""Fits the speech network: first as a phone classifier, then with its motion half."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkinghead.speech.mouth import GATES, LIP_GAP_MM, POSE_CHANNELS
from talkinghead.speech.network import DEFAULT_SIZE, NetworkOutput, NetworkSize, SpeechNetwork
from talkinghead.training.augment import AugmentOptions
from talkinghead.training.dataset import Batch, CropSampler, Example, load_examples


@dataclass(frozen=True)
class TrainOptions:
    """One run. The defaults made `speech-v1`; a GPU run would raise `steps` and `batch` only."""

    steps: int = 2000
    phone_share: float = 0.3  # of the steps, phones alone
    batch: int = 16
    crop_seconds: float = 4.0
    rate: float = 2.5e-3
    weight_decay: float = 0.02
    seed: int = 1
    threads: int = 1
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


# Typical spread of each channel in the teacher's motion: errors of small channels count as much as those of the jaw.
_SPREAD = torch.tensor([0.08, 0.05, 0.08, 0.14, 0.05, 0.05, 0.05, 0.05, 0.06, 0.04, 0.05, 0.04, 0.02, 0.04])


def motion_loss(output: NetworkOutput, batch: Batch, weights: LossWeights) -> dict[str, Tensor]:
    """The weighted parts of the loss."""
    phones = functional.cross_entropy(output.phones, batch.phones, label_smoothing=0.05)
    balance = torch.tensor([weights.closure, weights.closure, 1.0])[:, None]
    gates = functional.binary_cross_entropy_with_logits(output.gates, batch.gates, pos_weight=balance)
    pose = output.pose.sigmoid()
    # Under a closed gate or at rest the open pose hardly shows.
    visible = 1 - 0.8 * batch.gates.amax(1, keepdim=True)
    spread = _SPREAD[:, None]
    distance = functional.smooth_l1_loss(pose / spread, batch.pose / spread, reduction="none", beta=0.5)
    change = (pose.diff(dim=-1) - batch.pose.diff(dim=-1)).abs() / spread
    millimetres = torch.tensor([LIP_GAP_MM.get(name, 0.0) for name in POSE_CHANNELS])
    gap = torch.einsum("bct,c->bt", pose - batch.pose, millimetres).abs() * visible[:, 0]
    return {
        "phones": weights.phones * phones,
        "gates": weights.gates * gates,
        "pose": weights.pose * (distance * visible).mean(),
        "velocity": weights.velocity * (change * visible[..., 1:]).mean(),
        "gap": weights.gap * gap.mean(),
    }


def train(
    corpus: Path,
    options: TrainOptions = TrainOptions(),
    weights: LossWeights = LossWeights(),
    size: NetworkSize = DEFAULT_SIZE,
    report: Callable[[str], None] = print,
) -> tuple[SpeechNetwork, dict[str, float]]:
    """Train from scratch; the network in evaluation mode and its figures on the development part of the corpus."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    started = time.monotonic()
    examples = load_examples(corpus, "train")
    development = load_examples(corpus, "development")
    report(f"{len(examples)} training and {len(development)} development utterances")
    sampler = CropSampler(examples, options.seed, options.crop_seconds, options.augment)
    network = SpeechNetwork(size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=options.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=options.steps, pct_start=0.15)
    alone = int(options.steps * options.phone_share)
    for step in range(1, options.steps + 1):
        network.train()
        batch = sampler.batch(options.batch)
        parts = motion_loss(network(batch.features), batch, weights)
        loss = parts["phones"] if step <= alone else torch.stack(list(parts.values())).sum()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == options.steps:
            parts_text = " ".join(f"{name} {value.item():.3f}" for name, value in parts.items())
            report(f"step {step} {time.monotonic() - started:.0f} s: {parts_text}")
        if step % 400 == 0:
            report(str(evaluate(network, development)))
    network.eval()
    return network, {**evaluate(network, development), "minutes": (time.monotonic() - started) / 60, **asdict(options)}


@torch.no_grad()
def evaluate(network: SpeechNetwork, examples: list[Example]) -> dict[str, float]:
    """Frame figures without augmentation: phone accuracy, recall and false-alarm rate of the gates, pose error."""
    from talkinghead.speech.features import normalised

    network.eval()
    right = frames = 0
    hits, truth, false, free = (torch.zeros(len(GATES)) for _ in range(4))
    error = 0.0
    for example in examples:
        features = torch.from_numpy(normalised(example.mel.astype("float32")[None]))
        output = network(features)
        phones = torch.from_numpy(example.motion.phones)
        right += int((output.phones[0].argmax(0) == phones).sum())
        frames += len(phones)
        target = torch.from_numpy(example.motion.gates).T
        on = output.gates[0].sigmoid() > 0.5
        hits += (on & (target > 0.9)).sum(1)
        truth += (target > 0.9).sum(1)
        false += (on & (target < 0.1)).sum(1)
        free += (target < 0.1).sum(1)
        error += float((output.pose[0].sigmoid() - torch.from_numpy(example.motion.pose).T).abs().sum())
    figures = {"phone_accuracy": right / frames, "pose_error": error / frames / len(POSE_CHANNELS)}
    for i, name in enumerate(GATES):
        figures[f"{name}_recall"] = float(hits[i] / truth[i].clamp_min(1))
        figures[f"{name}_false"] = float(false[i] / free[i].clamp_min(1))
    return {name: round(value, 4) for name, value in figures.items()}
