"""Examples for the face network, and its training."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from face3d.errors import InputError
from face3d.fit.photo_fit import PhotoFit
from renderers.face_network.network import FaceNetwork
from renderers.face_network.planes import CONTEXT, PLANES, SIZE
from renderers.pose import Pose
from scripts.lab.renderer.face_data import FaceExamples, clip_examples, disturbed, photo_examples
from scripts.lab.renderer.face_trainer import (
    FaceTrainOptions,
    PatchDiscriminator,
    corrected,
    load_examples,
    load_options,
    psnr,
    train,
)
from scripts.lab.training.loop import Run

ROOT = Path(__file__).resolve().parents[4]
QUICK = FaceTrainOptions(steps=30, batch=2, widths=(8, 8, 8), adversarial=0.003, judged_from=0.5)


@pytest.fixture(scope="module")
def portrait(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> FaceExamples:
    points = astronaut_fit.detection.landmarks_px
    return photo_examples(astronaut, astronaut_fit.parameters, points, 2, np.random.default_rng(0))


@pytest.fixture(scope="module")
def folder(portrait: FaceExamples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    portrait.save(folder / "photo_a.npz")
    portrait.save(folder / "clip_b.npz")
    return folder


def test_a_portrait_driven_away_and_back(portrait: FaceExamples) -> None:
    """The drawn face resembles the real one, which is known over most of the window's middle."""
    assert portrait.planes.shape == (2, PLANES, SIZE, SIZE)
    assert portrait.context.shape == (2, CONTEXT)
    known = portrait.known.astype(float)
    assert 0.35 < known.mean() < 0.85
    error = np.abs(portrait.planes[:, :3].astype(float) - portrait.target) * known[:, None]
    assert error.sum() / known.sum() / 3 < 0.06
    assert (portrait.strength > 0.3).all(), "it has moved"


def test_a_clip_that_stands_still(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    """Drawn from itself, with disturbed parameters, the picture is nearly itself."""
    fit = astronaut_fit.parameters
    count = 3
    still = dataclasses.replace(
        fit,
        expression=fit.expression.repeat(count, 1),
        rotation=fit.rotation.repeat(count, 1),
        translation=fit.translation.repeat(count, 1),
        eye_rotation=fit.eye_rotation.repeat(count, 1, 1),
        confidence=torch.ones(count),
    )
    points = np.repeat(astronaut_fit.detection.landmarks_px[None], count, 0)
    points[1] = np.nan
    examples = clip_examples([astronaut] * count, still, points, 1, 2, np.random.default_rng(1))
    known = examples.known.astype(float)[:, None]
    error = np.abs(examples.planes[:, :3].astype(float) - examples.target) * known
    assert error.sum() / known.sum() / 3 < 0.03


def test_disturbances_leave_weights_at_rest_alone() -> None:
    pose = Pose(torch.zeros(52), torch.zeros(3), torch.zeros(2, 2))
    moved = disturbed(pose, np.random.default_rng(0))
    assert torch.equal(moved.expression, pose.expression)
    assert 0 < moved.turn.abs().max() < 0.04


def distance(one: FaceNetwork, other: FaceNetwork) -> float:
    """Summed over all weights."""
    return sum(float((a - b).abs().sum().detach()) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_training_helps_and_can_be_repeated(folder: Path) -> None:
    examples = load_examples(sorted(folder.glob("*.npz")))
    lines: list[str] = []
    first, figures = train(folder, QUICK, Run(report=lines.append))
    second, _ = train(folder, QUICK, Run(report=lines.append))
    before, after = psnr(FaceNetwork(QUICK.widths), examples, "cpu"), psnr(first, examples, "cpu")
    assert sum(after) > sum(before)
    assert "minutes" in figures
    assert any(line.startswith("step") for line in lines)
    torch.manual_seed(QUICK.seed)
    learnt = distance(first, FaceNetwork(QUICK.widths))
    # Adam turns a rounded gradient of nothing into a whole step: what is promised is the same way, not the same bits.
    assert distance(first, second) < 0.05 * learnt


def test_an_interrupted_training_goes_on(folder: Path, tmp_path: Path) -> None:
    """With its discriminator, from before and from after that counts."""
    options = dataclasses.replace(QUICK, steps=6, judged_from=0.4)
    whole, _ = train(folder, options, Run(report=lambda line: None))
    torch.manual_seed(options.seed)
    learnt = distance(whole, FaceNetwork(options.widths))
    for stop in (1, 4):
        run = Run(tmp_path / f"{stop}.safetensors", report=lambda line: None)
        train(folder, options, dataclasses.replace(run, stop=stop))
        resumed, _ = train(folder, options, run)
        assert distance(whole, resumed) < 0.02 * learnt


def test_one_file_is_checked_and_trained_on(portrait: FaceExamples, tmp_path: Path) -> None:
    portrait.save(tmp_path / "photo_a.npz")
    _, figures = train(tmp_path, dataclasses.replace(QUICK, steps=2))
    assert figures["examples"] == "2"


def test_no_examples(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no examples to train on: make some first with scripts/train_face.py"):
        train(tmp_path, QUICK)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stepz: 3", "there is no option 'stepz'; those of the training are steps, batch"),
        ("steps: [", "cannot be read as YAML"),
        ("steps", "there is no option 'steps'"),
        (None, "No such file"),
    ],
)
def test_options_that_cannot_be_read(text: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "options.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=said):
        load_options(path)


def test_what_is_not_known_is_not_corrected(folder: Path) -> None:
    batch = load_examples(sorted(folder.glob("*.npz"))).on("cpu")
    change = torch.full_like(batch.target, 0.1)
    result = corrected(batch, change)
    outside = (batch.known == 0)[:, None].expand_as(result)
    torch.testing.assert_close(result[outside], batch.planes[:, :3][outside].clamp(0, 1))


def test_the_discriminator_judges_patches() -> None:
    assert PatchDiscriminator(4)(torch.rand(2, 3, SIZE, SIZE)).shape == (2, 1, SIZE // 4 - 1, SIZE // 4 - 1)


def test_the_presets_load() -> None:
    assert load_options(None) == FaceTrainOptions()
    preset = load_options(ROOT / "configs" / "train" / "face_gpu.yaml")
    assert preset.device == "cuda"
    assert FaceNetwork(preset.widths).widths == preset.widths
