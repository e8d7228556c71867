"""Learning the implicit code of motion: a variational autoencoder, alone or while considering speech.

*Regeneration learning* (Tan et al. 2023) takes a representation Y' that keeps of Y what the source X can tell. Its
equation (1) learns such a Y' with X in view: Y is also rebuilt from phi(X), and phi(X) and phi(Y) are drawn together.
Here Y is the motion, phi(Y) the :class:`MotionEncoder`, phi(X) the :class:`SpeechCoder`, and one decoder serves both.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from scripts.lab.speech.generator.batches import Batch
from talkinghead.speech.generate.implicit import CodeSize, MotionDecoder
from talkinghead.speech.perform.mouth import LIP_GAP_MM, POSE_CHANNELS

GAP_MM = torch.tensor([LIP_GAP_MM.get(name, 0.0) for name in POSE_CHANNELS])  # the mouth comes first


@dataclass(frozen=True)
class ImplicitLoss:
    """Weights of the loss's parts.

    Attributes:
        velocity: of changes from frame to frame, beside the frames themselves.
        gap: of the lips' opening, per mm^2.
        prior: of the codes' divergence from a unit Gaussian (Kingma & Welling 2014), per number.
        heard: of the motion rebuilt from speech; equation (1).
        aligned: of the distance of both codes; equation (1).
    """

    velocity: float = 2.0
    gap: float = 0.03
    prior: float = 0.003
    heard: float = 0.0
    aligned: float = 0.0

    @property
    def considers_speech(self) -> bool:
        """Whether equation (1) counts."""
        return self.heard > 0 or self.aligned > 0


PLAIN = ImplicitLoss()
EQUATION_1 = ImplicitLoss(heard=0.5, aligned=0.5)


@dataclass(frozen=True)
class Code:
    """phi(Y): a Gaussian for each window's codes. `mean`, `log_variance` [B, n, D]."""

    mean: Tensor  # [B, n, D]
    log_variance: Tensor  # [B, n, D]

    def drawn(self, random: torch.Generator) -> Tensor:  # [B, n, D]
        """A sample."""
        noise = torch.randn(self.mean.shape, generator=random).to(self.mean.device)
        return self.mean + (self.log_variance / 2).exp() * noise


class MotionEncoder(nn.Module):
    """phi(Y): motion to code, each group of channels for itself. Unknown channels are 0 and flagged."""

    def __init__(self, size: CodeSize) -> None:
        super().__init__()
        self._size = size
        self.groups = nn.ModuleList(
            _Strided(2 * channels, 2 * code, size.width, size.stride)
            for channels, code in zip(size.channels, size.codes, strict=True)
        )

    def forward(self, motion: Tensor, known: Tensor) -> Code:  # [B, T, C] normalised, [B, C]
        """Codes of `T // stride` places."""
        flags = known[:, :, None].expand(-1, -1, motion.shape[1])
        groups = zip(
            (motion.transpose(1, 2) * flags).split(list(self._size.channels), 1),
            flags.split(list(self._size.channels), 1),
            strict=True,
        )
        made = [group(torch.cat(parts, 1)).chunk(2, 1) for group, parts in zip(self.groups, groups, strict=True)]
        mean, log_variance = (torch.cat(parts, 1).transpose(1, 2) for parts in zip(*made, strict=True))
        return Code(mean, log_variance.clamp(-8, 2))


class SpeechCoder(nn.Module):
    """phi(X): the conditions of speech to the code that they tell of."""

    def __init__(self, condition: int, size: CodeSize, width: int = 96, dropout: float = 0.1) -> None:
        super().__init__()
        self.hear = _Strided(condition, size.code, width, size.stride, dropout)

    def forward(self, condition: Tensor) -> Tensor:  # [B, T, K] -> [B, T // stride, D]
        """The codes."""
        return self.hear(condition.transpose(1, 2)).transpose(1, 2)


