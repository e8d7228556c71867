"""Examples for the mouth's network, and its training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from face3d.errors import InputError
from face3d.fit.photo_fit import PhotoFit
from renderers.mouth.network import MouthNetwork
from scripts.lab.renderer.mouth_data import MouthExamples, photo_examples
from scripts.lab.renderer.mouth_trainer import MouthTrainOptions, load_options, train
from scripts.lab.training.loop import Run

ROOT = Path(__file__).resolve().parents[4]
QUICK = MouthTrainOptions(steps=4, batch=2, widths=(4, 4, 4))


@pytest.fixture(scope="module")
def portrait(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> MouthExamples:
    result = photo_examples(astronaut, astronaut_fit.parameters, astronaut_fit.detection.landmarks_px)
    assert result is not None
    return result


@pytest.mark.parametrize("names", [["photo_a"], ["clip_a"], ["photo_a", "clip_b", "clip_c"]], ids=str)
def test_any_number_of_files_trains(names: list[str], portrait: MouthExamples, tmp_path: Path) -> None:
    """One alone is checked and trained on."""
    for name in names:
        portrait.save(tmp_path / f"{name}.npz")
    lines: list[str] = []
    network, figures = train(tmp_path, QUICK, Run(report=lines.append))
    assert figures["examples"] == str(2 * max(1, len(names) - 1))
    assert all(bool(torch.isfinite(values).all()) for values in network.parameters())
    assert any(line.startswith("step") for line in lines)


def test_no_examples(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no examples to train on: make some first with scripts/train_mouth.py"):
        train(tmp_path, QUICK)


def test_the_presets_load() -> None:
    assert load_options(None) == MouthTrainOptions()
    preset = load_options(ROOT / "configs" / "train" / "mouth_gpu.yaml")
    assert preset.device == "cuda"
    assert MouthNetwork(preset.widths).widths == preset.widths
