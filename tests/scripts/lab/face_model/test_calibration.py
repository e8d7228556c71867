"""Training the calibration on made-up detections."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from face3d.arkit import ARKIT_INDEX, EYE_LOOK_CHANNELS
from face3d.camera import axis_angle_to_matrix, head_to_camera
from face3d.fit.detector_calibration import Calibration, calibration_from
from face3d.model.morphable_model import MorphableModel
from scripts.lab.face_model.calibration import CHANNELS, Samples, TrainingOptions, mirrored, train, view_rotation
from scripts.lab.training.loop import Run

JAW = ARKIT_INDEX["jawOpen"]
OPTIONS = TrainingOptions(components=200, hidden=32, epochs=20, batch=32, learning_rate=5e-3, dropout=0.0)


SILENT = Run(report=lambda line: None)


@pytest.fixture(scope="module")
def canonical(model: MorphableModel) -> np.ndarray:
    return model.landmarks478.of(model.mean).double().numpy()


def make_samples(model: MorphableModel, count: int, seed: int) -> Samples:
    """Projections of random heads, and scores that say half of the truth."""
    rng = np.random.default_rng(seed)
    identity = (0.5 * rng.normal(size=(count, model.identity_size))).astype(np.float32)
    expression = np.zeros((count, 52), np.float32)
    expression[:, CHANNELS] = rng.random((count, len(CHANNELS))) ** 3
    rotation = (0.2 * rng.normal(size=(count, 3))).astype(np.float32)
    translation = (np.array([0, 0, 800]) + rng.normal(size=(count, 3)) * [60, 40, 50]).astype(np.float32)
    shapes = (
        model.landmarks478.of(model.mean)
        + torch.einsum("bk,klc->blc", torch.from_numpy(identity), model.landmarks478.of(model.identity_basis))
        + torch.einsum("bk,klc->blc", torch.from_numpy(expression), model.landmarks478.of(model.expression_basis))
    )
    placed = head_to_camera(shapes, torch.from_numpy(rotation), torch.from_numpy(translation)).numpy()
    pixels = placed / placed[..., 2:] * 900
    noise = 0.3 * rng.normal(size=pixels.shape)
    return Samples(
        landmarks_px=(pixels[..., :2] + noise[..., :2] + 160).astype(np.float32),
        landmarks_z=((placed[..., 2] - 800) * 900 / 800 + noise[..., 2]).astype(np.float32),
        scores=0.5 * expression,
        expression=expression,
        identity=identity,
        rotation=rotation,
        translation=translation,
    )


@pytest.fixture(scope="module")
def samples(model: MorphableModel) -> Samples:
    return make_samples(model, 400, 0)


@pytest.fixture(scope="module")
def held_out(model: MorphableModel) -> Samples:
    return make_samples(model, 80, 1)


@pytest.fixture(scope="module")
def tensors(canonical: np.ndarray, samples: Samples, held_out: Samples) -> dict[str, np.ndarray]:
    return train(canonical, samples, held_out, OPTIONS, SILENT)


def read(calibration: Calibration, samples: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    evidence = calibration(samples.landmarks_px, samples.landmarks_z, samples.scores)
    return evidence.expression, evidence.identity, evidence.rotation


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


# --- what a crop shows


def test_view_rotation_of_a_head_on_the_axis(samples: Samples) -> None:
    ahead = dataclasses.replace(samples, translation=np.tile([0.0, 0.0, 700.0], (len(samples), 1)))
    expected = axis_angle_to_matrix(torch.from_numpy(samples.rotation)).numpy()
    np.testing.assert_allclose(view_rotation(ahead), expected, atol=1e-6)


def test_view_rotation_of_a_head_aside(samples: Samples) -> None:
    """A head at the side that turns to the camera looks as one in the middle that faces it."""
    count = 60
    rng = np.random.default_rng(4)
    place = np.column_stack([rng.normal(size=(count, 2)) * 300, np.full(count, 800.0)])
    to_camera = -place / np.linalg.norm(place, axis=1, keepdims=True) * [1, -1, -1]  # in the head's axes
    facing = np.stack([Rotation.align_vectors(d[None], [[0.0, 0.0, 1.0]])[0].as_rotvec() for d in to_camera])
    aside = dataclasses.replace(samples.part(np.arange(count)), rotation=facing, translation=place)
    np.testing.assert_allclose(view_rotation(aside)[:, :, 2], np.tile([0.0, 0, 1], (count, 1)), atol=1e-6)


# --- mirror images


def test_mirrored_twice_is_the_same(model: MorphableModel, samples: Samples) -> None:
    once = mirrored(samples, model)
    again = mirrored(once, model)
    for field in dataclasses.fields(Samples):
        if field.name != "identity":
            before, after = getattr(samples, field.name), getattr(again, field.name)
            np.testing.assert_allclose(after, before, atol=1e-5, err_msg=field.name)
    # The basis holds the mirror images of its faces but nearly.
    assert rms(again.identity - samples.identity) < 0.1 * rms(samples.identity)
    assert rms(once.landmarks_px - samples.landmarks_px) > 10


def test_a_mirror_swaps_sides(model: MorphableModel, samples: Samples) -> None:
    expression = np.zeros((1, 52), np.float32)
    expression[0, [ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["jawRight"], JAW]] = 0.9, 0.5, 0.3
    one = dataclasses.replace(samples.part(np.array([0])), expression=expression, scores=expression / 2)
    seen = mirrored(one, model)
    expected = np.zeros((1, 52), np.float32)
    expected[0, [ARKIT_INDEX["mouthSmileRight"], ARKIT_INDEX["jawLeft"], JAW]] = 0.9, 0.5, 0.3
    np.testing.assert_array_equal(seen.expression, expected)
    np.testing.assert_array_equal(seen.scores, expected / 2)


def test_the_mirrored_parameters_are_those_of_the_mirrored_points(model: MorphableModel) -> None:
    """Projecting the mirrored head gives the mirrored picture, up to the two sides' differences in the model."""
    one = make_samples(model, 20, 3)
    seen = mirrored(one, model)
    shapes = (
        model.landmarks478.of(model.mean)
        + torch.einsum("bk,klc->blc", torch.from_numpy(seen.identity), model.landmarks478.of(model.identity_basis))
        + torch.einsum("bk,klc->blc", torch.from_numpy(seen.expression), model.landmarks478.of(model.expression_basis))
    )
    rotation, translation = (torch.from_numpy(np.float32(a)) for a in (seen.rotation, seen.translation))
    placed = head_to_camera(shapes, rotation, translation).numpy()
    drawn = placed[..., :2] / placed[..., 2:] * 900 + [-160, 160]
    width = np.ptp(one.landmarks_px[..., 0], axis=1).mean()
    assert np.linalg.norm(drawn - seen.landmarks_px, axis=2).mean() < 0.01 * width


