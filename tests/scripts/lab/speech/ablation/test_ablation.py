"""The comparison of representations: each is trained and measured, on clips that it makes itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from scripts.lab.speech.ablation.ablation import CODES, AblationOptions, contender
from scripts.lab.speech.ablation.measure import TestClip, evaluate, expression, real_figures
from scripts.lab.speech.corpus.phones import PhoneSegment
from scripts.lab.speech.generator.data import Clip
from scripts.lab.speech.measure import clips as recorded
from scripts.lab.speech.measure.sources import of_expression
from talkinghead.speech.generate.channels import MOTION_CHANNELS
from talkinghead.speech.generate.conditions import CONDITION
from talkinghead.speech.generate.windows import Rest

FRAMES, CHANNELS = 100, len(MOTION_CHANNELS)
REST = Rest(torch.zeros(CHANNELS), torch.zeros(CONDITION))


def clip(seed: int) -> Clip:
    """The jaw does what the condition says; the head wanders."""
    rng = np.random.default_rng(seed)
    condition = rng.random((1, FRAMES, CONDITION)).astype(np.float16)
    condition[..., 54:57] = condition[..., 113:116] = 0  # the gates of both ticks
    motion = np.abs(rng.normal(0, 0.02, (FRAMES, CHANNELS))).astype(np.float32)
    motion[:, 0] = 0.1 + 0.2 * np.sin(np.arange(FRAMES) / 4 + seed) ** 2 + 0.1 * condition[0, :, 5]
    motion[:, 14:17] = np.cumsum(rng.normal(0, 0.004, (FRAMES, 3)), 0)
    return Clip(condition, motion, np.ones(CHANNELS, np.bool_), "grid", f"grid{seed}")


def to_measure(seed: int) -> TestClip:
    made = clip(seed)
    names = ("SIL", "M", "AA", "P", "IY", "SIL")
    phones = tuple(PhoneSegment(name, 0.6 * i, 0.6 * (i + 1)) for i, name in enumerate(names))
    sound = (0.1 * np.random.default_rng(seed).standard_normal(FRAMES * 640)).astype(np.float32)
    return TestClip(made, recorded.Clip(made.name, sound, phones), of_expression(expression(made.motion, None)))


@pytest.fixture(scope="module")
def tests() -> list[TestClip]:
    return [to_measure(seed) for seed in (7, 8)]


def test_real_motion_agrees_with_itself(tests: list[TestClip]) -> None:
    figures = real_figures(tests)
    assert figures["aperture_r"] == pytest.approx(1)
    assert figures["channel_r"] == pytest.approx(1)
    assert figures["lag"] == 0
    assert figures["head_std"] == pytest.approx(1)
    assert figures["mouth_velocity"] == pytest.approx(1)
    assert figures["frechet_mouth"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("name", CODES)
def test_every_representation_is_trained_and_measured(name: str, tests: list[TestClip], tmp_path: Path) -> None:
    plain = AblationOptions()
    options = replace(
        plain,
        generator=replace(plain.generator, steps=3, batch=2),
        code=replace(plain.code, steps=3, batch=2),
        size=replace(plain.size, width=16, blocks=1, heads=2, kernel=3, time_width=8),
    )
    made = contender(name, [clip(seed) for seed in range(4)], [clip(5)], REST, options, tmp_path, lambda _: None)
    assert (made.autoencoder is None) == (name == "explicit")
    assert made.considers_speech == ("eq. (1)" in name)
    assert list(tmp_path.iterdir()), "checkpoints"
    figures = evaluate(made, tests, tests, range(2))
    assert set(real_figures(tests)) <= set(figures)
    assert -1 <= figures["aperture_r"] <= 1
    assert figures["rtf"] > 0
    assert ("code_aperture_r" in figures) == (name != "explicit")
    assert ("phi_x_aperture_r" in figures) == made.considers_speech
