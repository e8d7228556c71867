"""Trains `face3d.fit.detector_calibration` on detections of rendered heads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from face3d.arkit import ARKIT_NAMES, EYE_LOOK_CHANNELS
from face3d.fit.detector_calibration import describe
from face3d.fit.objective_reference import line_of_sight
from face3d.model.morphable_model import MorphableModel
from scripts.lab.training import loop
from scripts.lab.training.loop import PLAIN_RUN, Job, LoopOptions, Run, Step, prepare

Array = NDArray[Any]

_MIRROR = np.array([-1.0, 1.0, 1.0])
# Neither seen by the detector nor meant: gaze comes from the irises.
CHANNELS = np.setdiff1d(np.arange(52), EYE_LOOK_CHANNELS)


@dataclass(frozen=True, eq=False)
class Samples:
    """N rendered heads: what the detector says and the truth.

    Attributes:
        landmarks_px [N, 478, 2], landmarks_z [N, 478], scores [N, 52]: as `FaceDetection`.
        expression [N, 52], identity [N, K], rotation [N, 3] rad, translation [N, 3] mm: as `FaceParameters`.
    """

    landmarks_px: Array
    landmarks_z: Array
    scores: Array
    expression: Array
    identity: Array
    rotation: Array
    translation: Array

    def __len__(self) -> int:
        return len(self.scores)

    def part(self, index: Array) -> Samples:
        """The samples at `index`."""
        return Samples(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class TrainingOptions:
    """How the network is trained.

    Attributes:
        components: principal components of the features that it sees.
        hidden: units of its two hidden layers.
        epochs, batch, learning_rate, weight_decay, dropout: of AdamW.
        feature_noise: standard deviation added to the whitened features.
        seed: of weights, order and noise.
    """

    components: int = 160
    hidden: int = 512
    epochs: int = 12
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    dropout: float = 0.2
    feature_noise: float = 0.05
    seed: int = 0

    def loop(self, steps: int, per_epoch: int) -> LoopOptions:
        """For the training loop, which reports every epoch."""
        return LoopOptions(
            steps, self.batch, self.learning_rate, warm_up=0.3, weight_decay=self.weight_decay, clip=0, seed=self.seed,
            checkpoint_steps=per_epoch, report_steps=per_epoch,
        )  # fmt: skip


class _Network(nn.Module):
    def __init__(self, inputs: int, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(inputs, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, outputs)])
        self.direct = nn.Linear(inputs, outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:  # [B, P] -> [B, O]
        result: Tensor = self.direct(x)
        for layer in self.layers[:-1]:
            x = self.dropout(nn.functional.silu(layer(x)))
        return result + self.layers[-1](x)


def view_rotation(samples: Samples) -> Array:  # [N, 3, 3]
    """The true rotations relative to the line of sight, which is what a crop around the face shows."""
    turn = Rotation.from_rotvec(samples.rotation).as_matrix()
    return line_of_sight(samples.translation.astype(float)).swapaxes(1, 2) @ turn


def mirrored(samples: Samples, model: MorphableModel) -> Samples:
    """The samples as a mirror shows them."""
    # Opened, for the points of closed lips lie on each other.
    opened = model.mean + model.expression_basis[ARKIT_NAMES.index("jawOpen")]
    twins = _twins(model.landmarks478.of(opened).double().numpy())
    # On the whole head: some components hardly move the landmarks.
    basis = model.identity_basis.double().numpy()
    seen = (basis * _MIRROR)[:, _twins(opened.double().numpy())]
    flat, seen = basis.reshape(len(basis), -1), seen.reshape(len(basis), -1)
    identity = samples.identity @ np.linalg.lstsq(flat.T, seen.T, rcond=None)[0].T
    swap = [ARKIT_NAMES.index(_other_side(name)) for name in ARKIT_NAMES]
    return Samples(
        landmarks_px=samples.landmarks_px[:, twins] * _MIRROR[:2],
        landmarks_z=samples.landmarks_z[:, twins],
        scores=samples.scores[:, swap],
        expression=samples.expression[:, swap],
        identity=identity.astype(samples.identity.dtype),
        rotation=samples.rotation * [1, -1, -1],
        translation=samples.translation * _MIRROR,
    )


def _twins(points: Array) -> Array:  # [N, 3] -> [N]
    """Which point lies nearest to each one's mirror image."""
    index: Array = cKDTree(points).query(points * _MIRROR)[1]
    return index