# --- training


def test_training_learns(tensors: dict[str, np.ndarray], samples: Samples, held_out: Samples) -> None:
    calibration = calibration_from(tensors)
    expression, identity, rotation = read(calibration, held_out)
    free = held_out.expression[:, CHANNELS]
    assert rms(expression[:, CHANNELS] - free) < 0.8 * rms(free - free.mean(0))
    assert rms(identity - held_out.identity) < 0.9 * rms(held_out.identity)
    off = Rotation.from_matrix(rotation.swapaxes(1, 2) @ view_rotation(held_out)).magnitude()
    assert np.degrees(off.mean()) < 3
    assert not expression[:, list(EYE_LOOK_CHANNELS)].any()


def test_spreads_are_the_errors_on_faces_held_out(tensors: dict[str, np.ndarray], held_out: Samples) -> None:
    calibration = calibration_from(tensors)
    expression, identity, _ = read(calibration, held_out)
    error = np.sqrt(((expression - held_out.expression) ** 2).mean(0))
    np.testing.assert_allclose(calibration.expression_sd[CHANNELS], error[CHANNELS], atol=1e-4)
    np.testing.assert_allclose(calibration.expression_sd[list(EYE_LOOK_CHANNELS)], 1)  # nothing is known
    np.testing.assert_allclose(
        calibration.identity_sd, np.sqrt(((identity - held_out.identity) ** 2).mean(0)), atol=1e-3
    )


def test_the_prior_is_that_of_the_training_heads(tensors: dict[str, np.ndarray], samples: Samples) -> None:
    np.testing.assert_allclose(tensors["prior_mean"], samples.identity.mean(0), atol=1e-6)
    np.testing.assert_allclose(tensors["prior_sd"], samples.identity.std(0), atol=1e-6)


def distance(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> float:
    """Summed over the weights of all layers."""
    return sum(float(np.abs(value - two[name]).sum()) for name, value in one.items() if name.endswith(".weight"))


def test_a_seed_gives_one_network(canonical: np.ndarray, samples: Samples, held_out: Samples) -> None:
    short = dataclasses.replace(OPTIONS, epochs=2)
    first, again, other = (
        train(canonical, samples, held_out, o, SILENT) for o in (short, short, dataclasses.replace(short, seed=1))
    )
    assert first.keys() == again.keys()
    # Adam turns a rounded gradient of nothing into a whole step: one network, not the same bits.
    assert distance(first, again) < 0.02 * distance(first, other)


def test_an_interrupted_training_goes_on(
    canonical: np.ndarray, samples: Samples, held_out: Samples, tmp_path: Path
) -> None:
    """In the middle of its second epoch."""
    short, other = (dataclasses.replace(OPTIONS, epochs=3, seed=seed) for seed in (0, 1))
    whole, different = (train(canonical, samples, held_out, options, SILENT) for options in (short, other))
    run = dataclasses.replace(SILENT, checkpoint=tmp_path / "c.safetensors")
    train(canonical, samples, held_out, short, dataclasses.replace(run, stop=20))
    assert distance(whole, train(canonical, samples, held_out, short, run)) < 0.02 * distance(whole, different)


def test_more_training_learns_more(canonical: np.ndarray, samples: Samples, held_out: Samples) -> None:
    lines: list[str] = []
    train(canonical, samples, held_out, OPTIONS, Run(report=lines.append))
    losses = [float(line.rsplit(" ", 1)[1]) for line in lines]
    assert len(losses) == OPTIONS.epochs
    assert losses[-1] < 0.7 * losses[0]