class _Strided(nn.Module):
    """Convolutions from frames to codes of `stride` frames each."""

    def __init__(self, channels: int, out: int, width: int, stride: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, width, 5, padding=2)
        self.fall = nn.Conv1d(width, width, 3 * stride, stride=stride, padding=stride)
        self.middle = nn.Conv1d(width, width, 5, padding=2)
        self.out = nn.Conv1d(width, out, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:  # [B, c, T] -> [B, out, T // stride]
        hidden = self.dropout(functional.gelu(self.first(x)))
        hidden = functional.gelu(self.fall(hidden))
        return self.out(self.dropout(hidden + functional.gelu(self.middle(hidden))))


class MotionAutoencoder(nn.Module):
    """phi(Y), phi(X) and their decoder."""

    def __init__(self, size: CodeSize, condition: int) -> None:
        super().__init__()
        self.size = size
        self.motion = MotionEncoder(size)
        self.speech = SpeechCoder(condition, size)
        self.decoder = MotionDecoder(size)

    def code(self, motion: Tensor, known: Tensor) -> Code:  # [B, T, C] physical units, [B, C]
        """phi(Y)."""
        return self.motion(self.decoder.normalised(motion), known)


def implicit_loss(
    model: MotionAutoencoder, batch: Batch, random: torch.Generator, weights: ImplicitLoss
) -> dict[str, Tensor]:
    """The weighted parts of the loss; those of equation (1) only where they count."""
    code = model.code(batch.motion, batch.known)
    parts = _rebuilt(model, code.drawn(random), batch, weights, "")
    counted = places(batch.valid, model.size.stride)[..., None] * model.decoder.group_flags(batch.known)[:, None]
    divergence = (code.mean.square() + code.log_variance.exp() - 1 - code.log_variance) / 2
    parts["prior"] = weights.prior * weighted_mean(divergence, counted)
    if weights.considers_speech:
        heard = model.speech(batch.condition)
        rebuilt = _rebuilt(model, heard, batch, weights, "heard ")
        parts |= {name: weights.heard * value for name, value in rebuilt.items()}
        parts["aligned"] = weights.aligned * _distance(heard, code.mean, counted)
    return parts


_YIELD = 0.25  # how much phi(Y) moves to phi(X), beside 1 the other way: else both meet where nothing is told


def _distance(heard: Tensor, seen: Tensor, counted: Tensor) -> Tensor:  # [B, n, D] each
    """Mean square distance of phi(X) and phi(Y) in units of each number's variance: else small codes would do.

    Weighted as the two sides of VQ-VAE's codebook are (van den Oord et al. 2017).
    """
    total = counted.sum((0, 1)).clamp_min(1)
    middle = (seen * counted).sum((0, 1)) / total
    variance = (((seen - middle).square() * counted).sum((0, 1)) / total).detach().clamp_min(_LEAST_VARIANCE)
    forth, back = (heard - seen.detach()).square(), (heard.detach() - seen).square()
    return weighted_mean((forth + _YIELD * back) / variance, counted)


_LEAST_VARIANCE = 0.05


def _rebuilt(
    model: MotionAutoencoder, code: Tensor, batch: Batch, weights: ImplicitLoss, prefix: str
) -> dict[str, Tensor]:
    decoder = model.decoder
    counted = batch.valid[..., None] * batch.known[:, None]
    error = (decoder(code) - decoder.normalised(batch.motion)) * counted
    opening = gap_error(error, decoder)
    return {
        f"{prefix}clean": weighted_mean(error.square(), counted),
        f"{prefix}velocity": weights.velocity * weighted_mean(error.diff(dim=1).square(), counted[:, 1:]),
        f"{prefix}gap": weights.gap * weighted_mean(opening.square(), counted[..., 0]),
    }


def gap_error(error: Tensor, decoder: MotionDecoder) -> Tensor:  # [B, T, C] normalised -> [B, T] mm
    """By how much the lips' opening is wrong."""
    mouth = len(GAP_MM)
    return (error[..., :mouth] * decoder.spread[:mouth]) @ GAP_MM.to(error.device)


def places(frames: Tensor, stride: int) -> Tensor:  # [B, T] 0 or 1 -> [B, T // stride]
    """1 where all frames of a code are 1."""
    return frames.unfold(1, stride, stride).amin(-1)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean where `weight` is 1."""
    return (values * weight).sum() / weight.sum().clamp_min(1)
