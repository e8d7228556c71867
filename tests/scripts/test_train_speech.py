"""The script that trains the speech model: each of its steps on a minute of made-up captures."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from scripts.lab.speech.captures.captures import Capture, captures, save_capture
from scripts.lab.speech.corpus.corpus import Utterance, save_utterance
from scripts.lab.speech.corpus.phones import PhoneSegment
from talkinghead.speech.generate.channels import MOTION_CHANNELS
from talkinghead.speech.generate.weights import load_generator
from talkinghead.speech.hear.network import NetworkSize
from talkinghead.speech.hear.weights import load_network, save_network

TINY = NetworkSize(phonetic_width=16, phonetic_dilations=(1, 2), motion_width=8, motion_dilations=(1,))
NAMES = ("SIL", "M", "AA", "S", "UW", "P", "IY", "T", "B", "EH", "D", "F", "AE", "SIL")


def spoken(seed: int, seconds: float = 3.0) -> Capture:
    """Noise with phones at equal distances, and lips that open with the vowels."""
    rng = np.random.default_rng(seed)
    edges = np.linspace(0, seconds, len(NAMES) + 1)
    phones = [PhoneSegment(n, float(a), float(b)) for n, a, b in zip(NAMES, edges[:-1], edges[1:], strict=True)]
    frames = round(seconds * 25)
    middles = (np.arange(frames) + 0.5) / 25
    opening = sum(np.exp(-(((middles - (p.start + p.end) / 2) / 0.1) ** 2)) for p in phones if p.name[0] in "AUIE")
    motion = np.zeros((frames, len(MOTION_CHANNELS)), np.float32)
    motion[:, 0] = 0.4 * opening * rng.uniform(0.8, 1.2)
    motion[:, 14:17] = np.cumsum(rng.normal(0, 0.002, (frames, 3)), 0)
    samples = (0.1 * rng.standard_normal(round(seconds * 16_000))).astype(np.float32)
    known, gap = np.ones(len(MOTION_CHANNELS), np.bool_), np.asarray(8 * opening, np.float32)
    return Capture(samples, motion, known, gap, phones, "my sue peas", f"clip{seed}")


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captures of every part."""
    folder = tmp_path_factory.mktemp("captures")
    for number, part in enumerate(["train"] * 6 + ["development"] * 2 + ["test"] * 2):
        save_capture(folder / part / "grid" / f"clip{number}.npz", spoken(number))
    return folder


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """With folders of the test's own for what a run keeps, and sizes for a second's training."""
    from scripts.lab.speech.encoder import trainer
    from scripts.lab.speech.generator import trainer as generator_trainer
    from talkinghead.speech.hear import network

    module = importlib.import_module("train_speech")
    for name in ("RUNS", "GENERATOR_CACHE"):
        monkeypatch.setattr(module, name, tmp_path / name)
    monkeypatch.setattr(network, "OFFLINE_SIZE", TINY)
    monkeypatch.setattr(network, "LIVE_SIZE", TINY)
    small = dataclasses.replace(trainer.TrainOptions(), batch=2, crop_seconds=1.0)
    monkeypatch.setattr(trainer, "TrainOptions", lambda **asked: dataclasses.replace(small, **asked))
    preset = dataclasses.replace(generator_trainer.PRESETS["cpu"], batch=2)
    monkeypatch.setitem(generator_trainer.PRESETS, "cpu", preset)
    return module


def run(script: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["train_speech.py", *map(str, arguments)])
    script.main()


@pytest.mark.parametrize("live", [False, True])
def test_an_encoder_is_trained(
    live: bool, script: ModuleType, filmed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, part in enumerate(["train"] * 3 + ["development"]):
        made = spoken(number)
        (tmp_path / "corpus" / part).mkdir(parents=True, exist_ok=True)
        save_utterance(tmp_path / "corpus" / part / f"{number}.npz",
                       Utterance(made.samples, made.phones, "test", made.text))  # fmt: skip
    output = tmp_path / "speech.safetensors"
    asked = ["train", "--corpus", tmp_path / "corpus", "--captures", filmed, "--output", output, "--steps", "2"]
    run(script, monkeypatch, *asked, *(["--live"] if live else []))
    assert load_network(output).size == TINY
    assert list((tmp_path / "RUNS").iterdir())


def test_the_teacher_is_calibrated(
    script: ModuleType,
    filmed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(script, monkeypatch, "calibrate", "--captures", filmed, "--output", tmp_path / "table.json")
    assert json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    lines = capsys.readouterr().out.splitlines()[-4:]
    assert [line.split()[:2] for line in lines] == [
        [part, name] for part in ("development", "test") for name in ("hand-made", "calibrated")
    ]
    found = [json.loads(line.split(" ", 2)[2].replace("'", '"')) for line in lines]
    assert all(row["clips"] == len(list(captures(filmed, "test"))) for row in found)
    assert found[1]["aperture_r"] > 0.5, "vowels open the lips here too"


def test_a_generator_is_trained(
    script: ModuleType, filmed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkinghead.speech.hear.network import SpeechNetwork

    save_network(SpeechNetwork(TINY).eval(), tmp_path / "encoder.safetensors", {})
    places = ["--captures", filmed, "--corpus", tmp_path / "none", "--output", tmp_path / "motion.safetensors"]
    run(script, monkeypatch, "generator", "--encoder", tmp_path / "encoder.safetensors", *places, "--steps", "2")
    assert load_generator(tmp_path / "motion.safetensors").names == MOTION_CHANNELS