def _other_side(name: str) -> str:
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


def train(
    canonical: Array,  # [478, 3]
    samples: Samples,
    held_out: Samples,
    options: TrainingOptions | None = None,
    run: Run = PLAIN_RUN,
) -> dict[str, Array]:
    """Train; returns the tensors of a calibration file.

    The spreads are measured on `held_out`: mirror images of a head must not stand on both sides.
    """
    options = options or TrainingOptions()
    prepare(options.loop(1, 1))
    features, rough = _features(canonical, samples)
    center = features.mean(0)
    _, _, basis = np.linalg.svd(features[:: max(1, len(features) // 4000)] - center, full_matrices=False)
    projected = (features - center) @ basis[: options.components].T
    spread = np.maximum(projected.std(0), projected[:, 0].std() * 0.004)
    components = (basis[: options.components].T / spread).astype(np.float32)
    target = _targets(samples, rough)
    mean, scale = target.mean(0), target.std(0)
    count = len(CHANNELS)
    mean[:count], scale[:count] = 0, 0.25
    mean[-3:], scale[-3:] = 0, 0.07
    x = torch.from_numpy((features - center).astype(np.float32) @ components)
    y = torch.from_numpy(((target - mean) / scale).astype(np.float32))
    weight = torch.cat([torch.ones(count), torch.full((samples.identity.shape[1],), 0.3), torch.full((3,), 2.0)])
    network = _Network(options.components, options.hidden, y.shape[1], options.dropout)
    network = _fit(network, x, y, weight, options, run)
    tensors = {
        "canonical": canonical,
        "center": center.astype(np.float32),
        "components": components,
        "channels": CHANNELS,
        "output_mean": mean,
        "output_scale": scale,
        "prior_mean": samples.identity.mean(0).astype(float),
        "prior_sd": samples.identity.std(0).astype(float),
        **{name: value.detach().numpy() for name, value in network.state_dict().items()},
    }
    tensors.update(_spreads(canonical, network, tensors, held_out))
    return tensors


def _features(canonical: Array, samples: Samples) -> tuple[Array, Array]:
    return describe(canonical, samples.landmarks_px, samples.landmarks_z, samples.scores, CHANNELS)


def _targets(samples: Samples, rough: Array) -> Array:
    turn = Rotation.from_matrix(view_rotation(samples) @ rough.swapaxes(1, 2)).as_rotvec()
    return np.concatenate([samples.expression[:, CHANNELS], samples.identity, turn], 1).astype(float)


def _fit(
    network: _Network, x: Tensor, y: Tensor, weight: Tensor, options: TrainingOptions, run: Run
) -> _Network:  # x [N, P], y [N, O], weight [O]
    per_epoch = -(-len(x) // options.batch)

    def loss(network: _Network, step: Step) -> dict[str, Tensor]:
        epoch, place = divmod(step.number - 1, per_epoch)
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(options.seed * 1_000_003 + epoch))
        index = order[place * options.batch : (place + 1) * options.batch]
        noisy = x[index] + options.feature_noise * torch.randn(len(index), x.shape[1], generator=step.random)
        return {"loss": ((network(noisy) - y[index]) ** 2 * weight).mean()}

    steps = options.epochs * per_epoch
    asked = options.loop(steps, per_epoch)
    return loop.train(Job(network, loss, {"options of the network": asdict(options)}), asked, run)[0]


def _spreads(canonical: Array, network: _Network, tensors: dict[str, Array], held_out: Samples) -> dict[str, Array]:
    features, rough = _features(canonical, held_out)
    with torch.no_grad():
        x = torch.from_numpy((features - tensors["center"]).astype(np.float32) @ tensors["components"])
        output = network(x).numpy() * tensors["output_scale"] + tensors["output_mean"]
    count = len(CHANNELS)
    output[:, :count] = np.clip(output[:, :count], 0, 1)
    error = np.sqrt(((output - _targets(held_out, rough)) ** 2).mean(0))
    expression_sd = np.ones(52)
    expression_sd[CHANNELS] = error[:count]
    return {"expression_sd": expression_sd, "identity_sd": error[count:-3], "rotation_sd": error[-3:]}
